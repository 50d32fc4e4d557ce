"""One recording, or a stretch of one, held in memory or decoded when it is asked for."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from ostinato.data.audio_files import FULL_SCALE, AudioFile, Samples, UnreadableError, decode, quantised, resampled
from ostinato.errors import OstinatoError


@dataclass(frozen=True, eq=False)
class Clip:
    """A recording, or a stretch of one, checked.

    Attributes:
        file: Where it lies; None for one in memory.
        rate: Samples a second.
        count: Samples at that rate; 0 for one that could not be read, where that was allowed.
        held: The samples; None: they are decoded whenever they are asked for.
        start: Second of the file at which it begins.
        end: Second at which it ends; None for the end of the file.
        speaker: Who speaks; empty where that is not known.
        split: The part that a manifest puts it in; empty for none.

    Example:
        >>> import numpy as np
        >>> from ostinato.data import Clip
        >>> clip = Clip.of_wave(np.zeros(8000), 16000)
        >>> clip.seconds, clip.wave().shape
        (0.5, (8000,))
    """

    file: AudioFile | None
    rate: int
    count: int
    held: Samples | None = None
    start: float = 0.0
    end: float | None = None
    speaker: str = ""
    split: str = ""

    @classmethod
    def of_wave(cls, wave: npt.ArrayLike, rate: int, speaker: str = "") -> Self:
        """Samples in memory: numbers between -1 and 1, or 16-bit whole numbers, ``(samples,)``."""
        samples = as_samples(wave)
        return cls(None, rate, len(samples), samples, speaker=speaker)

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.count / self.rate

    def wave(self) -> npt.NDArray[np.float32]:
        """Its samples, between -1 and 1, ``(count,)``.

        Raises:
            OstinatoError: Its file has changed since it was checked.
        """
        samples = self._decoded() if self.held is None else self.held
        return samples.astype(np.float32) / np.float32(FULL_SCALE)

    def _decoded(self) -> Samples:
        if self.file is None:
            return np.zeros(0, np.int16)
        try:
            read = decode(self.file, self.start, self.end)
        except UnreadableError as error:
            raise OstinatoError(f"{self.file}: {error}; it was readable when it was checked") from None
        samples = resampled(read.samples, read.rate, self.rate)
        if len(samples) != self.count:
            raise OstinatoError(f"{self.file}: {len(samples):,} samples, {self.count:,} when it was checked")
        return samples


def as_samples(wave: npt.ArrayLike) -> Samples:
    """A wave in memory as 16-bit numbers.

    Raises:
        OstinatoError: It is not of one channel, or not of finite numbers between -1 and 1.
    """
    array = np.asarray(wave)
    if array.ndim != 1 or array.dtype.kind not in "if":
        raise OstinatoError(f"a wave of shape {array.shape} and kind {array.dtype}: give numbers of shape (samples,)")
    if array.dtype == np.int16:
        return array
    if array.dtype.kind == "i":
        raise OstinatoError(f"a wave of {array.dtype} numbers: give int16, or floats between -1 and 1")
    try:
        return quantised(array)
    except UnreadableError as error:
        raise OstinatoError(f"a wave: {error}") from None
