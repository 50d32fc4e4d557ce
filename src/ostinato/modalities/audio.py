"""Recordings as log-mel frames, each band at unit scale; and the convolutions that a network begins with."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn
from torch.nn import functional as F

from ostinato.data.clip import Clip
from ostinato.errors import OstinatoError
from ostinato.modalities.augmentation import amid_silence, another_background, another_speed, hidden_in_part
from ostinato.modalities.log_mel import FeatureStream, Frames, LogMel
from ostinato.modalities.modality import FrontEnd, Modality, Steps
from ostinato.options import DATA, Option

LEARNED_FROM = 3600.0
"""Seconds of recordings, evenly spread, from which the mean and spread of bands are taken."""

KERNEL = 3
"""Frames, and bands, that a convolution sees."""

STRIDES: dict[int, tuple[int, int]] = {1: (1, 1), 2: (2, 1), 4: (2, 2)}
"""Of the two convolutions over time, by how many frames become one step."""


class AudioSettings(BaseModel):
    """How recordings are read, and made features.

    Example:
        >>> from ostinato.modalities import AudioSettings
        >>> AudioSettings(mels=64, subsampling=4).speed
        0.1
    """

    sample_rate: int | None = Field(
        None,
        ge=4_000,
        le=384_000,
        description="Samples a second at which audio is read; None takes 16,000, or the commonest rate of the data "
        "where that is lower.",
    )
    max_audio_seconds: float = Field(30.0, gt=0, description="How long a recording may be.")
    skip_bad: Annotated[bool, Option("", DATA, "Audio: leave out what cannot be used, and name it.")] = Field(
        False,
        description="Whether recordings that cannot be used are left out, and named; else they are an error.",
    )
    mels: int = Field(40, ge=4, le=256, description="Audio: bands of frequencies.")
    window_ms: float = Field(25.0, gt=0, le=1000, description="Audio: length of a window, in milliseconds.")
    hop_ms: float = Field(10.0, gt=0, le=1000, description="Audio: from one window to the next, in milliseconds.")
    subsampling: Literal[1, 2, 4] = Field(2, description="Audio: frames that become one step of the network.")
    channels: int = Field(32, ge=1, description="Audio: of the convolutions that the network begins with.")
    specaugment: bool = Field(True, description="Audio: whether training hides bands and stretches of time.")
    speed: float = Field(0.1, ge=0, le=0.5, description="Audio: share by which training changes the speed, at most.")
    silence: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Audio: seconds of quiet that training adds before and behind a recording, at most: a stream is "
        "silent in between.",
    )
    noise: float | None = Field(
        15.0,
        ge=-10,
        lt=50,
        description="Audio: training adds white noise, at least so many decibels below the recording, and changes its "
        "loudness a little; None for neither.",
    )


class AudioFrontEnd(FrontEnd):
    """Two convolutions over frames and bands, of which one step sees the frames before it and none after.

    Zeros, the mean of normalised frames, stand before the first one, and nothing is filled up between the convolutions:
    a step depends on its last `context` frames alone, so that `steps` of a stream are those of the whole.

    Args:
        mels: Bands of a frame.
        settings: With `AudioSettings` and ``dropout``.

    Example:
        >>> import torch
        >>> from ostinato import SequenceClassifier
        >>> from ostinato.modalities import AudioFrontEnd
        >>> front_end = AudioFrontEnd(40, SequenceClassifier(subsampling=4).settings)
        >>> features, lengths = front_end(torch.randn(2, 100, 40), torch.tensor([100, 61]))
        >>> features.shape, lengths.tolist()
        (torch.Size([2, 25, 320]), [25, 16])
    """

    def __init__(self, mels: int, settings: Any) -> None:
        super().__init__()
        first, second = STRIDES[settings.subsampling]
        self.subsampling, self.context = settings.subsampling, KERNEL + (KERNEL - 1) * first
        around = (0, KERNEL // 2)
        self.first = nn.Conv2d(1, settings.channels, KERNEL, (first, 2), around)
        self.second = nn.Conv2d(settings.channels, settings.channels, KERNEL, (second, 2), around)
        self.drop = nn.Dropout(settings.dropout)
        self.width = settings.channels * -(-mels // 4)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        features = self.steps(F.pad(x, (0, 0, self.context - 1, 0)))
        return self.drop(features), self.steps_of(lengths)

    def steps_of(self, frames: Tensor) -> Tensor:
        """How many steps so many frames become."""
        return torch.div(frames + self.subsampling - 1, self.subsampling, rounding_mode="floor")

    def steps(self, frames: Tensor) -> Tensor:
        """Features ``(batch, steps, width)``, one step for every `subsampling` frames behind the first `context`.

        Args:
            frames: ``(batch, frames, mels)``; in a stream the last `context` frames for one step.
        """
        y: Tensor = F.relu(self.second(F.relu(self.first(frames[:, None]))))  # (batch, channels, steps, bands)
        return y.transpose(1, 2).flatten(2)


@dataclass(frozen=True, eq=False)
class Audio(Modality):
    """Log-mel frames, each band with mean 0 and standard deviation 1 on the training part.

    Attributes:
        rate: Samples a second.
        mels: Bands.
        window_ms: Length of a window.
        hop_ms: From one window to the next.
        mean: Of each band, float32 ``(mels,)``.
        spread: Standard deviation, float32 ``(mels,)``.
        specaugment: Whether training hides parts.
        speed: Share by which training changes the speed, at most.
        silence: Seconds of quiet that training adds before and behind, at most.
        noise: Decibels between a recording and the noise that training adds, at least; None for no noise.
        max_length: Frames read of each recording, the first ones; None for all.

    Example:
        >>> import numpy as np
        >>> from ostinato.data import Recordings
        >>> from ostinato.modalities import Audio, AudioSettings
        >>> recordings = Recordings.of_waves([np.sin(np.arange(16000) * 0.1) / 2], 16000)
        >>> audio = Audio.learn(recordings, AudioSettings())
        >>> audio.steps(recordings.clips[0]).shape
        (99, 40)
    """

    name: ClassVar[str] = "audio"
    kinds: ClassVar[str] = "recordings"
    settings_blocks: ClassVar = (AudioSettings,)
    on_demand: ClassVar[bool] = True
    rate: int
    mels: int
    window_ms: float
    hop_ms: float
    mean: npt.NDArray[np.float32]
    spread: npt.NDArray[np.float32]
    specaugment: bool
    speed: float
    silence: float
    noise: float | None
    max_length: int | None = None

    def __post_init__(self) -> None:
        """Makes sure that each band has its mean and spread, and that there are frames of such a form."""
        if not (self.mels,) == self.mean.shape == self.spread.shape:
            raise ValueError(f"{self.mels} bands, means {self.mean.shape}, spreads {self.spread.shape}")
        _ = self.form.bank

    @cached_property
    def form(self) -> LogMel:
        """How sound becomes frames."""
        return LogMel(self.rate, self.mels, self.window_ms, self.hop_ms)

    @classmethod
    def learn(cls, records: Any, settings: Any) -> Self:
        clips = _clips_of(records)
        rate = clips[0].rate
        nothing, one = np.zeros(settings.mels, np.float32), np.ones(settings.mels, np.float32)
        form = (rate, settings.mels, settings.window_ms, settings.hop_ms)
        how = (settings.specaugment, settings.speed, settings.silence, settings.noise)
        most = getattr(settings, "max_length", None)
        raw = cls(*form, nothing, one, *how, most)
        every = max(int(sum(clip.seconds for clip in clips) / LEARNED_FROM), 1)
        frames = [raw.whole(clip) for clip in clips[::every]]
        count = sum(map(len, frames))
        if not count:
            raise OstinatoError(f"{records.origin}: the recordings hold no sound to learn from")
        mean = sum(each.sum(axis=0, dtype=np.float64) for each in frames) / count
        square = sum(np.square(each - mean).sum(axis=0, dtype=np.float64) for each in frames) / count
        spread = np.maximum(np.sqrt(square), 1e-3)  # a band that never changes stays 0
        return cls(*form, mean.astype(np.float32), spread.astype(np.float32), *how, most)

    def stream(self) -> "AudioStream":
        """What gives the same frames as `steps`, of samples that come in chunks."""
        return AudioStream(self)

    def normalised(self, frames: Frames) -> Frames:
        """Frames with each band at unit scale."""
        return (frames - self.mean) / self.spread

    def _frames(self, wave: npt.NDArray[np.float32]) -> Frames:
        stream = self.stream()
        return np.concatenate([stream.feed(wave), stream.flush()])

    def whole(self, item: Clip) -> Steps:
        return self._frames(item.wave())

    def length(self, item: Clip) -> int:
        return min(self.form.count(item.count), self.max_length or item.count)

    def steps(self, item: Clip, rng: np.random.Generator | None = None) -> Steps:
        if rng is None:
            return super().steps(item)
        wave = item.wave()
        if self.speed:
            wave = another_speed(wave, self.rate, self.speed, rng)
        if self.silence:
            wave = amid_silence(wave, self.rate, self.silence, rng)
        if self.noise is not None:
            wave = another_background(wave, self.noise, rng)
        frames = self._frames(wave)[: self.max_length]
        return hidden_in_part(frames, rng) if self.specaugment else frames

    def longer(self, items: Sequence[Clip]) -> int:
        return 0 if self.max_length is None else sum(self.form.count(item.count) > self.max_length for item in items)

    def plain(self, item: Clip) -> npt.NDArray[np.float64]:
        return self.steps(item).astype(np.float64)

    def check(self, records: Any) -> None:
        for clip in _clips_of(records):
            if clip.rate != self.rate:
                raise OstinatoError(
                    f"{records.origin}: {clip.rate:,} samples a second, where training had {self.rate:,}"
                )

    def front_end(self, settings: Any) -> AudioFrontEnd:
        return AudioFrontEnd(self.mels, settings)

    def summary(self, settings: Any) -> str:
        return f"{self.mels} bands of {self.rate:,} Hz sound, a step every {self.hop_ms * settings.subsampling:g} ms"


class AudioStream:
    """The frames of sound that comes in chunks of any size: bit for bit those of the whole recording.

    Args:
        audio: Whose bands are normalised.

    Example:
        >>> import numpy as np
        >>> from ostinato.data import Clip, Recordings
        >>> from ostinato.modalities import Audio, AudioSettings
        >>> sound = (np.sin(np.arange(4000) * 0.1) / 2).astype(np.float32)
        >>> recordings = Recordings.of_waves([sound], 16000)
        >>> audio = Audio.learn(recordings, AudioSettings())
        >>> stream, wave = audio.stream(), recordings.clips[0].wave()
        >>> frames = [*(stream.feed(part) for part in np.split(wave, 8)), stream.flush()]
        >>> bool((np.concatenate(frames) == audio.steps(recordings.clips[0])).all())
        True
    """

    def __init__(self, audio: Audio) -> None:
        self.audio, self._stream = audio, FeatureStream(audio.form)

    def feed(self, samples: npt.NDArray[np.float32]) -> Frames:
        """The frames that some more samples complete, see `FeatureStream.feed`."""
        return self.audio.normalised(self._stream.feed(samples))

    def flush(self) -> Frames:
        """The last frame, see `FeatureStream.flush`."""
        return self.audio.normalised(self._stream.flush())

    def reset(self) -> None:
        """Begins a new sound."""
        self._stream.reset()


def _clips_of(records: Any) -> Sequence[Clip]:
    """The clips of records, whichever they are.

    Raises:
        OstinatoError: These are no recordings.
    """
    if records.modality != "audio":
        raise OstinatoError(f"{records.origin}: no recordings, where recordings are needed")
    return records.clips  # type: ignore[no-any-return]
