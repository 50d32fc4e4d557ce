"""What a stream holds beside its keywords: noise, sound that is no word of theirs, and the background that is given."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ostinato.data.audio import AudioSpec
from ostinato.data.audio_checks import read_recordings
from ostinato.data.clip import Clip
from ostinato.data.labelled import LabelledSequences
from ostinato.errors import OstinatoError
from ostinato.tasks.classification.settings import SILENCE, UNKNOWN

Wave = npt.NDArray[np.float32]

MADE = 0.25
"""Recordings that are made no word, for each one that is trained on."""

PIECE = 2.0
"""Seconds of background that are one recording."""

DAY = 86_400.0
"""Seconds that a recording of background may last."""

QUIETEST, LOUDEST = -80.0, -30.0
"""Level of noise, in decibels below full scale."""


def noise(count: int, rng: np.random.Generator) -> Wave:
    """White noise, or such whose power falls towards high frequencies, as that of rooms does, at some quiet level."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    spectrum /= np.maximum(np.arange(len(spectrum)), len(spectrum) / 100) ** rng.uniform(0, 1)
    wave = np.fft.irfft(spectrum, count)
    level = 10 ** (rng.uniform(QUIETEST, LOUDEST) / 20)
    own = np.sqrt(np.square(wave).mean())
    return np.asarray(np.clip(wave * level / max(own, 1e-12), -1, 1), np.float32)


def with_distractors(keywords: LabelledSequences, background: Sequence[Clip], seed: int) -> LabelledSequences:
    """Recordings of keywords, and beside them some that hold none.

    As many of noise are `SILENCE` as a label has on average. `UNKNOWN` are recordings that are played from the end, or
    change to another keyword's in the middle of the word; and pieces of background, as many as keywords at most.

    Args:
        keywords: Each with one label.
        background: Sound without keywords.
        seed: Of what is drawn.
    """
    rng = np.random.default_rng(seed)
    clips, labels = keywords.clips, keywords.require_labels()
    rate = clips[0].rate
    quiet = [noise(clips[row].count, rng) for row in rng.integers(0, len(clips), len(clips) // len(set(labels)) + 1)]
    strange = [_no_word(clips, labels, rng) for _ in range(int(MADE * len(clips)) + 1)]
    pieces = list(_pieces(background))
    kept = rng.permutation(len(pieces))[: len(clips)]
    made = [(SILENCE, Clip.of_wave(wave, rate)) for wave in quiet]
    made += [(UNKNOWN, Clip.of_wave(wave, rate)) for wave in strange]
    made += [(UNKNOWN, pieces[number]) for number in kept]
    names = tuple(f"{label} {number}, made" for number, (label, _) in enumerate(made, 1))
    return replace(
        keywords,
        items=(*keywords.items, *(clip for _, clip in made)),
        labels=(*labels, *(label for label, _ in made)),
        names=(*keywords.names, *names),
        places=(*keywords.places, *names),
    )


def read_background(paths: Sequence[str], rate: int, *, skip_bad: bool = False) -> list[Clip]:
    """The recordings of sound without keywords.

    Args:
        paths: Folders, manifests, files.
        rate: Samples a second.
        skip_bad: Whether recordings that cannot be used are left out.

    Raises:
        OstinatoError: For anything wrong with them.
    """
    spec = AudioSpec(sample_rate=rate, skip_bad=skip_bad, max_audio_seconds=DAY)
    return [clip for path in paths for clip in read_recordings(path, spec, texts=False).clips if clip.count]


def parted(background: Sequence[Clip]) -> tuple[list[Clip], list[Clip]]:
    """Two thirds to learn from, one third to choose a threshold by.

    Raises:
        OstinatoError: There is one recording alone.
    """
    if len(background) == 1:
        raise OstinatoError("background: one recording, where one part is to learn from and one to judge by: give more")
    return [clip for row, clip in enumerate(background) if row % 3 != 1], list(background[1::3])


def _pieces(background: Sequence[Clip]) -> Iterator[Clip]:
    for clip in background:
        size = round(PIECE * clip.rate)
        wave = clip.wave()
        for start in range(0, max(len(wave) - size // 2, 1), size):
            yield Clip.of_wave(wave[start : start + size], clip.rate)


def _no_word(clips: Sequence[Clip], labels: Sequence[object], rng: np.random.Generator) -> Wave:
    first, second = rng.integers(0, len(clips), 2)
    if labels[first] == labels[second] or rng.random() < 0.5:
        return np.ascontiguousarray(clips[first].wave()[::-1])
    one, other = clips[first].wave(), clips[second].wave()
    return np.concatenate([one[: _middle(one)], other[_middle(other) :]])


def _middle(wave: Wave) -> int:
    """Where half of a recording's power has passed: in the middle of its word."""
    power = np.cumsum(np.square(wave, dtype=np.float64))
    return int(np.searchsorted(power, power[-1] / 2))
