"""The program that `ostinato.data.voice` runs: eSpeak NG in a process of its own, which begins anew each time.

Standard input is a line of JSON for each text; standard output are, for each, the count of its samples and the samples,
16-bit. The library remembers things from one text to the next, so each is spoken by a copy of the process that has
spoken nothing yet. It imports nothing of Ostinato: it starts in milliseconds.
"""

import ctypes
import json
import os
import struct
import sys
from typing import Any

import espeakng_loader

RATE = 22_050
"""Samples a second that eSpeak NG speaks at."""

_SYNCHRONOUS, _DO_NOT_EXIT, _UTF8 = 2, 0x8000, 1
_RATE, _PITCH = 1, 3

_Heard = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Speaker:
    """The library, loaded and listened to."""

    def __init__(self) -> None:
        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        folder = espeakng_loader.get_data_path().encode()
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, folder, _DO_NOT_EXIT)
        if rate != RATE:
            raise SystemExit(f"eSpeak NG begins with {rate} samples a second, not {RATE}")
        self._samples = bytearray()
        self._callback = _Heard(self._heard)
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # the time of day otherwise: breath is random

    def _heard(self, wave: Any, count: int, events: Any) -> int:
        if wave and count:
            self._samples += ctypes.string_at(wave, 2 * count)
        return 0

    def speak(self, text: str, voice: str, pitch: int, speed: int) -> bytes:
        """The samples of a text."""
        self._samples.clear()
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise SystemExit(f"eSpeak NG has no voice {voice!r}")
        self._library.espeak_SetParameter(_RATE, speed, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        told = text.encode() + b"\0"
        self._library.espeak_Synth(told, ctypes.c_size_t(len(told)), 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        return bytes(self._samples)


def main() -> None:
    """Speaks what standard input tells."""
    speaker = Speaker()
    for line in sys.stdin.buffer.read().splitlines():
        if copy := os.fork():
            if code := os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]):
                raise SystemExit(code)
            continue
        samples = speaker.speak(**json.loads(line))
        sys.stdout.buffer.write(struct.pack("<I", len(samples) // 2) + samples)
        return


if __name__ == "__main__":
    main()
