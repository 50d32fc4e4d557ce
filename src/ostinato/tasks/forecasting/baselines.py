"""The simple forecasts a network has to beat, with quantiles from their own errors on the training windows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.forecast import Forecast
from ostinato.tasks.forecasting.intermittent import INTERMITTENT, expected_demand
from ostinato.tasks.forecasting.ridge import Regression, Ridge, moments

Array = npt.NDArray[np.float64]

RESIDUAL_WINDOWS = 20_000
"""Residual quantiles are exact up to so many training windows; beyond, they come from a seeded uniform sample."""


SEASONAL = "seasonal naive "
"""What the seasonal naive forecast of a further season is called, before its steps."""


class BaselineBatch(NamedTuple):
    """Windows of any mix of series, as plain arrays; missing values in `context` are already imputed.

    A forecast reads `context`, `lengths`, `scale` and `zero` only.
    """

    context: Array
    """``(n, window)``, left padded."""
    lengths: npt.NDArray[np.int64]
    """``(n,)`` valid steps of each context, at least 1; what stands before them is ignored."""
    scale: Array
    """``(n,)`` positive: the series' typical change of one step on the training part."""
    target: Array
    """``(n, horizon)``."""
    observed: npt.NDArray[np.bool_]
    """``(n, horizon)``: which targets are known. The others may hold anything."""
    zero: Array
    """``(n,)``: what stands for 0 of the target's own units."""


@dataclass(frozen=True, eq=False)
class Baselines:
    """Fitted baselines: see `fit_baselines`.

    Args:
        window: Context steps.
        horizon: Steps ahead.
        season_length: Steps in a season; 1 when there is none.
        levels: Quantile levels between 0 and 1.
        ridge: The fitted regression, or None when no training window had all its targets observed.
        residuals: For each name the quantiles ``(horizon, levels)`` of (target - point) / scale.
        longer_seasons: Steps of further seasons, rising.
        intermittent: Whether there are those of intermittent demand, too.
    """

    window: int
    horizon: int
    season_length: int
    levels: tuple[float, ...]
    ridge: Ridge | None
    residuals: Mapping[str, Array]
    longer_seasons: tuple[int, ...] = ()
    intermittent: bool = False

    def __post_init__(self) -> None:
        """Makes sure that all arrays are of one window, horizon and number of levels."""
        for name, errors in self.residuals.items():
            if errors.shape != (self.horizon, len(self.levels)):
                raise ValueError(f"errors of {name} of shape {errors.shape}")
        if self.ridge is not None and self.ridge.weight.shape != (self.window - 1, self.horizon):
            raise ValueError(f"a ridge regression of shape {self.ridge.weight.shape}")

    @property
    def names(self) -> tuple[str, ...]:
        """The baselines on offer: those that need a season only when the window holds it, ridge when it was fitted."""
        names = ["naive", "drift"]
        if self.window >= self.season_length > 1:
            names.append("seasonal naive")
        if self.window >= 2 * self.season_length > 2:
            names.append("seasonal drift")
        names += [f"{SEASONAL}{steps}" for steps in self.longer_seasons if self.window >= steps]
        if self.ridge is not None:
            names.append("ridge")
        return (*names, *INTERMITTENT) if self.intermittent else tuple(names)

    def forecast(self, name: str, batch: BaselineBatch) -> Forecast:
        """The forecast of one baseline for every window of a batch.

        Args:
            name: One of `names`.
            batch: Windows; `target` and `observed` are not read.

        Returns:
            The points, and the quantiles: the point plus the baseline's own residual quantile of that horizon step,
            times the window's scale.

        Raises:
            ValueError: The name is not on offer, or the context is not `window` steps long.
        """
        point = self.point(name, batch)
        return Forecast(point, point[:, :, None] + self.residuals[name] * batch.scale[:, None, None])

    def point(self, name: str, batch: BaselineBatch) -> Array:
        """The point forecast ``(n, horizon)`` of one baseline; see `forecast`."""
        if name not in self.names:
            raise ValueError(f"no baseline {name!r}; there are {', '.join(self.names)}")
        context = _filled(batch, self.window)
        ahead = np.arange(1, self.horizon + 1)
        match name:
            case "naive":
                return np.repeat(context[:, -1:], self.horizon, axis=1)
            case "drift":
                steps = np.maximum(batch.lengths - 1, 1)
                return context[:, -1:] + ((context[:, -1] - context[:, 0]) / steps)[:, None] * ahead
            case "seasonal naive":
                return _repeat_season(context, self.season_length, ahead)
            case _ if name.startswith(SEASONAL):
                return _repeat_season(context, int(name.removeprefix(SEASONAL)), ahead)
            case "seasonal drift":
                seasons_ahead = (ahead - 1) // self.season_length + 1
                rise = _seasonal_rise(context, batch.lengths, self.season_length)
                return _repeat_season(context, self.season_length, ahead) + rise[:, None] * seasons_ahead
            case "ridge":
                assert self.ridge is not None
                change = _lags(context, batch.scale) @ self.ridge.weight + self.ridge.bias
                return context[:, -1:] + change * batch.scale[:, None]
            case _:
                expected = expected_demand(name, context - batch.zero[:, None], batch.lengths)
                return np.repeat((batch.zero + expected)[:, None], self.horizon, axis=1)


