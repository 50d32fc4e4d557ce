"""What a Chatbot is compared with: the most frequent reply, the reply to the most similar context, a unigram model."""

from collections import Counter
from collections.abc import Sequence
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


class Retrieval:
    """The reply to the training context whose words are most like those of a new one.

    Likeness is the cosine between counts of words weighed by the logarithm of their rarity (tf-idf, Salton & Buckley
    1988); of equals the first is taken.

    Args:
        known: The words there are.
        owners: Which remembered context each word stands in, int64 ``(words of all contexts,)``, rising.
        numbers: The number of each word there, int64, likewise.
        replies: The reply to each remembered context.
    """

    def __init__(
        self,
        known: KnownWords,
        owners: npt.NDArray[np.int64],
        numbers: npt.NDArray[np.int64],
        replies: Sequence[str],
    ) -> None:
        self.known, self.owners, self.numbers, self.replies = known, owners, numbers, tuple(replies)
        pairs = np.unique(np.stack([owners, numbers]), axis=1)
        held = np.bincount(pairs[1], minlength=len(known))
        self._rarity = torch.from_numpy(np.log((1 + len(replies)) / (1 + held)) + 1)
        counts = torch.sparse_coo_tensor(
            torch.from_numpy(np.stack([owners, numbers])),
            self._rarity[torch.from_numpy(numbers)],
            (len(replies), max(len(known), 1)),
            check_invariants=True,
        ).coalesce()
        squares = torch.sparse.sum(counts * counts, dim=1).to_dense()
        self._counts, self._norms = counts, squares.sqrt().clamp(min=1e-9)

    @classmethod
    def learn(cls, known: KnownWords, examples: Sequence[Example], seed: int) -> Self:
        """What there is to remember of training examples."""
        chosen = np.sort(np.random.default_rng(seed).permutation(len(examples))[:REMEMBERED])
        held = [examples[number] for number in chosen]
        numbers = [known.numbers(" ".join(example.context)) for example in held]
        owners = np.repeat(np.arange(len(held)), [len(own) for own in numbers])
        return cls(known, owners, np.concatenate(numbers).astype(np.int64), [example.reply for example in held])

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

    def tensors(self) -> dict[str, Tensor]:
        """What is remembered of the contexts, by name."""
        return {"owners": torch.from_numpy(self.owners), "numbers": torch.from_numpy(self.numbers)}


class Unigram:
    """Every unit of a reply on its own, with its frequency in training, and one added to each count.

    Args:
        counts: How often each unit was written in training, float64 ``(units,)``.
    """

    def __init__(self, counts: Tensor) -> None:
        self.counts = counts
        self._log_probabilities = ((counts + 1) / (counts + 1).sum()).log()

    @classmethod
    def learn(cls, replies: Sequence[npt.NDArray[Any]], units: int) -> Self:
        """Of the numbers of the training replies, their ends included."""
        return cls(torch.from_numpy(np.bincount(np.concatenate(replies), minlength=units).astype(np.float64)))

    def perplexity(self, replies: Sequence[npt.NDArray[Any]]) -> float:
        """Of other replies, per unit."""
        written = torch.from_numpy(np.concatenate(replies).astype(np.int64))
        return float(self._log_probabilities[written].mean().neg().exp())


def most_frequent(examples: Sequence[Example]) -> str:
    """The reply that was given most often; of equals the first."""
    return Counter(example.reply for example in examples).most_common(1)[0][0]
