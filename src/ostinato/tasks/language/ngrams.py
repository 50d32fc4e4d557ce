"""The baselines of a language model: how often units, and pairs of them, came in training."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

LONGEST = 20_000_000
"""Units that are counted at most, from the start of the training text on."""

BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class Ngrams:
    """A unigram and a bigram model.

    Attributes:
        single: ``(units,)`` int64, how often each unit came.
        pairs: ``(pairs,)`` int64 in rising order, each pair that came, as ``before * units + after``.
        double: ``(pairs,)`` int64, how often.
    """

    single: Tensor
    pairs: Tensor
    double: Tensor

    def __post_init__(self) -> None:
        """Makes sure that each pair is of the vocabulary and has its count."""
        if self.pairs.shape != self.double.shape or self.pairs.dim() != 1 or self.single.dim() != 1:
            raise ValueError(f"{tuple(self.pairs.shape)} pairs of tokens have {tuple(self.double.shape)} counts")
        if len(self.pairs) and not 0 <= int(self.pairs.min()) <= int(self.pairs.max()) < len(self.single) ** 2:
            raise ValueError("a pair holds a token that is not there")

    @classmethod
    def count(cls, ids: Tensor, units: int) -> Self:
        """Counts a training text ``(steps,)`` over a vocabulary of `units`."""
        ids = ids[:LONGEST]
        single = torch.zeros(units, dtype=torch.int64)
        pairs = double = torch.zeros(0, dtype=torch.int64)
        for start in range(0, len(ids), BLOCK):
            block = ids[start : start + BLOCK + 1].long()
            single += torch.bincount(block[:BLOCK], minlength=units)
            found, times = torch.unique(block[:-1] * units + block[1:], return_counts=True)
            pairs, place = torch.unique(torch.cat([pairs, found]), return_inverse=True)
            double = torch.zeros(len(pairs), dtype=torch.int64).index_add_(0, place, torch.cat([double, times]))
        return cls(single, pairs, double)

    def unigram(self, before: Tensor, following: Tensor) -> Tensor:
        """Nats of units ``(steps,)`` by their frequency, each counted once more than it came; float64."""
        return -self.frequency[following].log()

    def bigram(self, before: Tensor, following: Tensor) -> Tensor:
        """Nats of units ``(steps,)`` after the ones before; float64.

        Pairs interpolated with the unigram (Witten & Bell 1991, method C): after a unit that was seen n times with t
        different units behind it, ``(count of the pair + t * unigram) / (n + t)``.
        """
        key = before * len(self.single) + following
        place = torch.searchsorted(self.pairs, key).clamp(max=len(self.pairs) - 1)
        together = torch.where(self.pairs[place] == key, self.double[place], 0).double()
        seen, kinds = self._behind
        rest = kinds[before] * self.frequency[following]
        return -((together + rest) / (seen[before] + kinds[before])).log()

    @cached_property
    def frequency(self) -> Tensor:
        """``(units,)`` float64, summing to 1: of each unit, counted once more than it came."""
        counts = self.single.double() + 1
        return counts / counts.sum()

    @cached_property
    def _behind(self) -> tuple[Tensor, Tensor]:
        """How often something came behind each unit, and how many different ones; at least 1, for the unigram alone."""
        first, units = self.pairs // len(self.single), len(self.single)
        seen = torch.zeros(units, dtype=torch.float64).index_add_(0, first, self.double.double())
        return seen, torch.bincount(first, minlength=units).double().clamp(min=1)
