"""Texts spoken by eSpeak NG, in many voices: speech to train on, and replies that are heard."""

import json
import struct
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from ostinato.data.audio_files import FULL_SCALE
from ostinato.errors import OstinatoError

PROGRAM = Path(__file__).with_name("espeak.py")
"""What speaks, in a process of its own."""

RATE = 22_050
"""Samples a second of what is spoken."""

ENGLISH = ("en-us", "en-us", "en-us", "en", "en-gb-x-rp", "en-gb-scotland", "en-us-nyc", "en-029")
"""Languages that `Voice.drawn` takes for "en", American ones oftener."""

VARIANTS = (
    *("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5", "Andy", "Annie", "Jacky", "Lee"),
    *("Mario", "Michael", "Mike", "adam", "belinda", "boris", "ed", "linda", "max", "paul", "rob", "steph", "steph2"),
)
"""Speakers that sound like people."""


class Voice(NamedTuple):
    """Who speaks.

    Attributes:
        language: As eSpeak NG names it: "en-us", "de", "fr".
        variant: A speaker, one of `VARIANTS` or another that eSpeak NG has; empty for its own.
        pitch: From 0 to 99.
        speed: Words a minute, 80 to 450.

    Example:
        >>> import numpy as np
        >>> from ostinato.data import Voice
        >>> Voice("en-gb-scotland", "f2", speed=150).name
        'en-gb-scotland+f2'
        >>> Voice.drawn(np.random.default_rng(0)).language
        'en-us-nyc'
    """

    language: str = "en-us"
    variant: str = ""
    pitch: int = 50
    speed: int = 170

    @property
    def name(self) -> str:
        """As eSpeak NG spells it."""
        return f"{self.language}+{self.variant}" if self.variant else self.language

    @classmethod
    def drawn(cls, rng: np.random.Generator, language: str = "en") -> Self:
        """A voice at random; of "en" also an accent."""
        languages = ENGLISH if language == "en" else (language,)
        return cls(
            language=languages[int(rng.integers(len(languages)))],
            variant=VARIANTS[int(rng.integers(len(VARIANTS)))],
            pitch=int(rng.integers(25, 80)),
            speed=int(rng.integers(120, 210)),
        )


def speak(texts: Sequence[str], voices: Sequence[Voice]) -> list[npt.NDArray[np.float32]]:
    """Texts as waves, `RATE` samples a second, between -1 and 1, each ``(samples,)``.

    They are spoken in a process of its own: the same text in the same voice is the same wave, bit for bit, whatever was
    spoken before.

    Args:
        texts: To be spoken.
        voices: One for each.

    Raises:
        OstinatoError: The extra ``voice`` is not installed; a text is empty; a voice that is none.

    Example:
        >>> from ostinato.data import Voice, speak
        >>> (wave,) = speak(["one coffee, please"], [Voice("en-us", "f2")])
        >>> wave.dtype, 1 < len(wave) / 22_050 < 2
        (dtype('float32'), True)
    """
    if find_spec("espeakng_loader") is None:
        raise OstinatoError("texts are spoken by eSpeak NG: pip install 'ostinato[voice]'")
    orders = [_order(text, voice) for text, voice in zip(texts, voices, strict=True)]
    ended = subprocess.run(
        [sys.executable, str(PROGRAM)], input="\n".join(orders).encode(), capture_output=True, check=False
    )
    if ended.returncode:
        raise OstinatoError(ended.stderr.decode(errors="replace").strip() or f"eSpeak NG ended with {ended.returncode}")
    return _waves(ended.stdout)


def _order(text: str, voice: Voice) -> str:
    if not text.strip() or "\0" in text:
        raise OstinatoError(f"{text!r} cannot be spoken: give words")
    if voice.variant and voice.variant not in _variants():
        raise OstinatoError(f"variant={voice.variant!r}: there are: {', '.join(sorted(_variants()))}")
    if not (0 <= voice.pitch <= 99 and 80 <= voice.speed <= 450):
        raise OstinatoError(f"pitch={voice.pitch}, speed={voice.speed}: give 0 to 99, and 80 to 450 words a minute")
    return json.dumps({"text": text, "voice": voice.name, "pitch": voice.pitch, "speed": voice.speed})


@cache
def _variants() -> frozenset[str]:
    """Those that are installed; eSpeak NG itself takes another one in silence."""
    import espeakng_loader

    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    return frozenset(file.name for file in folder.iterdir())


def _waves(told: bytes) -> list[npt.NDArray[np.float32]]:
    waves, at = [], 0
    while at < len(told):
        (count,) = struct.unpack_from("<I", told, at)
        samples = np.frombuffer(told, np.int16, count, at + 4)
        waves.append(samples.astype(np.float32) / np.float32(FULL_SCALE))
        at += 4 + 2 * count
    return waves
