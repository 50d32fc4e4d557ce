"""Orders cut from sound that does not end: from where somebody begins to speak to where he is quiet for a while."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

Wave = npt.NDArray[np.float32]

ABOVE = 12.0
"""Decibels above the background from which a chunk is speech."""

QUIET = 0.8
"""Seconds without speech that end an order."""

BEFORE = 0.3
"""Seconds before speech that belong to it."""

SHORTEST, LONGEST = 0.3, 30.0
"""Seconds of speech below which it was a click, and after which an order is cut."""

FLOOR = 1e-4
"""Amplitude below which all is background."""


def utterances(chunks: Iterable[Wave], rate: int) -> Iterator[Wave]:
    """What is said in sound that comes in chunks, one order at a time.

    The background is the quietest chunk so far, which is forgotten by a decibel a second.

    Args:
        chunks: Each ``(samples,)``, about 0.1 seconds.
        rate: Samples a second.
    """
    background, said, spoken, silent = np.inf, list[Wave](), 0.0, 0.0
    for chunk in chunks:
        seconds = len(chunk) / rate
        level = max(float(np.sqrt(np.square(chunk).mean())) if len(chunk) else 0.0, FLOOR)
        background = min(level, background * 10 ** (seconds / 20))
        speech = level > background * 10 ** (ABOVE / 20)
        said.append(chunk)
        spoken, silent = (spoken + seconds, 0.0) if speech else (spoken, silent + seconds)
        if spoken and (silent >= QUIET or sum(map(len, said)) >= LONGEST * rate):
            if spoken >= SHORTEST:
                yield np.concatenate(said)
            said, spoken, silent = [], 0.0, 0.0
        elif not spoken:
            said = [np.concatenate(said)[-round(BEFORE * rate) :]]
    if spoken >= SHORTEST:
        yield np.concatenate(said)
