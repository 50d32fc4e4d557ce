"""Sound from a microphone, as chunks of samples."""

from collections.abc import Generator, Iterator
from importlib import import_module
from importlib.util import find_spec
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from ostinato.errors import OstinatoError

CHUNK_MS = 100
"""Milliseconds of a chunk."""

LATE = 300
"""Chunks that may wait to be read, half a minute; more are an error, as memory would fill up."""


def microphone(rate: int) -> Iterator[npt.NDArray[np.float32]]:
    """Chunks of what the microphone hears, for ever: float32 ``(samples,)`` between -1 and 1.

    Args:
        rate: Samples a second; the device's own rate is changed to it.

    Raises:
        OstinatoError: The extra ``mic`` is not installed, there is no microphone, or chunks are not read as fast as
            they come.
    """
    if find_spec("miniaudio") is None:
        raise OstinatoError("the microphone needs miniaudio: pip install 'ostinato[mic]'")
    miniaudio = import_module("miniaudio")
    heard: SimpleQueue[bytes] = SimpleQueue()
    real = [backend for backend in miniaudio.Backend if backend.name != "NULL"]  # which hears silence without a device
    try:
        device = miniaudio.CaptureDevice(miniaudio.SampleFormat.FLOAT32, 1, rate, CHUNK_MS, backends=real)
    except miniaudio.MiniaudioError as error:
        told = ", ".join(map(str, error.args))
        raise OstinatoError(f"no microphone can be opened: {told}; give a file") from None
    with device:
        device.start(_into(heard))
        while True:
            yield np.frombuffer(heard.get(), np.float32)
            if heard.qsize() > LATE:
                raise OstinatoError("the microphone hears faster than this machine computes: take a smaller model")


def _into(heard: SimpleQueue[bytes]) -> Generator[None, Any, None]:
    """What takes chunks from the device's own thread; it waits for the first."""

    def taking() -> Generator[None, Any, None]:
        while True:
            heard.put(bytes((yield)))

    chunks = taking()
    next(chunks)
    return chunks
