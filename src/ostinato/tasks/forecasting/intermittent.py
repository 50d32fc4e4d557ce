"""Demand that is mostly zero: how much of it is, and the simple forecasts that its literature compares with."""

import numpy as np
import numpy.typing as npt

from ostinato.data import Panel
from ostinato.tasks.forecasting.counts import is_count

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MANY_ZEROS = 0.3
"""Share of zeros among the values of counts from which demand is called intermittent."""

INTERMITTENT = ("zero", "mean", "Croston SBA", "TSB", "IMAPA")
"""Names of the forecasts."""

SMOOTHING = 0.1
"""How far a smoothed value moves towards a new one."""

SMOOTHINGS = np.linspace(0.1, 0.3, 11)
"""The same for IMAPA, which takes the one that would have forecast best."""

NOTHING = 1e-5
"""What is nearer to zero is zero: rounding of units, and of float32, has changed it."""


def share_of_zeros(panel: Panel, seen: Bools) -> float:
    """The share of zeros in series of counts among the seen values of all series."""
    counted = np.repeat(counts(panel, seen), panel.lengths)
    return float((seen & counted & (panel.target == 0)).sum() / max(seen.sum(), 1))


def counts(panel: Panel, seen: Bools) -> Bools:
    """Which series count something: those of seen values that are whole numbers and never below 0."""
    return ~np.logical_or.reduceat(seen & ~is_count(panel.target), panel.offsets[:-1])


def expected_demand(name: str, demand: Array, lengths: npt.NDArray[np.int64]) -> Array:
    """What every step to come is expected to bring, ``(n,)``.

    - zero: nothing.
    - mean: the mean of the context.
    - Croston SBA: mean size of a demand over the mean interval between two, both exponentially smoothed, times
      1 - smoothing / 2 (Croston 1972 with the correction of Syntetos & Boylan 2005, equation 12). What comes before the
      first demand is an interval.
    - TSB: smoothed size times smoothed probability of a demand, which falls while none comes (Teunter, Syntetos & Babai
      2011, equation 4).
    - IMAPA: the mean of exponential smoothing of sums over 1, 2, ... steps, up to the mean interval (Petropoulos &
      Kourentzes 2015), each with the smoothing that would have forecast it best.

    Args:
        name: One of `INTERMITTENT`.
        demand: ``(n, window)``.
        lengths: ``(n,)`` valid steps of each, at its end; what stands before them is ignored.
    """
    position = np.arange(demand.shape[1]) - (demand.shape[1] - lengths[:, None]) + 1
    valid = position > 0
    demand = np.where(valid & (np.abs(demand) > NOTHING), demand, 0.0)
    came = demand != 0
    match name:
        case "zero":
            return np.zeros(len(demand))
        case "mean":
            return np.asarray(demand.sum(axis=1) / lengths)
        case "Croston SBA":
            size, interval = (smoothed(each, came, SMOOTHING) for each in (demand, _intervals(position, came)))
            return np.asarray((1 - SMOOTHING / 2) * size / np.maximum(interval, 1))
        case "TSB":
            return smoothed(demand, came, SMOOTHING) * smoothed(came.astype(np.float64), valid, SMOOTHING)
        case _:
            return _aggregated(demand, lengths, came)


def smoothed(values: Array, taken: Bools, smoothing: float) -> Array:
    """Simple exponential smoothing of those values of each row that are taken, ``(n,)``; 0 where none is."""
    level, _ = _smoothed(values, taken, np.array([smoothing]))
    return np.asarray(level[0])


def _smoothed(values: Array, taken: Bools, smoothing: Array) -> tuple[Array, Array]:
    """The last level, and the squared errors of all forecasts one step ahead, each ``(smoothings, n)``."""
    level, error = np.zeros((2, len(smoothing), len(values)))
    begun = np.zeros(len(values), np.bool_)
    for value, now in zip(values.T, taken.T, strict=True):
        step = np.where(now, value - level, 0.0)
        error += np.where(begun, step**2, 0.0)
        level += np.where(begun, smoothing[:, None], 1.0) * step
        begun |= now
    return level, error


def _intervals(position: npt.NDArray[np.int64], came: Bools) -> Array:
    """Steps since the demand before, ``(n, window)``."""
    last = np.maximum.accumulate(np.where(came, position, 0), axis=1)
    before = np.concatenate([np.zeros_like(last[:, :1]), last[:, :-1]], axis=1)
    return np.asarray(position - before, np.float64)


def _aggregated(demand: Array, lengths: npt.NDArray[np.int64], came: Bools) -> Array:
    """IMAPA."""
    # The mean interval is the place of the last demand over the number of demands.
    last = np.where(came.any(axis=1), lengths - np.argmax(came[:, ::-1], axis=1), 0)
    levels = np.round(last / np.maximum(came.sum(axis=1), 1)).astype(np.int64)
    total = np.zeros(len(demand))
    for steps in range(1, levels.max(initial=0) + 1):
        rows = levels >= steps
        blocks = demand.shape[1] // steps
        sums = demand[rows, demand.shape[1] - blocks * steps :].reshape(-1, blocks, steps).sum(axis=2)
        whole = np.arange(blocks)[::-1] < (lengths[rows] // steps)[:, None]
        level, error = _smoothed(sums, whole, SMOOTHINGS)
        total[rows] += np.take_along_axis(level, error.argmin(axis=0)[None], axis=0)[0] / steps
    return np.asarray(total / np.maximum(levels, 1))
