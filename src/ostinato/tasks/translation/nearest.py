"""The baseline that looks up the most similar text it has seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from torch import Tensor

from ostinato.data.pairs import ParallelTexts
from ostinato.parts import lines_of, lines_tensor

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
            likeness = (self._weighed @ self._weights.transform([text]).T).toarray()[:, 0]
            found.append(self.targets[int(np.where(own == language, likeness, -1.0).argmax())])
        return found

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
    def _weights(self) -> Any:
        """Weighs the words of texts."""
        from sklearn.feature_extraction.text import TfidfVectorizer  # not before: it takes a second to import

        return TfidfVectorizer(token_pattern=r"\w+|[^\w\s]").fit(self.sources)

    @cached_property
    def _weighed(self) -> Any:
        """The sources, weighed, a sparse matrix ``(sources, words)``."""
        return self._weights.transform(self.sources)
