"""The baseline that looks up the most similar text it has seen."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ostinato.data.pairs import ParallelTexts
from ostinato.parts import lines_of, lines_tensor

Floats = npt.NDArray[np.float64]

MOST = 50_000
"""Pairs remembered."""

REMEMBERED = ("sources", "targets", "languages")
"""What a saved model holds of them."""


@dataclass(frozen=True)
class NearestSource:
    """Translates a text as the most similar training source was: the cosine of their words' tf-idf weights.

    Attributes:
        sources: Training sources.
        targets: Their translations.
        languages: Of the translations, empty texts where none is named.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    languages: tuple[str, ...]

    def __post_init__(self) -> None:
        """Makes sure that there is a pair, and that each is whole."""
        if not len(self.sources) == len(self.targets) == len(self.languages) > 0:
            raise ValueError("sources, targets and languages are not of one number")

    @classmethod
    def fit(cls, pairs: ParallelTexts, seed: int) -> Self:
        """Remembers the training pairs, or a random part of very many."""
        if len(pairs) > MOST:
            pairs = pairs.take(sorted(np.random.default_rng(seed).permutation(len(pairs))[:MOST].tolist()))
        return cls(pairs.sources, pairs.targets, pairs.languages or ("",) * len(pairs))

    def translate(self, texts: Sequence[str], languages: Sequence[str]) -> list[str]:
        """The translation of the most similar source, the first of equals, in the language asked for."""
        own = np.array(self.languages)
        found = []
        for text, language in zip(texts, languages, strict=True):
            likeness = np.where(own == language, self._likeness(text), -1.0)
            found.append(self.targets[int(likeness.argmax())])
        return found

    def _likeness(self, text: str) -> Floats:
        """The cosine with every source."""
        index = self._index
        counts = Counter(word for word in _words(text) if word in index.numbers)
        likeness = np.zeros(len(self.sources))
        for word, count in counts.items():
            number = index.numbers[word]
            span = slice(index.starts[number], index.starts[number + 1])
            likeness[index.rows[span]] += count * index.idf[number] * index.weights[span]
        return likeness  # its own length does not change which is the nearest

    def saved(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The texts, as bytes."""
        return {name: lines_tensor(getattr(self, name)) for name in REMEMBERED}, {}

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor], content: dict[str, Any]) -> Self:
        """What `saved` gave.

        Raises:
            ValueError, KeyError: It came from nothing of the kind.
        """
        if content or len(tensors) > len(REMEMBERED):
            raise ValueError(f"there is more than {', '.join(REMEMBERED)}")
        return cls(*(lines_of(tensors[name]) for name in REMEMBERED))

    @cached_property
    def _index(self) -> "_Index":
        return _Index.of(self.sources)


@dataclass(frozen=True, eq=False)
class _Index:
    """Which sources hold a word, and with what weight: those of word n are ``rows[starts[n]:starts[n + 1]]``."""

    numbers: dict[str, int]
    idf: Floats
    starts: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    weights: Floats

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        counted = [Counter(_words(text)) for text in texts]
        numbers = {word: number for number, word in enumerate(dict.fromkeys(word for each in counted for word in each))}
        rows = np.repeat(np.arange(len(texts)), [len(each) for each in counted])
        words = np.fromiter((numbers[word] for each in counted for word in each), np.int64, len(rows))
        counts = np.fromiter((count for each in counted for count in each.values()), np.float64, len(rows))
        texts_with = np.bincount(words, minlength=len(numbers))
        idf = np.log((1 + len(texts)) / (1 + texts_with)) + 1
        weights = counts * idf[words]
        weights /= np.sqrt(np.bincount(rows, weights**2, minlength=len(texts)))[rows]
        order = np.argsort(words, kind="stable")
        return cls(numbers, idf, np.append(0, texts_with.cumsum()), rows[order], weights[order])


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text.lower())
