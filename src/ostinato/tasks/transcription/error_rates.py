"""Word and character error rates, what was taken for what, and how sure a rate is."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Pair: TypeAlias = tuple[Hashable | None, Hashable | None]
Ints = npt.NDArray[np.int64]

SAMPLES = 1000
"""Bootstrap samples of an interval."""

LEVEL = 0.95
"""The share of bootstrap samples that an interval holds."""


class Edits(NamedTuple):
    """The fewest changes that make a hypothesis of a reference (Levenshtein 1966).

    Attributes:
        pairs: What of the reference became what of the hypothesis, in order; None stands for nothing.
    """

    pairs: tuple[Pair, ...]

    @property
    def substitutions(self) -> int:
        """Symbols taken for others."""
        return sum(None not in pair and pair[0] != pair[1] for pair in self.pairs)

    @property
    def deletions(self) -> int:
        """Symbols of the reference that were not found."""
        return sum(hypothesis is None for _, hypothesis in self.pairs)

    @property
    def insertions(self) -> int:
        """Symbols that the reference does not have."""
        return sum(reference is None for reference, _ in self.pairs)

    @property
    def errors(self) -> int:
        """All of these together."""
        return sum(reference != hypothesis for reference, hypothesis in self.pairs)

    @property
    def length(self) -> int:
        """Symbols of the reference."""
        return sum(reference is not None for reference, _ in self.pairs)


class ErrorRate(NamedTuple):
    """How wrong the hypotheses are, all told.

    Attributes:
        rate: Substitutions, deletions and insertions for each symbol of the references.
        low: Where its bootstrap interval begins.
        high: Where it ends.
        substitutions: Symbols taken for others.
        deletions: Symbols not found.
        insertions: Symbols too many.
        length: Symbols of the references.
    """

    rate: float
    low: float
    high: float
    substitutions: int
    deletions: int
    insertions: int
    length: int


def edits(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> Edits:
    """The fewest substitutions, deletions and insertions between two sequences.

    Of several ways with as few, one that keeps or substitutes late is taken: sequences are matched from their ends.

    Args:
        reference: What should be there: words, or a string for its characters.
        hypothesis: What is.
    """
    distance = _distances(reference, hypothesis)
    row, column = len(reference), len(hypothesis)
    pairs: list[Pair] = []
    while row or column:
        here = distance[row, column]
        differs = row and column and reference[row - 1] != hypothesis[column - 1]
        if row and column and here == distance[row - 1, column - 1] + differs:
            row, column = row - 1, column - 1
            pairs.append((reference[row], hypothesis[column]))
        elif row and here == distance[row - 1, column] + 1:
            row -= 1
            pairs.append((reference[row], None))
        else:
            column -= 1
            pairs.append((None, hypothesis[column]))
    return Edits(tuple(reversed(pairs)))


def _distances(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> Ints:
    """Edits between all beginnings of both ``(len(reference) + 1, len(hypothesis) + 1)``."""
    numbers: dict[Hashable, int] = {}
    ids = [[numbers.setdefault(symbol, len(numbers)) for symbol in symbols] for symbols in (reference, hypothesis)]
    columns = np.arange(len(hypothesis) + 1)
    written = np.array(ids[1], np.int64)
    distance = np.empty((len(reference) + 1, len(columns)), np.int64)
    distance[0] = columns
    for row, symbol in enumerate(ids[0], 1):
        above = distance[row - 1]
        kept = np.minimum(above[1:] + 1, above[:-1] + (written != symbol))
        # Insertions: one more for each step to the right of the least.
        distance[row] = np.minimum.accumulate(np.concatenate([[row], kept]) - columns) + columns
    return distance


def plain_rate(found: Sequence[Edits]) -> float:
    """Edits for each symbol of the references; of no symbol at all, their number."""
    return sum(each.errors for each in found) / max(sum(each.length for each in found), 1)


def of_words(texts: Sequence[str], told: Sequence[str]) -> list[Edits]:
    """The edits of words from each text to what was told of it."""
    return [edits(text.split(), own.split()) for text, own in zip(texts, told, strict=True)]


def of_characters(texts: Sequence[str], told: Sequence[str]) -> list[Edits]:
    """Those of characters."""
    return [edits(text, own) for text, own in zip(texts, told, strict=True)]


def confusions(found: Iterable[Edits]) -> list[tuple[Pair, int]]:
    """What was taken for what, lost or added, the commonest first; what is as common in the order of its text."""
    counts = Counter(pair for each in found for pair in each.pairs if pair[0] != pair[1])
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))


def error_rate(found: Sequence[Edits], speakers: Sequence[Hashable] | None = None, *, seed: int = 0) -> ErrorRate:
    """The error rate of several utterances, with a bootstrap interval (Bisani & Ney 2004).

    Utterances of one speaker go wrong together: where speakers are told, they are drawn, each with all that he said,
    and not single utterances. The interval is that of the percentiles of `SAMPLES` samples.

    Args:
        found: The edits of each utterance.
        speakers: Who spoke each; all are taken to be independent unless given.
        seed: Of the samples.

    Raises:
        ValueError: For references that hold nothing, or another number of speakers than utterances.
    """
    if speakers is not None and len(speakers) != len(found):
        raise ValueError(f"there are {len(speakers)} speakers for {len(found)} utterances")
    kinds = np.array([[e.substitutions, e.deletions, e.insertions, e.length] for e in found], np.int64).reshape(-1, 4)
    substitutions, deletions, insertions, length = (int(total) for total in kinds.sum(0))
    if not length:
        raise ValueError("there is no error rate of references that hold nothing")
    numbers: dict[Hashable, int] = {}
    drawn = range(len(found)) if speakers is None else [numbers.setdefault(who, len(numbers)) for who in speakers]
    blocks = np.zeros((max(drawn) + 1, 2), np.int64)
    np.add.at(blocks, np.array(drawn), np.stack([kinds[:, :3].sum(1), kinds[:, 3]], 1))
    low, high = _interval(blocks, np.random.default_rng(seed))
    errors = substitutions + deletions + insertions
    return ErrorRate(errors / length, low, high, substitutions, deletions, insertions, length)


def _interval(blocks: Ints, random: np.random.Generator) -> tuple[float, float]:
    """Percentiles of the rate over samples of blocks of errors and symbols ``(blocks, 2)``, drawn with replacement."""
    samples = (blocks[random.integers(len(blocks), size=len(blocks))].sum(0) for _ in range(SAMPLES))
    # A sample of nothing but empty references has no rate; it says nothing of how sure the rate is.
    rates = [errors / length for errors, length in samples if length]
    low, high = np.quantile(rates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
