"""Recordings as they might have been: another speed, loudness and background; parts of them hidden."""

import numpy as np
import numpy.typing as npt

from ostinato.modalities.log_mel import Frames

Wave = npt.NDArray[np.float32]

QUIETEST_NOISE = 50.0
"""Decibels below the recording of the least noise that is added."""

LOUDNESS = 6.0
"""Decibels by which a recording is made louder or softer, at most."""

BANDS, STRETCHES = 2, 2
"""Masks over bands, and over time."""

BAND, STRETCH = 0.2, 0.15
"""Share of the bands, and of the frames, that a mask covers at most."""


def another_speed(wave: Wave, rate: int, most: float, rng: np.random.Generator) -> Wave:
    """The wave up to a share `most` faster or slower, and with it higher or lower.

    After Ko et al. 2015, "Audio augmentation for speech recognition".
    """
    import soxr

    played = rate * rng.uniform(1 - most, 1 + most)
    return np.asarray(soxr.resample(wave, played, rate, quality="LQ"), np.float32)


def amid_silence(wave: Wave, rate: int, most: float, rng: np.random.Generator) -> Wave:
    """The wave with up to so many seconds before and behind it, each as loud as its quietest stretch."""
    stretch = max(rate // 50, 1)
    whole = wave[: len(wave) // stretch * stretch].reshape(-1, stretch)
    floor = float(np.sqrt(np.square(whole, dtype=np.float64).mean(axis=1)).min()) if len(whole) else 0.0
    before, behind = (
        rng.standard_normal(int(rate * rng.uniform(0, most)), np.float32) * np.float32(floor) for _ in range(2)
    )
    return np.concatenate([before, wave, behind])


def another_background(wave: Wave, loudest: float, rng: np.random.Generator) -> Wave:
    """The wave a little louder or softer, with white noise at least `loudest` decibels below it."""
    level = float(np.sqrt(np.square(wave, dtype=np.float64).mean())) if len(wave) else 0.0
    below = rng.uniform(loudest, QUIETEST_NOISE)
    noise = rng.standard_normal(len(wave), np.float32) * np.float32(level * 10 ** (-below / 20))
    return (wave + noise) * np.float32(10 ** (rng.uniform(-LOUDNESS, LOUDNESS) / 20))


def hidden_in_part(frames: Frames, rng: np.random.Generator) -> Frames:
    """Normalised frames, some bands and stretches of which are 0, the mean: SpecAugment (Park et al. 2019)."""
    hidden = frames.copy()
    for _ in range(BANDS):
        hidden[:, _stretch(frames.shape[1], BAND, rng)] = 0
    for _ in range(STRETCHES):
        hidden[_stretch(len(frames), STRETCH, rng)] = 0
    return hidden


def _stretch(length: int, most: float, rng: np.random.Generator) -> slice:
    width = int(rng.integers(0, int(most * length) + 1))
    first = int(rng.integers(0, length - width + 1))
    return slice(first, first + width)
