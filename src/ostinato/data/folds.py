"""Folds: records dealt out in parts of like size, for cross-validation."""

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from ostinato.errors import OstinatoError

Rows = npt.NDArray[np.int64]


class Records(Protocol):
    """What can be parted by rows."""

    @property
    def origin(self) -> str:
        """What errors call them."""

    def __len__(self) -> int: ...

    def take(self, rows: Any) -> Self:
        """Those at some positions."""


R = TypeVar("R", bound=Records)


def parted(
    records: R, keys: Sequence[Hashable], count: int, seed: int, strata: Sequence[Hashable] | None = None
) -> Iterator[tuple[R, R]]:
    """All records but those of a fold, and those; each record is in one fold.

    Args:
        records: What is dealt out.
        keys: Of each; records of equal keys are in one fold, so that none is known from the rest.
        count: Folds.
        seed: Of the deal.
        strata: Of each, such as its label; those of a kind are spread over all folds. None: all are of one.

    Raises:
        OstinatoError: There are fewer different records than folds, or fewer than two folds.
    """
    if count < 2:
        raise OstinatoError(f"folds must be at least 2, got {count}")
    groups: dict[Hashable, dict[Hashable, list[int]]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(None if strata is None else strata[row], {}).setdefault(key, []).append(row)
    if (different := sum(map(len, groups.values()))) < count:
        raise OstinatoError(f"{records.origin}: {different} different records are too few for {count} folds")
    random, dealt = np.random.default_rng(seed), np.empty(len(records), np.int64)
    total = np.zeros(count, np.int64)
    for stratum in groups.values():
        own = np.zeros(count, np.int64)
        together = list(stratum.values())
        for place in random.permutation(len(together)):
            rows = together[place]
            fold = min(range(count), key=lambda fold: (own[fold], total[fold], fold))
            dealt[rows] = fold
            own[fold] += len(rows)
            total[fold] += len(rows)
    folds = [dealt == fold for fold in range(count)]
    return ((records.take(np.flatnonzero(~fold)), records.take(np.flatnonzero(fold))) for fold in folds)
