"""What a forecast says of every window."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Forecast(NamedTuple):
    """What is expected of the steps after each window.

    Attributes:
        point: ``(n, horizon)``: the median, or what a network was trained to give.
        quantiles: ``(n, horizon, levels)``, rising; None of what only gives points.
        mean: ``(n, horizon)``, where it is told beside the point.
    """

    point: Array
    quantiles: Array | None = None
    mean: Array | None = None

    def changed(self, change: Callable[[Array], Array]) -> Self:
        """The same with every array changed."""
        return type(self)(*(None if each is None else change(each) for each in self))  # type: ignore[arg-type]

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Those of some windows, one after another."""
        arrays = (None if each[0] is None else np.concatenate(each) for each in zip(*parts, strict=True))
        return cls(*arrays)  # type: ignore[arg-type]


def mean_of_quantiles(quantiles: Array, levels: Sequence[float]) -> Array:
    """The mean ``(...)`` of distributions told by their quantiles ``(..., levels)``, rising.

    Between two levels the quantile is a line. Beyond the outermost ones the tails fall exponentially, as the last two
    levels have it, so that the mean of a tail lies one scale of that further out; the lower one ends at 0, though, if
    it begins above.
    """
    if len(levels) == 1:
        return quantiles[..., 0]
    level, lowest, highest = np.asarray(levels), quantiles[..., 0], quantiles[..., -1]
    inner = (np.diff(level) * (quantiles[..., 1:] + quantiles[..., :-1]) / 2).sum(axis=-1)
    below = lowest - (quantiles[..., 1] - lowest) / np.log(level[1] / level[0])
    above = highest + (highest - quantiles[..., -2]) / np.log((1 - level[-2]) / (1 - level[-1]))
    below = np.where(lowest >= 0, np.maximum(below, 0), below)
    return np.asarray(inner + level[0] * below + (1 - level[-1]) * above)
