"""Which frames known labels come from: the best alignment, and how sure each label of it is."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.topologies.ctc_search import Frames, as_frames
from ostinato.topologies.scorers import Floats


class AlignedLabel(NamedTuple):
    """A label and the frames it comes from.

    Attributes:
        label: The label.
        start: Its first frame.
        end: The frame behind its last.
        confidence: The mean of its probability over these frames: a raw score, not calibrated.

    Example:
        >>> from ostinato.topologies import AlignedLabel
        >>> label = AlignedLabel(label=3, start=12, end=14, confidence=0.97)
        >>> label.start * 0.04  # seconds, where a frame is 40 milliseconds
        0.48
    """

    label: int
    start: int
    end: int
    confidence: float


class AlignedWord(NamedTuple):
    """A word and the frames it comes from.

    Attributes:
        labels: Its labels.
        start: Its first frame.
        end: The frame behind its last.
        product: The product of its labels' confidences.
        mean: The mean of them.

    Example:
        >>> from ostinato.topologies import AlignedLabel, aligned_words
        >>> labels = [AlignedLabel(1, 0, 2, 0.9), AlignedLabel(4, 2, 3, 1.0), AlignedLabel(2, 5, 6, 0.5)]
        >>> aligned_words(labels, separators=[4])[1]
        AlignedWord(labels=(2,), start=5, end=6, product=0.5, mean=0.5)
    """

    labels: tuple[int, ...]
    start: int
    end: int
    product: float
    mean: float


def ctc_align(log_probs: Frames, labels: Sequence[int], *, blank: int = 0) -> list[AlignedLabel]:
    """The best of all alignments of labels with frames (Viterbi 1967, over the lattice of Graves et al. 2006).

    Args:
        log_probs: Log-probabilities of each class at each frame ``(time, classes)``, a tensor or an array.
        labels: The labels.
        blank: The class that is no label.

    Returns:
        Each label with its frames, in order. Frames of blanks are those between.

    Raises:
        ValueError: For frames of another shape or that hold NaN, labels that are none, or labels that cannot be
            aligned: with too few frames, or all of whose alignments have a probability of zero.

    Example:
        >>> import numpy as np
        >>> from ostinato.topologies import ctc_align
        >>> frames = np.log([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]])
        >>> [(each.label, each.start, each.end) for each in ctc_align(frames, [1, 2])]
        [(1, 1, 3), (2, 3, 4)]
    """
    frames = as_frames(log_probs, blank)
    wanted = np.array(labels, np.int64)
    if wanted.ndim != 1 or ((wanted < 0) | (wanted >= frames.shape[1]) | (wanted == blank)).any():
        raise ValueError(f"labels must lie between 0 and {frames.shape[1] - 1} and not be {blank}, got {list(labels)}")
    needed = len(wanted) + int((wanted[1:] == wanted[:-1]).sum())
    if len(frames) < needed:
        raise ValueError(f"{len(frames)} frames are too few for {len(wanted)} labels, which need {needed}")
    places = _best_path(frames, wanted, blank)
    aligned = []
    for place, label in enumerate(wanted.tolist()):
        (at,) = np.nonzero(places == 2 * place + 1)
        start, end = int(at[0]), int(at[-1]) + 1
        aligned.append(AlignedLabel(label, start, end, float(np.exp(frames[start:end, label]).mean())))
    return aligned


def _best_path(frames: Floats, labels: npt.NDArray[np.int64], blank: int) -> npt.NDArray[np.int64]:
    """The place of each frame ``(time,)`` among the labels with a blank before, between and behind them."""
    classes = np.full(2 * len(labels) + 1, blank)
    classes[1::2] = labels
    # A blank may be left out between two labels that differ.
    skips = np.zeros(len(classes), np.bool_)
    skips[3::2] = labels[1:] != labels[:-1]
    best = np.full(len(classes), -np.inf)
    best[0] = 0  # as if a blank came before the first frame
    steps = np.zeros((len(frames), len(classes)), np.int8)
    for time, frame in enumerate(frames):
        ways = np.full((3, len(classes)), -np.inf)
        ways[0] = best
        ways[1, 1:] = best[:-1]
        ways[2, 2:] = np.where(skips[2:], best[:-2], -np.inf)
        steps[time] = ways.argmax(0)
        best = ways.max(0) + frame[classes]
    place = len(classes) - 1
    if len(labels) and best[-2] > best[-1]:
        place -= 1
    if best[place] == -np.inf:
        raise ValueError("every alignment of these labels has a probability of zero")
    places = np.empty(len(frames), np.int64)
    for time in reversed(range(len(frames))):
        places[time] = place
        place -= steps[time, place]
    return places


def aligned_words(labels: Sequence[AlignedLabel], separators: Collection[int]) -> list[AlignedWord]:
    """Labels put together to words.

    Args:
        labels: The aligned labels of a text.
        separators: Labels between words.

    Example:
        >>> from ostinato.topologies import AlignedLabel, aligned_words
        >>> labels = [AlignedLabel(1, 0, 2, 0.5), AlignedLabel(2, 2, 3, 0.5), AlignedLabel(4, 4, 5, 1.0)]
        >>> aligned_words(labels, separators=[4])
        [AlignedWord(labels=(1, 2), start=0, end=3, product=0.25, mean=0.5)]
    """
    words: list[list[AlignedLabel]] = [[]]
    for label in labels:
        if label.label in separators:
            words.append([])
        else:
            words[-1].append(label)
    return [_word(word) for word in words if word]


def _word(labels: Sequence[AlignedLabel]) -> AlignedWord:
    sure = np.array([each.confidence for each in labels])
    ids = tuple(each.label for each in labels)
    return AlignedWord(ids, labels[0].start, labels[-1].end, float(sure.prod()), float(sure.mean()))
