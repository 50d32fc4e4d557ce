"""What a Chatbot is compared with: the most frequent reply, the reply to the most similar context, a unigram model."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.data.dialogues import Example
from ostinato.tasks.dialogue.words import KnownWords

REMEMBERED = 50_000
"""Training examples that retrieval remembers at most, drawn at random."""

QUERIES = 64
"""Contexts that are looked up at a time."""


@dataclass(frozen=True, eq=False)
class Retrieval:
    """The reply to the training context whose words are most like those of a new one.

    Likeness is the cosine between counts of words weighed by the logarithm of their rarity (tf-idf, Salton & Buckley
    1988); of equals the first is taken.

    Attributes:
        known: The words there are.
        owners: Which remembered context each word stands in, int64 ``(words of all contexts,)``, rising.
        numbers: The number of each word there, int64, likewise.
        replies: The reply to each remembered context.
    """

    known: KnownWords
    owners: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.int64]
    replies: tuple[str, ...]

    def __post_init__(self) -> None:
        """Makes sure that all words and contexts are there that numbers name."""
        if self.owners.ndim != 1 or self.owners.shape != self.numbers.shape:
            raise ValueError(f"arrays of shapes {self.owners.shape} and {self.numbers.shape} hold the words")
        for numbers, count in ((self.owners, len(self.replies)), (self.numbers, len(self.known))):
            if not count or np.any((numbers < 0) | (numbers >= count)):
                raise ValueError(f"there are {count} replies or words, and others are named")

    @cached_property
    def _weights(self) -> Any:
        """Weighs counts of words, the rows of a sparse matrix, by their rarity; each row has length 1 then."""
        from sklearn.feature_extraction.text import TfidfTransformer  # not before: it takes a second to import

        return TfidfTransformer().fit(self._counts(self.owners, self.numbers, len(self.replies)))

    @cached_property
    def _contexts(self) -> Any:
        """The remembered contexts, weighed, ``(contexts, words)``."""
        return self._weights.transform(self._counts(self.owners, self.numbers, len(self.replies)))

    def _weighed(self, texts: Sequence[str]) -> Any:
        """Texts, weighed, ``(texts, words)``."""
        numbers = [self.known.numbers(text) for text in texts]
        owners = np.repeat(np.arange(len(texts)), [len(own) for own in numbers])
        return self._weights.transform(self._counts(owners, np.concatenate(numbers), len(texts)))

    def _counts(self, owners: npt.NDArray[Any], numbers: npt.NDArray[Any], texts: int) -> Any:
        from scipy.sparse import csr_matrix

        return csr_matrix((np.ones(len(owners)), (owners, numbers)), (texts, len(self.known)))

    @classmethod
    def learn(cls, known: KnownWords, examples: Sequence[Example], seed: int) -> Self:
        """What there is to remember of training examples."""
        chosen = np.sort(np.random.default_rng(seed).permutation(len(examples))[:REMEMBERED])
        held = [examples[number] for number in chosen]
        numbers = [known.numbers(" ".join(example.context)) for example in held]
        owners = np.repeat(np.arange(len(held)), [len(own) for own in numbers])
        replies = tuple(example.reply for example in held)
        return cls(known, owners, np.concatenate(numbers).astype(np.int64), replies)

    def reply(self, contexts: Sequence[Sequence[str]]) -> list[str]:
        """Its replies to some contexts."""
        found = []
        for start in range(0, len(contexts), QUERIES):
            queries = self._weighed([" ".join(context) for context in contexts[start : start + QUERIES]])
            likeness = (queries @ self._contexts.T).toarray()
            found += [self.replies[place] for place in likeness.argmax(axis=1).tolist()]
        return found

    def likeness(self, text: str, others: Sequence[str]) -> Tensor:
        """The cosine of a text with each of some others, float64 ``(others,)``."""
        own, *rest = self._weighed([text, *others]).toarray()
        return torch.from_numpy(np.array(rest) @ own)


@dataclass(frozen=True, eq=False)
class Unigram:
    """Every unit of a reply on its own, with its frequency in training, and one added to each count.

    Attributes:
        counts: How often each unit was written in training, float64 ``(units,)``.
    """

    counts: Tensor

    @classmethod
    def learn(cls, replies: Sequence[npt.NDArray[Any]], units: int) -> Self:
        """Of the numbers of the training replies, their ends included."""
        return cls(torch.from_numpy(np.bincount(np.concatenate(replies), minlength=units).astype(np.float64)))

    def perplexity(self, replies: Sequence[npt.NDArray[Any]]) -> float:
        """Of other replies, per unit."""
        written = torch.from_numpy(np.concatenate(replies).astype(np.int64))
        log_probabilities = ((self.counts + 1) / (self.counts + 1).sum()).log()
        return float(log_probabilities[written].mean().neg().exp())


def most_frequent(examples: Sequence[Example]) -> str:
    """The reply that was given most often; of equals the first."""
    return Counter(example.reply for example in examples).most_common(1)[0][0]
