"""The baselines of a language model: how often units, and runs of them, came in training."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor

from ostinato.data.kneser_ney import KneserNey

LONGEST = 20_000_000
"""Units that are counted at most, from the start of the training text on."""

REMEMBERED = 5_000_000
"""Units whose runs are counted at most, likewise; these are kept."""

RUNS = {"char": 7, "byte": 7, "word": 5, "bpe": 5}
"""Units of the longest run that is counted, by the tokenizer."""

BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class Ngrams:
    """A unigram model, and one of longer runs with Kneser-Ney smoothing.

    Attributes:
        single: ``(units,)`` int64, how often each unit came.
        text: ``(steps,)`` of a small type of integers, the start of the training text: smaller than its runs' counts.
        longest: Units of the longest run.
        first: The unit before the first of any text.
    """

    single: Tensor
    text: Tensor
    longest: int
    first: int

    def __post_init__(self) -> None:
        """Makes sure that all units are of the vocabulary."""
        if self.single.dim() != 1 or self.text.dim() != 1 or self.text.is_floating_point():
            raise ValueError(f"counts of shape {tuple(self.single.shape)}, a text of {tuple(self.text.shape)}")
        if not 2 <= self.longest <= max(RUNS.values()):
            raise ValueError(f"runs of {self.longest} units")
        units = [self.first, *(int(bound) for bound in self.text.aminmax())] if len(self.text) else [self.first]
        if not 0 <= min(units) <= max(units) < len(self.single):
            raise ValueError("the text holds a token that is not there")

    @classmethod
    def count(cls, ids: Tensor, units: int, *, longest: int, first: int) -> Self:
        """Counts a training text ``(steps,)`` over a vocabulary of `units`."""
        single = torch.zeros(units, dtype=torch.int64)
        for start in range(0, min(len(ids), LONGEST), BLOCK):
            single += torch.bincount(ids[start : min(start + BLOCK, LONGEST)].long(), minlength=units)
        return cls(single, ids[:REMEMBERED].clone(), longest, first)

    def unigram(self, before: Tensor, following: Tensor) -> Tensor:
        """Nats of units ``(steps,)`` by their frequency, each counted once more than it came; float64."""
        return -self.frequency[following].log()

    def runs(self) -> Callable[[Tensor, Tensor], Tensor]:
        """What reads a text chunk by chunk: the nats of units ``(steps,)`` after the ones before, float64."""
        history = np.zeros(0, np.int64)

        def read(before: Tensor, following: Tensor) -> Tensor:
            nonlocal history
            shares = self._kneser_ney.probabilities(history, following.numpy())
            history = np.concatenate([history, following.numpy()])[-self.longest :]
            return torch.from_numpy(-np.log(shares))

        return read

    @cached_property
    def _kneser_ney(self) -> KneserNey:
        return KneserNey(self.text.long().numpy(), len(self.single), self.longest, self.first)

    @cached_property
    def frequency(self) -> Tensor:
        """``(units,)`` float64, summing to 1: of each unit, counted once more than it came."""
        counts = self.single.double() + 1
        return counts / counts.sum()
