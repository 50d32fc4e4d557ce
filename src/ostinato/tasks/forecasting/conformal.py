"""Intervals that hold: widened or narrowed by the errors of validation windows, and again by those that time brings."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
import numpy.typing as npt

from ostinato.tasks.forecasting.scores import symmetric_pairs

Array = npt.NDArray[np.float64]
Observed = npt.NDArray[np.bool_]

LEAST = 100
"""Errors of a step of the horizon from which its own margin is taken; with fewer it is that of all steps."""

RATE = 0.05
"""How far an observation outside an interval widens it at most, in widths that it has about."""

DAMPING = 0.4
"""The same times the steps until it is known, at most: what is answered late must be answered gently, or it swings."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """How far both ends of each interval are moved outwards, in widths of the widest one.

    Split conformal prediction over quantiles (Romano, Patterson & Candès 2019, "Conformalized Quantile Regression",
    equations 7 and 8), the errors in units of the interval's own width (Sesia & Candès 2020, "CQR-r"). An interval lies
    between two levels that are symmetric about the median; levels without a partner, and the median, stay.

    Attributes:
        levels: Of the quantiles, rising; 0.5 is one of them.
        margin: ``(horizon, intervals)``, the widest interval first; below 0 where one is narrowed.
    """

    levels: tuple[float, ...]
    margin: Array

    def __post_init__(self) -> None:
        """Makes sure that each interval has its margin."""
        if 0.5 not in self.levels or self.margin.shape[1:] != (len(symmetric_pairs(self.levels)),):
            raise ValueError(f"margins of shape {self.margin.shape} for the levels {self.levels}")

    @classmethod
    def fit(cls, quantiles: Array, target: Array, observed: Observed, levels: Sequence[float]) -> Self:
        """That of forecasts of windows that training has not seen.

        Args:
            quantiles: ``(n, horizon, levels)``, rising.
            target: ``(n, horizon)``.
            observed: ``(n, horizon)``: which targets are known; one at least.
            levels: Of the quantiles.
        """
        pairs = symmetric_pairs(levels)
        margin = np.empty((target.shape[1], len(pairs)))
        scaled = _widths(quantiles)[..., 0]
        for number, (nominal, (low, high)) in enumerate(pairs.items()):
            outside = np.maximum(quantiles[..., low] - target, target - quantiles[..., high]) / scaled
            for step, seen in enumerate(observed.T):
                errors = outside[seen, step] if seen.sum() >= LEAST else outside[observed]
                margin[step, number] = np.quantile(errors, nominal, method="weibull")
        return cls(tuple(levels), margin)

    def moved(self, quantiles: Array, further: Array | float = 0.0) -> Array:
        """Quantiles ``(n, horizon, levels)`` with the ends of intervals moved, rising.

        Args:
            quantiles: As a network gives them, rising.
            further: Moves them outwards by so much more, ``(horizon, intervals)``.
        """
        outwards = (self.margin + further) * _widths(quantiles)
        ends = quantiles.copy()
        for number, (low, high) in enumerate(symmetric_pairs(self.levels).values()):
            ends[..., low] -= outwards[..., number]
            ends[..., high] += outwards[..., number]
        middle = self.levels.index(0.5)
        median = quantiles[..., middle : middle + 1]
        below, above = np.minimum(ends[..., :middle], median), np.maximum(ends[..., middle + 1 :], median)
        return np.concatenate([np.sort(below, axis=-1), median, np.sort(above, axis=-1)], axis=-1)


class Adaptation:
    """Goes on moving the ends of intervals as what was forecast comes true, whatever happens to the data.

    The quantile tracker of Angelopoulos, Candès & Tibshirani 2023 ("Conformal PID Control for Time Series Prediction",
    section 2.1): an interval that promises a share p is widened by rate * p with every observation outside, and
    narrowed by rate * (1 - p) with every one inside; with several series, by the mean over them. A forecast of h steps
    is judged h steps later, and not before.

    Args:
        calibration: Where to begin.
    """

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._pairs = symmetric_pairs(calibration.levels)
        self._nominal = np.array(list(self._pairs))
        self._further = np.zeros_like(calibration.margin)
        width = np.array([NormalDist().inv_cdf((1 + nominal) / 2) for nominal in self._nominal])  # of a normal one's
        late = np.arange(1, len(self._further) + 1)[:, None]
        self._rate = np.minimum(RATE, DAMPING / late) * width / width.max(initial=1e-9)

    def moved(self, quantiles: Array) -> Array:
        """Quantiles ``(n, horizon, levels)`` with the ends of intervals moved, rising."""
        return self._calibration.moved(quantiles, self._further)

    def inside(self, quantiles: Array, target: Array) -> Observed:
        """Whether targets ``(...)`` lie in each interval of quantiles ``(..., levels)``, ``(..., intervals)``."""
        ends = [(quantiles[..., low], quantiles[..., high]) for low, high in self._pairs.values()]
        return np.stack([(low <= target) & (target <= high) for low, high in ends], axis=-1)

    def judge(self, steps: npt.NDArray[np.int64], inside: Array) -> None:
        """Learns from what came true.

        Args:
            steps: Of the horizon, counted from 0, ``(n,)``.
            inside: The share of what came that lay in each interval of the step, ``(n, intervals)``.
        """
        np.add.at(self._further, steps, self._rate[steps] * (self._nominal - inside))


class BacktestAdaptation:
    """An `Adaptation` that goes through a past of which all is known, and uses nothing before its time.

    Args:
        calibration: Where to begin.
    """

    def __init__(self, calibration: Calibration) -> None:
        horizon, intervals = calibration.margin.shape
        self._adaptation = Adaptation(calibration)
        # What was forecast at the last positions and is not all judged yet; one slot more than can be so at once.
        self._position = np.full(horizon + 1, np.iinfo(np.int64).min // 2)
        self._inside = np.zeros((horizon + 1, horizon, intervals))
        self._count = np.zeros((horizon + 1, horizon, 1), np.int64)
        self._judged = np.ones((horizon + 1, horizon), np.bool_)

    def moved(self, position: int, quantiles: Array) -> Array:
        """Quantiles ``(n, horizon, levels)`` forecast at a position in time, moved and rising. Time never goes back."""
        self._learn(position)
        return self._adaptation.moved(quantiles)

    def forecast(self, position: int, quantiles: Array, target: Array, observed: Observed) -> None:
        """What was forecast at a position, and what came or will come of it; read not before it came.

        Args:
            position: The one `moved` was last asked for; more may be said of it at once or in turn.
            quantiles: ``(n, horizon, levels)``, as `moved` gave them.
            target: ``(n, horizon)``.
            observed: ``(n, horizon)``: which of them are, or will be, known.
        """
        slot = int(np.argmax(self._position))
        if self._position[slot] != position:
            slot = int(np.argmin(self._position))
            self._position[slot] = position
            self._inside[slot], self._count[slot], self._judged[slot] = 0, 0, False
        self._inside[slot] += (self._adaptation.inside(quantiles, target) & observed[..., None]).sum(axis=0)
        self._count[slot] += observed.sum(axis=0)[:, None]

    def _learn(self, now: int) -> None:
        """Judges every step that has come by now, once."""
        due = np.arange(1, self._judged.shape[1] + 1) <= (now - self._position)[:, None]
        slots, steps = np.nonzero(due & ~self._judged & (self._count[..., 0] > 0))
        self._judged |= due
        self._adaptation.judge(steps, self._inside[slots, steps] / self._count[slots, steps])


def _widths(quantiles: Array) -> Array:
    """Of the widest interval ``(n, horizon, 1)``, above 0."""
    return np.asarray(np.maximum(quantiles[..., -1:] - quantiles[..., :1], 1e-9))