def fit_baselines(
    training: Iterable[BaselineBatch],
    validation: Iterable[BaselineBatch] = (),
    *,
    window: int,
    horizon: int,
    season_length: int,
    longer_seasons: Sequence[int] = (),
    levels: Sequence[float],
    intermittent: bool = False,
    seed: int = 0,
) -> Baselines:
    """Fits every baseline that fits the window, in one pass over each iterable; memory does not grow with either.

    - naive: the last value.
    - drift: the line from the first valid to the last value of the context.
    - seasonal naive: the value a season ago, the season repeated over the horizon; with further seasons, such as
      the week of hours, one of each.
    - seasonal drift: seasonal naive, plus the mean seasonal difference of the context for every season ahead.
    - ridge: `Ridge`, from normal equations summed in float64 over the windows with all targets observed. The penalty
      has the least squared error on `validation`, or the least generalised cross-validation (Golub, Heath & Wahba
      1979) without one.
    - of intermittent demand: `expected_demand`, every step the same.

    The first four are in Hyndman & Athanasopoulos, *Forecasting: Principles and Practice*, section 5.2. Contexts
    shorter than the window are padded with their first valid value. Residual quantiles are those of
    (target - point) / scale on the training windows (at most `RESIDUAL_WINDOWS`), each horizon step by itself, at
    rank (n + 1) * level, which gives the nominal coverage for exchangeable errors. Those of ridge are leave-one-out,
    as its own training errors flatter it.

    Args:
        training: Batches of training windows.
        validation: Batches of validation windows; may be empty.
        window: Context steps.
        horizon: Steps ahead.
        season_length: Steps in a season; 1 for none.
        longer_seasons: Steps of further seasons, rising.
        levels: Quantile levels between 0 and 1.
        intermittent: Whether those of intermittent demand are fitted, too.
        seed: Of the sample of windows whose residuals are kept.

    Returns:
        The fitted baselines.

    Raises:
        OstinatoError: No training window has an observed target.
        ValueError: A level is not between 0 and 1, or a batch is not of the shape told or not finite.
    """
    if not all(0 < level < 1 for level in levels):
        raise ValueError(f"levels must lie between 0 and 1, got {list(levels)}")
    size = window + horizon
    fitted_on, judged = np.zeros((size, size)), np.zeros((size, size))
    sample = _Sample(window, horizon, seed)
    for batch in training:
        fitted_on += _moments(batch, window, horizon)
        sample.add(batch)
    for batch in validation:
        judged += _moments(batch, window, horizon)
    windows = sample.windows()
    if not windows.observed.any():
        raise OstinatoError("no training window has an observed target: give a longer series or a shorter horizon")

    regression = Regression(fitted_on, window - 1)
    ridge = regression.best(judged) if regression.rows > 1 else None
    points = Baselines(window, horizon, season_length, tuple(levels), ridge, {}, tuple(longer_seasons), intermittent)
    residuals = {}
    for name in points.names:
        errors = (windows.target - points.point(name, windows)) / windows.scale[:, None]
        if name == "ridge" and ridge is not None:
            leverage = regression.leverage(_lags(windows.context, windows.scale), ridge)
            errors /= 1 - np.where(windows.observed.all(axis=1), leverage, 0.0)[:, None]
        residuals[name] = _quantiles(errors, levels)
    return replace(points, residuals=residuals)


