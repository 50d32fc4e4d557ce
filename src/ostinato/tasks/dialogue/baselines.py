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
    def _rarity(self) -> Tensor:
        """What a count of each word weighs, float64 ``(words,)``."""
        _, numbers = np.unique(np.stack([self.owners, self.numbers]), axis=1)
        held = np.bincount(numbers, minlength=len(self.known))
        return torch.from_numpy(np.log((1 + len(self.replies)) / (1 + held)) + 1)

    @cached_property
    def _counts(self) -> Tensor:
        """Weighed counts of the words of each context, sparse float64 ``(contexts, words)``."""
        return torch.sparse_coo_tensor(
            torch.from_numpy(np.stack([self.owners, self.numbers])),
            self._rarity[torch.from_numpy(self.numbers)],
            (len(self.replies), max(len(self.known), 1)),
            check_invariants=True,
        ).coalesce()

    @cached_property
    def _norms(self) -> Tensor:
        """Their lengths, float64 ``(contexts,)``."""
        return torch.sparse.sum(self._counts * self._counts, dim=1).to_dense().sqrt().clamp(min=1e-9)

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
            texts = (" ".join(context) for context in contexts[start : start + QUERIES])
            queries = torch.stack([self._weights(text) for text in texts], dim=1)
            likeness = torch.sparse.mm(self._counts, queries) / self._norms[:, None]
            found += [self.replies[place] for place in likeness.argmax(dim=0).tolist()]
        return found

    def likeness(self, text: str, others: Sequence[str]) -> Tensor:
        """The cosine of a text with each of some others, float64 ``(others,)``."""
        rows = torch.stack([self._weights(other) for other in others])
        return torch.cosine_similarity(rows, self._weights(text)[None])

    def _weights(self, text: str) -> Tensor:
        """Weighed counts of a text's words, float64 ``(words,)``."""
        numbers = torch.from_numpy(self.known.numbers(text).astype(np.int64))
        counts = torch.zeros(max(len(self.known), 1), dtype=torch.float64)
        return counts.index_add(0, numbers, self._rarity[numbers])


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
