"""Grids of the pandas offsets that lie where the calendar has them: third Fridays, half-months, business hours."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

Unit = Literal["business", "months", "half-months", "hours"]
UNITS: dict[str, Unit] = {
    "WeekOfMonth": "months",
    "LastWeekOfMonth": "months",
    "CustomBusinessMonthBegin": "months",
    "CustomBusinessMonthEnd": "months",
    "SemiMonthBegin": "half-months",
    "SemiMonthEnd": "half-months",
    "CustomBusinessDay": "business",
    "BusinessHour": "hours",
    "CustomBusinessHour": "hours",
}
"""What a step of an offset of each class is."""

Dates = npt.NDArray[Any]


def at(offset: Any, start: Dates, steps: npt.NDArray[np.int64]) -> Dates:
    """The times of an offset that lie `steps` after `start`, or after the next one where that is none; both broadcast.

    Offsets of days keep the time of day of `start`.
    """
    begin, clock = _split(offset, start)
    back = max(-int(steps.min(initial=0)), 0)
    first = pd.Timestamp(begin.min()) - back * offset if back else pd.Timestamp(begin.min())
    known = pd.date_range(first, pd.Timestamp(begin.max()), freq=offset)
    grid = pd.date_range(first, periods=len(known) + max(int(steps.max(initial=0)), 0) + 2, freq=offset).to_numpy()
    return np.asarray(grid[np.searchsorted(grid, begin) + steps] + clock)


def steps(offset: Any, start: Dates, times: Dates) -> npt.NDArray[np.int64]:
    """The times of an offset from `start` on up to each of `times`, which is one of them or not."""
    begin, end = _split(offset, start)[0], _split(offset, times)[0]
    first, last = pd.Timestamp(min(begin.min(), end.min())), pd.Timestamp(max(begin.max(), end.max()))
    grid = pd.date_range(first, last, freq=offset).to_numpy()
    return np.asarray(np.searchsorted(grid, end, "right") - np.searchsorted(grid, begin) - 1, np.int64)


def season_length(offset: Any, step: int) -> int:
    """Steps of a year of months or half-months, a week of days, a day of hours; 1 where they are no whole number."""
    unit = UNITS[type(offset).__name__]
    hours = len(pd.date_range("2024-01-01", "2024-01-01 23:59:59", freq=offset)) if unit == "hours" else 1
    season = {"months": 12, "half-months": 24, "business": 5, "hours": hours}[unit]
    return season // step if season % step == 0 else 1


def _split(offset: Any, times: Dates) -> tuple[Dates, Any]:
    """The days of times and their times of day; hours are not split."""
    if UNITS[type(offset).__name__] == "hours":
        return times, np.timedelta64(0, "ns")
    days = times.astype("datetime64[D]")
    return days, times - days
