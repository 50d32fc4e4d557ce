"""Sample paths: forecasts of all steps, and of all series, that go together as errors do; and sums of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Observed = npt.NDArray[np.bool_]

FARTHEST = 4.0
"""Standard deviations beyond which an observation counts as no farther."""

MOST_COMMON = 0.95
"""What all series share of their errors, at most."""

PERSISTENCE = np.linspace(0, 1, 41)
"""Of errors from one step to the next, as it is tried."""

NUMBERS = 2**23
"""Of sample paths that are held at once."""


@dataclass(frozen=True, eq=False)
class Copula:
    """How the errors of a forecast's steps go together, and those of different series at one time.

    A Gaussian copula over the forecast quantiles (Salinas et al. 2019, "High-dimensional multivariate forecasting with
    low-rank Gaussian copula processes"): each forecast is taken as a normal score, scores of different steps have the
    correlation `steps`, and those of two series share one common factor, so that `series` is their correlation at the
    same step.

    Attributes:
        steps: ``(horizon, horizon)``, a correlation matrix.
        series: From 0 to 1.
    """

    steps: Array
    series: float

    def __post_init__(self) -> None:
        """Makes sure that these are correlations."""
        if self.steps.ndim != 2 or self.steps.shape[0] != self.steps.shape[1] or not 0 <= self.series <= 1:
            raise ValueError(f"correlations of shape {self.steps.shape} and of {self.series} between series")

    @classmethod
    def fit(
        cls,
        quantiles: Array,
        target: Array,
        observed: Observed,
        levels: Sequence[float],
        moment: npt.NDArray[np.int64],
    ) -> Self:
        """That of forecasts of windows that training has not seen.

        The correlation between steps is that of the windows, as far as they are enough to tell it, and else that of
        errors which persist from step to step by one number (`persistent`): windows of one series overlap, so that
        there are a horizon times fewer of them than it seems.

        Args:
            quantiles: ``(n, horizon, levels)``, rising.
            target: ``(n, horizon)``.
            observed: ``(n, horizon)``: which targets are known.
            levels: Of the quantiles, two at least.
            moment: ``(n,)``: when each forecast was made.
        """
        scores = np.where(observed, _scores(quantiles, target, levels), 0.0)
        horizon, count = scores.shape[1], np.maximum(observed.sum(axis=0), 1)
        scores /= np.maximum(np.sqrt((scores**2).sum(axis=0) / count), 1e-6)
        together = np.maximum(observed.T.astype(np.float64) @ observed, 1)
        own = np.clip(scores.T @ scores / together, -1, 1)
        np.fill_diagonal(own, 1)
        misfit = [((persistent(each, horizon) - own) ** 2).sum() for each in PERSISTENCE]
        likely = persistent(PERSISTENCE[int(np.argmin(misfit))], horizon)
        apart = len(scores) / horizon
        steps = (apart * own + horizon * likely) / (apart + horizon)
        return cls(_nearest_correlation(steps), _between_series(scores, observed, moment))

    def paths(self, quantiles: Array, levels: Sequence[float], samples: int, seed: int) -> Iterator[Array]:
        """Sample paths of some series, a part of the series at a time, ``(samples, part, horizon)``.

        Args:
            quantiles: ``(series, horizon, levels)``, rising.
            levels: Of them, two at least.
            samples: Of each series; the same number of different series belongs to one course of things.
            seed: Of the random numbers.
        """
        random, root = np.random.default_rng(seed), np.linalg.cholesky(self.steps)
        horizon = len(root)
        common = np.sqrt(self.series) * random.normal(size=(samples, 1, horizon))
        part = max(NUMBERS // (samples * horizon), 1)
        for first in range(0, len(quantiles), part):
            some = quantiles[first : first + part]
            own = random.normal(size=(samples, len(some), horizon))
            yield _values(some, (common + np.sqrt(1 - self.series) * own) @ root.T, levels)


def persistent(share: float, horizon: int) -> Array:
    """The correlation ``(horizon, horizon)`` of a forecast's errors where this share of an error goes on to the next.

    The errors of an autoregression of first order: e[h] = share * e[h - 1] + noise. At 0 they are independent, at 1
    those of a random walk.
    """
    power = float(share) ** np.arange(horizon)
    variance = np.cumsum(power**2)
    apart = np.abs(np.subtract.outer(np.arange(horizon), np.arange(horizon)))
    covariance = power[apart] * np.minimum.outer(variance, variance)
    return np.asarray(covariance / np.sqrt(np.outer(variance, variance)))


def _normal(levels: Sequence[float]) -> Array:
    return np.array([NormalDist().inv_cdf(level) for level in levels])


def _scores(quantiles: Array, target: Array, levels: Sequence[float]) -> Array:
    """Where targets ``(n, horizon)`` lie among their quantiles, as normal scores: lines between levels, and beyond."""
    knots, aim = _normal(levels), target[..., None]

    def score(below: npt.NDArray[np.int64]) -> Array:
        place = np.clip(below - 1, 0, len(knots) - 2)
        low, high = (np.take_along_axis(quantiles, (place + side)[..., None], -1)[..., 0] for side in (0, 1))
        slope = np.maximum(high - low, 1e-9) / (knots[place + 1] - knots[place])
        return np.clip(knots[place] + (target - low) / slope, -FARTHEST, FARTHEST)

    # Of counts several levels may have the quantile that came: the middle between the least and the greatest.
    return (score((quantiles < aim).sum(axis=-1)) + score((quantiles <= aim).sum(axis=-1))) / 2


def _values(quantiles: Array, scores: Array, levels: Sequence[float]) -> Array:
    """What lies at normal scores ``(samples, n, horizon)`` among quantiles ``(n, horizon, levels)``."""
    knots = _normal(levels)
    place = np.clip(np.searchsorted(knots, scores) - 1, 0, len(knots) - 2)
    row, step = np.arange(quantiles.shape[0])[:, None], np.arange(quantiles.shape[1])
    low, high = quantiles[row, step, place], quantiles[row, step, place + 1]
    return np.asarray(low + (scores - knots[place]) * (high - low) / (knots[place + 1] - knots[place]))


def _nearest_correlation(matrix: Array) -> Array:
    """A matrix near this one that is a correlation: no direction has a variance of 0 or below."""
    values, axes = np.linalg.eigh(matrix)
    positive = (axes * np.maximum(values, 1e-6)) @ axes.T
    size = np.sqrt(np.diag(positive))
    return np.asarray(positive / np.outer(size, size))


def _between_series(scores: Array, observed: Observed, moment: npt.NDArray[np.int64]) -> float:
    """The mean correlation of two series' scores at the same step of forecasts made at the same moment."""
    _, group = np.unique(moment, return_inverse=True)
    products = pairs = 0.0
    for values, seen in zip(scores.T, observed.T, strict=True):
        total, squares = np.bincount(group, values), np.bincount(group, values**2)
        number = np.bincount(group, seen).astype(np.float64)
        products += float((total**2 - squares).sum())
        pairs += float((number * (number - 1)).sum())
    return float(np.clip(products / pairs, 0, MOST_COMMON)) if pairs else 0.0
