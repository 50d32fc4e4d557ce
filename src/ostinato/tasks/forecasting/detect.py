"""Observations that lie outside the interval that was forecast for them one step before."""

from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.data import Panel
from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.backtest import NETWORK, Backtest
from ostinato.tasks.forecasting.model import ForecasterModel
from ostinato.tasks.forecasting.scores import symmetric_pairs
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.tasks.forecasting.split import PanelPart
from ostinato.tasks.forecasting.tables import table_of

Array = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """One of the intervals that a model forecasts.

    Attributes:
        level: The share of observations that it promises to hold.
        low: Position of its lower end among the quantile levels.
        median: That of the median.
        high: That of its upper end.
    """

    level: float
    low: int
    median: int
    high: int

    @classmethod
    def of(cls, settings: ForecasterSettings, level: float | None = None) -> Self:
        """The interval of a level, or the widest.

        Raises:
            OstinatoError: The model has no such interval, or none at all.
        """
        if not has_interval(settings):
            raise OstinatoError(
                "this model forecasts no interval to lie outside of: train with output='quantiles' and quantiles of "
                "which two are symmetric about the median"
            )
        pairs = symmetric_pairs(settings.quantiles)
        level = next(iter(pairs)) if level is None else round(level, 6)
        if level not in pairs:
            raise OstinatoError(
                f"level={level:g}: the model has the intervals {', '.join(f'{each:g}' for each in pairs)}: choose one, "
                "or train with other quantiles"
            )
        low, high = pairs[level]
        return cls(level, low, settings.quantiles.index(0.5), high)

    def scores(self, y: Array, quantiles: Array) -> Array:
        """How far observations lie from the median, in units of the way from there to the interval's end.

        Args:
            y: ``(n,)``.
            quantiles: ``(n, levels)``, forecast for them.

        Returns:
            ``(n,)``: 0 at the median, 1 at either end of the interval, more outside; infinite beside an end that lies
            at the median.
        """
        median = quantiles[:, self.median]
        way = np.where(y < median, median - quantiles[:, self.low], quantiles[:, self.high] - median)
        off = np.abs(y - median)
        return np.divide(off, way, out=np.where(off > 0, np.inf, 0.0), where=way > 0)


def has_interval(settings: ForecasterSettings) -> bool:
    """Whether a model forecasts an interval at all."""
    return bool(symmetric_pairs(settings.levels))


def detected(
    model: ForecasterModel, unseen: PanelPart, later: Panel, interval: Interval, threshold: float
) -> pd.DataFrame:
    """Judges every observation of some rows by the forecast from the row before it.

    Args:
        model: What forecasts.
        unseen: The rows, up to the end of their panel; those before them are the past.
        later: A horizon of steps after it, with their known covariates: forecasts are made of whole horizons.
        interval: What observations are held against.
        threshold: The score above which one is an anomaly.

    Returns:
        See `Forecaster.detect`.

    Raises:
        OstinatoError: There is no observation in these rows, or the threshold is not above 0.
    """
    if not threshold > 0:
        raise OstinatoError(f"threshold must be above 0, got {threshold:g}")
    panel = unseen.panel.extend(later)
    part = PanelPart(panel, unseen.start, panel.lengths - 1)  # what follows the last row is no observation
    rows, points, ends = [], [], []
    for each in Backtest.of(model, part).forecasts(NETWORK):
        told = each.told[NETWORK]
        assert told.quantiles is not None
        seen = each.batch.target_observed[:, 0].numpy()
        rows.append(each.batch.origin.numpy()[seen] + 1)
        points.append(told.point[seen, 0])
        ends.append(told.quantiles[seen, 0])
    if not sum(map(len, rows)):
        raise OstinatoError(
            "no observation follows the rows the model was fitted on, so there is nothing to detect: give later rows, "
            "or fit with a holdout and do not refit (--no-refit)"
        )
    row = np.concatenate(rows)
    order = np.argsort(row)
    row, quantile = row[order], np.concatenate(ends)[order]
    score = interval.scores(panel.target[row], quantile)
    found: dict[str, Any] = {
        "y": panel.target[row],
        "forecast": np.concatenate(points)[order],
        "low": quantile[:, interval.low],
        "high": quantile[:, interval.high],
        "score": score,
        "anomaly": score > threshold,
    }
    ids, times = panel.ids[panel.codes[row]].astype(object), panel.clock.written(panel.times[row])
    return table_of(panel, found, ids, times)


def verdict(table: pd.DataFrame, level: float, threshold: float = 1.0) -> str:
    """How many anomalies a table of `detected` holds, beside how many an interval of this level lets expect."""
    found = f"{table['anomaly'].sum():,} of {len(table):,} observations lie"
    interval = f"the {100 * level:g} % interval"
    if threshold != 1:
        return f"{found} more than {threshold:g} times as far from the median as the ends of {interval}"
    return f"{found} outside {interval} ({100 * (1 - level):.3g} % are expected to)"