def _filled(batch: BaselineBatch, window: int) -> Array:
    """The contexts ``(n, window)``, what stands before the valid steps replaced by the first valid value."""
    context = np.asarray(batch.context, np.float64)
    if context.shape[1] != window:
        raise ValueError(f"context must be {window} steps long, got {context.shape[1]}")
    start = window - np.clip(batch.lengths, 1, window)[:, None]
    context = np.where(np.arange(window) < start, np.take_along_axis(context, start, axis=1), context)
    if not np.isfinite(context).all():
        raise ValueError("context has a value that is not finite: impute missing values first")
    return context


def _lags(context: Array, scale: Array) -> Array:
    """What ridge sees ``(n, window - 1)``: the values before the last, relative to it, in units of the scale."""
    return (context[:, :-1] - context[:, -1:]) / scale[:, None]


def _moments(batch: BaselineBatch, window: int, horizon: int) -> Array:
    """The moments of (lags, changes) over the windows with all targets observed."""
    if batch.target.shape[1] != horizon:
        raise ValueError(f"target must be {horizon} steps long, got {batch.target.shape[1]}")
    if not np.isfinite(batch.target[batch.observed]).all():
        raise ValueError("an observed target is not finite")
    complete = batch.observed.all(axis=1)
    context, scale = _filled(batch, window)[complete], batch.scale[complete]
    return moments(_lags(context, scale), (batch.target[complete] - context[:, -1:]) / scale[:, None])


def _repeat_season(context: Array, season_length: int, ahead: npt.NDArray[np.int64]) -> Array:
    return context[:, context.shape[1] - season_length + (ahead - 1) % season_length]


def _seasonal_rise(context: Array, lengths: npt.NDArray[np.int64], season_length: int) -> Array:
    """The mean change over one season ``(n,)``, over the valid steps; 0 for a context no longer than a season."""
    differences = context[:, season_length:] - context[:, :-season_length]
    valid = np.arange(differences.shape[1]) >= context.shape[1] - lengths[:, None]
    rise: Array = np.where(valid, differences, 0.0).sum(axis=1) / np.maximum(valid.sum(axis=1), 1)
    return rise


def _quantiles(errors: Array, levels: Sequence[float]) -> Array:
    """Quantiles ``(horizon, levels)`` of errors ``(n, horizon)``, NaN where unobserved.

    A horizon step that was never observed takes the quantiles of all steps together.
    """
    pool = errors[~np.isnan(errors)]
    steps = (column[~np.isnan(column)] for column in errors.T)
    return np.stack([np.quantile(step if step.size else pool, levels, method="weibull") for step in steps])


class _Sample:
    """A uniform sample of at most `RESIDUAL_WINDOWS` windows of a stream (Vitter 1985, algorithm R), all when fewer."""

    def __init__(self, window: int, horizon: int, seed: int) -> None:
        self.window = window
        self.rows = np.empty((RESIDUAL_WINDOWS, window + 3 + horizon))
        self.seen = 0
        self.random = np.random.default_rng(seed)

    def add(self, batch: BaselineBatch) -> None:
        target = np.where(batch.observed, batch.target, np.nan)
        rows = np.column_stack([_filled(batch, self.window), batch.lengths, batch.scale, batch.zero, target])
        number = self.seen + np.arange(len(rows))
        slot = (self.random.random(len(rows)) * (number + 1)).astype(np.int64)
        slot = np.where(number < RESIDUAL_WINDOWS, number, slot)
        kept = slot < RESIDUAL_WINDOWS
        self.rows[slot[kept]] = rows[kept]  # of two rows for one slot the later stays, as if they came one by one
        self.seen += len(rows)

    def windows(self) -> BaselineBatch:
        context, columns, target = np.split(self.rows[: self.seen], [self.window, self.window + 3], axis=1)
        lengths, scale, zero = columns.T
        return BaselineBatch(context, lengths.astype(np.int64), scale, target, ~np.isnan(target), zero)
