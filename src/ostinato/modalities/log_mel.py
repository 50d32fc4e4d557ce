"""Log-mel features of sound, the same whether a recording is read whole or a few samples at a time."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ostinato.errors import OstinatoError

Frames = npt.NDArray[np.float32]
"""``(frames, mels)``."""

FLOOR = 1e-6
"""Added to the power of a band before its logarithm is taken: about -80 dBFS, so that digital silence is a number."""

BLOCK = 4096
"""Windows that are computed side by side, so that a long sound takes no more memory than that."""

LOWEST = 20.0
"""Hz at which the first band begins."""


@dataclass(frozen=True)
class LogMel:
    """How sound becomes frames: windows of it, the power of each in bands, and the logarithm of that.

    Every frame is computed by the same operations on the same numbers, one frame by itself: a transform of real numbers
    row by row, and a product of a vector and a matrix. So its bits do not depend on how many frames there are, as those
    of `torch.stft` and of a product of matrices do; a test compares it with `torch.stft`.

    Attributes:
        rate: Samples a second.
        mels: Bands.
        window_ms: Length of a window, in milliseconds.
        hop_ms: From one window to the next.

    Example:
        >>> import numpy as np
        >>> from ostinato.modalities.log_mel import LogMel
        >>> form = LogMel(16000, 40)
        >>> form.frames(np.zeros(form.window, np.float32)).shape, form.hop
        ((1, 40), 160)
    """

    rate: int
    mels: int
    window_ms: float = 25.0
    hop_ms: float = 10.0

    def __post_init__(self) -> None:
        """Makes sure that there is a window, and that windows overlap."""
        if not 0 < self.hop <= self.window:
            raise ValueError(f"hop_ms={self.hop_ms:g} at {self.rate} Hz: at least a sample, at most {self.window_ms:g}")

    @property
    def window(self) -> int:
        """Samples of a window."""
        return round(self.rate * self.window_ms / 1000)

    @property
    def hop(self) -> int:
        """Samples from one window to the next."""
        return round(self.rate * self.hop_ms / 1000)

    @cached_property
    def bank(self) -> npt.NDArray[np.float32]:
        """The weights of each frequency in each band, ``(frequencies, mels)``.

        Triangles whose corners are evenly spaced in mels, 2595 log10(1 + f / 700), as in the HTK Book, section 5.4; the
        transform is long enough for each band to have a frequency of its own.

        Raises:
            OstinatoError: There are too many bands for that.
        """
        for bits in range(max(int(np.ceil(np.log2(self.window))), 9), 14):
            bank = self._triangles(1 << bits)
            if bank.any(axis=0).all():
                return bank
        raise OstinatoError(f"mels={self.mels}: too many bands for {self.rate:,} samples a second: lower it")

    def _triangles(self, size: int) -> npt.NDArray[np.float32]:
        frequencies = np.fft.rfftfreq(size, 1 / self.rate)[:, None]
        low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (LOWEST, self.rate / 2))
        corners = 700 * (10 ** (np.linspace(low, high, self.mels + 2) / 2595) - 1)
        left, top, right = corners[:-2], corners[1:-1], corners[2:]
        sides = np.minimum((frequencies - left) / (top - left), (right - frequencies) / (right - top))
        return np.maximum(sides, 0).astype(np.float32)

    @cached_property
    def taper(self) -> npt.NDArray[np.float32]:
        """What a window is multiplied by: a periodic Hann window."""
        return np.hanning(self.window + 1)[:-1].astype(np.float32)

    def count(self, samples: int) -> int:
        """Frames of so many samples: one for every window that holds a sample which no window before it does."""
        return 0 if samples == 0 else 1 + max(-(-(samples - self.window) // self.hop), 0)

    def frames(self, samples: npt.NDArray[np.float32]) -> Frames:
        """The frames of all whole windows, ``(frames, mels)``."""
        if len(samples) < self.window:
            return np.zeros((0, self.mels), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(samples, self.window)[:: self.hop]
        return np.concatenate([self._block(windows[first : first + BLOCK]) for first in range(0, len(windows), BLOCK)])

    def _block(self, windows: npt.NDArray[np.float32]) -> Frames:
        spectrum = np.fft.rfft(windows * self.taper, 2 * (len(self.bank) - 1))  # each row by itself
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        bands = np.matmul(power[:, None, :].astype(np.float32), self.bank)[:, 0]  # a vector at a time
        return np.asarray(np.log(bands + np.float32(FLOOR)))


class FeatureStream:
    """The frames of a sound that comes in chunks of any size: bit for bit those of the whole.

    Args:
        form: How sound becomes frames.

    Example:
        >>> import numpy as np
        >>> from ostinato.modalities.log_mel import FeatureStream, LogMel
        >>> stream, sound = FeatureStream(LogMel(16000, 40)), np.ones(1000, np.float32)
        >>> [len(stream.feed(part)) for part in np.split(sound, 4)], len(stream.flush())
        ([0, 1, 2, 1], 1)
    """

    def __init__(self, form: LogMel) -> None:
        self.form = form
        self.reset()

    def reset(self) -> None:
        """Begins a new sound."""
        self._kept = np.zeros(0, np.float32)
        self._begun = False

    def feed(self, samples: npt.NDArray[np.float32]) -> Frames:
        """The frames that some more samples complete, ``(frames, mels)``.

        Args:
            samples: Between -1 and 1, float32 ``(samples,)``, one and none included.

        Raises:
            ValueError: For another shape, whole numbers, or numbers that are not finite.
        """
        if samples.ndim != 1 or samples.dtype.kind != "f":
            raise ValueError(
                f"samples must be fractions between -1 and 1, (samples,), got {samples.dtype} {samples.shape}; divide "
                "16-bit numbers by 32,768"
            )
        if not np.isfinite(samples).all():
            raise ValueError("samples hold numbers that are not finite")
        self._kept = np.concatenate([self._kept, samples.astype(np.float32, copy=False)])
        frames = self.form.frames(self._kept)
        self._kept = self._kept[len(frames) * self.form.hop :]
        self._begun = self._begun or bool(len(frames))
        return frames

    def flush(self) -> Frames:
        """The last frame, filled up with zeros, where samples are left that no frame has seen; a new sound begins."""
        seen = self.form.window - self.form.hop if self._begun else 0
        rest = self._kept
        self.reset()
        if len(rest) <= seen:
            return np.zeros((0, self.form.mels), np.float32)
        return self.form.frames(np.pad(rest, (0, self.form.window - len(rest))))
