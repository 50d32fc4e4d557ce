"""Folds: records dealt out in parts of like size, for cross-validation."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Self

import numpy as np

from ostinato.errors import OstinatoError


class Foldable(ABC):
    """Records that can be dealt out, since none goes on where another ends.

    Attributes:
        origin: What errors call them.
    """

    origin: str

    @abstractmethod
    def __len__(self) -> int:
        """How many records there are."""

    @abstractmethod
    def take(self, rows: Any) -> Self:
        """Those at some positions."""

    @abstractmethod
    def fold_keys(self) -> Sequence[Hashable]:
        """Of each record; those of equal keys are in one fold, so that none is known from the rest."""

    def fold_strata(self) -> Sequence[Hashable]:
        """Of each record, such as its label; those of a kind are spread over all folds. By default all are of one."""
        return [None] * len(self)

    def folds(self, count: int, seed: int = 0) -> Iterator[tuple[Self, Self]]:
        """All records but those of a fold, and those; each record is in one fold.

        Args:
            count: Folds, at least 2.
            seed: Of the deal.

        Raises:
            OstinatoError: There are fewer different records than folds, or fewer than two folds.
        """
        if count < 2:
            raise OstinatoError(f"folds must be at least 2, got {count}")
        groups: dict[Hashable, dict[Hashable, list[int]]] = {}
        for row, (key, stratum) in enumerate(zip(self.fold_keys(), self.fold_strata(), strict=True)):
            groups.setdefault(stratum, {}).setdefault(key, []).append(row)
        if (different := sum(map(len, groups.values()))) < count:
            raise OstinatoError(f"{self.origin}: {different} different records are too few for {count} folds")
        random, dealt = np.random.default_rng(seed), np.empty(len(self), np.int64)
        total = np.zeros(count, np.int64)
        for together in groups.values():
            own, listed = np.zeros(count, np.int64), list(together.values())
            for place in random.permutation(len(listed)):
                rows = listed[place]
                fold = min(range(count), key=lambda fold: (own[fold], total[fold], fold))
                dealt[rows] = fold
                own[fold] += len(rows)
                total[fold] += len(rows)
        folds = [dealt == fold for fold in range(count)]
        return ((self.take(np.flatnonzero(~fold)), self.take(np.flatnonzero(fold))) for fold in folds)
