"""Tables of sample paths, and of sums over the horizon and over series with intervals of their own."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.data import Panel
from ostinato.data.times import spell
from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.forecast import Forecast
from ostinato.tasks.forecasting.model import ForecasterModel
from ostinato.tasks.forecasting.tables import table_of

Array = npt.NDArray[np.float64]
Total = Literal["horizon", "series", "both"]
"""What is summed: each series' steps, all series at each step, or everything."""

TOTAL_PATHS = 2_000
"""Sample paths that a sum's quantiles are taken from."""

ALL = "total"
"""What the sum over all series is called, among the names of series."""


def sample_table(model: ForecasterModel, panel: Panel, later: Panel, samples: int, total: Total | None) -> pd.DataFrame:
    """A row for each series, step and sample path; where there is a total, for each sum and path."""
    values = _paths(model, panel, later, samples, total)
    series, steps, paths = values.shape[1], values.shape[2], np.arange(samples)
    found = {"sample": np.tile(paths, series * steps), "forecast": values.transpose(1, 2, 0).ravel()}
    return table_of(panel, found, *(np.repeat(each, samples) for each in _places(panel, later, total)))


def total_table(model: ForecasterModel, panel: Panel, later: Panel, total: Total) -> pd.DataFrame:
    """A row for each sum: its median, mean and quantiles."""
    values = _paths(model, panel, later, TOTAL_PATHS, total)
    quantiles = np.moveaxis(np.quantile(values, model.settings.levels, axis=0), 0, -1)
    summed = Forecast(np.median(values, axis=0), quantiles, values.mean(axis=0))
    return table_of(panel, model.columns(summed), *_places(panel, later, total))


def _paths(model: ForecasterModel, panel: Panel, later: Panel, samples: int, total: Total | None) -> Array:
    """Sample paths or sums of them, ``(samples, series or 1, steps or 1)``."""
    parts = model.paths_after(panel, later, samples)
    if total in ("horizon", "both"):
        parts = (part.sum(axis=2, keepdims=True) for part in parts)
    if total in ("series", "both"):
        _refuse_other_times(panel, later)
        return np.asarray(sum(part.sum(axis=1, keepdims=True) for part in parts))
    return np.concatenate(list(parts), axis=1)


def _places(panel: Panel, later: Panel, total: Total | None) -> tuple[Any, Any]:
    """Of each row: the series, or all, and its time, or the last one that a sum is over."""
    rows = np.arange(len(later.times)).reshape(len(panel), -1)
    if total in ("series", "both"):
        rows = rows[:1]
    if total in ("horizon", "both"):
        rows = rows[:, -1:]
    ids = panel.ids[later.codes[rows.ravel()]].astype(object)
    times = later.clock.written(later.times[rows.ravel()])
    return np.full(rows.size, ALL, object) if total in ("series", "both") else ids, times


def _refuse_other_times(panel: Panel, later: Panel) -> None:
    times = later.times.reshape(len(panel), -1)[:, 0]
    if (times != times[0]).any():
        other = int(np.argmax(times != times[0]))
        raise OstinatoError(
            f"total: forecasts of series {str(panel.ids[0])!r} begin at {spell(times[0])} and those of "
            f"{str(panel.ids[other])!r} at {spell(times[other])}: a sum over series needs series that end together"
        )
