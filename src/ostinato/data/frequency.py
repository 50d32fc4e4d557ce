"""The regular grid of times that a panel stands on: inferring it, walking it, and its default season."""

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.data.times import Moments
from ostinato.errors import OstinatoError

_NS = {"Nano": 1, "Micro": 10**3, "Milli": 10**6, "Second": 10**9, "Minute": 60 * 10**9, "Hour": 3600 * 10**9}
_DAY = 86_400 * 10**9
_NS |= {"Day": _DAY, "Week": 7 * _DAY}
_MONTHS = {"MonthBegin": 1, "MonthEnd": 1, "QuarterBegin": 3, "QuarterEnd": 3, "YearBegin": 12, "YearEnd": 12}
_MONTH_NAMES = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]


@dataclass(frozen=True)
class Frequency:
    """The step between two rows of a series.

    A series stands on the grid that its own first time and this step span; so weekly series may each have their own
    weekday, and hourly ones their own minute.

    Attributes:
        alias: a pandas offset alias ("h", "15min", "D", "B", "W-SAT", "MS", "ME", "QS-OCT", "YE-DEC"), or for integer
            time the number of units in a step ("1"). `Frequency.parse(alias)` gives the whole object back.
        kind: "integer", "fixed" (a constant duration), "business" (Monday to Friday) or "months".
        step: the length of a step: integer units, nanoseconds, business days or months.
        at_end: for months, whether times are the last days of months and not the first.

    Example:
        >>> import numpy as np
        >>> from ostinato.data import Frequency
        >>> frequency = Frequency.parse("MS")
        >>> times = frequency.at(np.array("2024-11-01", "datetime64[ns]"), np.arange(3))
        >>> times.astype("datetime64[D]").astype(str).tolist()
        ['2024-11-01', '2024-12-01', '2025-01-01']
    """

    alias: str
    kind: Literal["integer", "fixed", "business", "months"]
    step: int
    at_end: bool = False

    @classmethod
    def parse(cls, alias: str) -> Self:
        """The frequency of an alias.

        Raises:
            OstinatoError: an alias that pandas does not know, or that has no regular grid here.
        """
        if alias.isdecimal() and 0 < int(alias) < 2**53:
            return cls(alias, "integer", int(alias))
        try:
            offset: Any = pd.tseries.frequencies.to_offset(alias)
        except (ValueError, OverflowError):
            offset = None
        name = type(offset).__name__
        if offset is not None and 0 < offset.n * _NS.get(name, 1) < 2**62:
            if name in _NS:
                return cls(alias, "fixed", offset.n * _NS[name])
            if name in _MONTHS:
                return cls(alias, "months", offset.n * _MONTHS[name], at_end=name.endswith("End"))
            if name == "BusinessDay":
                return cls(alias, "business", offset.n)
        raise OstinatoError(
            f"frequency {alias!r} is not known: give a pandas alias (min, 15min, h, D, B, W, MS, ME, QS, QE, YS, YE), "
            "or a whole number for integer times"
        )

    @classmethod
    def infer(cls, times: Moments, offsets: npt.NDArray[np.int64]) -> Self:
        """The frequency of many series from the commonest difference between neighbouring rows, so gaps do no harm.

        Args:
            times: int64 or datetime64[ns], shape (rows,), increasing within each series.
            offsets: where each series starts in `times`, and the end; shape (series + 1,).

        Raises:
            OstinatoError: no series has two rows, so there is no difference to look at.
        """
        inner = np.ones(max(len(times) - 1, 0), np.bool_)
        inner[offsets[1:-1][(offsets[1:-1] > 0) & (offsets[1:-1] < len(times))] - 1] = False
        differences = np.diff(times)[inner].astype(np.int64)
        if not differences.size:
            raise OstinatoError("no series has two rows, so the frequency cannot be found: name it (frequency='D')")
        steps, counts = np.unique(differences, return_counts=True)
        step = int(steps[np.argmax(counts)])
        if times.dtype.kind != "M":
            return cls.parse(str(step))
        return cls.parse(_alias(np.asarray(times, "datetime64[ns]"), step))

    @property
    def season_length(self) -> int:
        """The default seasonal period in steps: a day of hours or minutes, a week of days, a year of weeks or months.

        Hourly 24, 15-minute 96, daily 7, business-daily 5, weekly 52, monthly 12, quarterly 4; below a minute, the
        steps of a minute. 1 where no such period is a whole number of steps, and for yearly and integer time.
        """
        if self.kind == "business":
            return 5 if self.step == 1 else 1
        if self.kind == "months":
            return 12 // self.step if 12 % self.step == 0 else 1
        if self.kind == "integer":
            return 1
        if self.step % (7 * _DAY) == 0:
            return max(52 // (self.step // (7 * _DAY)), 1)
        for period in (60 * 10**9, _DAY, 7 * _DAY):
            if self.step < period:
                return period // self.step if period % self.step == 0 else 1
        return 1

    def at(self, start: Moments, steps: npt.NDArray[np.int64]) -> Moments:
        """The times that lie `steps` steps after `start`; the two broadcast against each other.

        Raises:
            OstinatoError: a time beyond the year 2261.
        """
        if self.kind == "integer":
            return np.asarray(start, np.int64) + steps * np.int64(self.step)
        start = np.asarray(start, "datetime64[ns]")
        if self.kind == "fixed":
            reach = start.astype(np.float64) + np.asarray(steps, np.float64) * self.step
            _check_reach(reach / (_DAY * 365.2425) + 1970, self.alias)
            return start + np.asarray(steps) * np.timedelta64(self.step, "ns")
        days: Moments = start.astype("datetime64[D]")
        clock = start - days
        if self.kind == "business":
            days = np.asarray(np.busday_offset(days, steps * self.step, roll="forward"))
        else:
            months = days.astype("datetime64[M]") + steps * np.timedelta64(self.step, "M")
            days = months.astype("datetime64[D]")
            if self.at_end:
                days = (months + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
        _check_reach(days.astype("datetime64[Y]").astype(np.float64) + 1970, self.alias)
        return np.asarray(days.astype("datetime64[ns]") + clock)

    def steps(self, start: Moments, times: Moments) -> npt.NDArray[np.int64]:
        """The whole steps from `start` to `times`: `at(start, steps)` is `times` just where they are on the grid."""
        if self.kind == "business":
            first, last = (np.asarray(moment).astype("datetime64[D]") for moment in (start, times))
            return np.asarray(np.busday_count(first, last) // self.step, np.int64)
        if self.kind == "months":
            start, times = (np.asarray(moment).astype("datetime64[M]") for moment in (start, times))
        difference = np.asarray(times).astype(np.int64) - np.asarray(start).astype(np.int64)
        return np.asarray(difference // self.step, np.int64)

    def after(self, last: Moments, count: int) -> Moments:
        """The `count` times that follow each of the times `last` (series,): shape (series, count)."""
        return self.at(np.asarray(last)[:, None], np.arange(1, count + 1, dtype=np.int64))


def _check_reach(years: npt.NDArray[np.float64], alias: str) -> None:
    if years.size and years.max() >= 2262:
        raise OstinatoError(f"times run beyond the year 2261 at frequency {alias!r}: check the last dates")


def _alias(times: npt.NDArray[np.datetime64], step: int) -> str:
    """The pandas alias of a commonest difference of `step` nanoseconds between times such as these."""
    days = times.astype("datetime64[D]")
    if step >= 28 * _DAY:
        months = max(round(step / (30.436875 * _DAY)), 1)
        starts = bool((days == days.astype("datetime64[M]")).all())
        tomorrow = days + np.timedelta64(1, "D")
        ends = bool((tomorrow == tomorrow.astype("datetime64[M]")).all())
        if starts or ends:
            month = int(days[0].astype("datetime64[M]").astype(np.int64)) % 12
            return _month_alias(months, month, "E" if ends else "S")
    if step == _DAY and _only_business_days(days):
        return "B"
    if step % (7 * _DAY) == 0:
        weekday = (int(days[0].astype(np.int64)) + 3) % 7  # 1970-01-01 was a Thursday
        return _counted(step // (7 * _DAY), f"W-{_WEEKDAYS[weekday]}")
    units = {_DAY: "D", _NS["Hour"]: "h", _NS["Minute"]: "min", _NS["Second"]: "s", 10**6: "ms", 10**3: "us", 1: "ns"}
    unit = next(unit for unit in units if step % unit == 0)
    return _counted(step // unit, units[unit])


def _month_alias(months: int, month: int, edge: str) -> str:
    if months % 12 == 0:
        return _counted(months // 12, f"Y{edge}-{_MONTH_NAMES[month]}")
    if months % 3 == 0:
        return _counted(months // 3, f"Q{edge}-{_MONTH_NAMES[month]}")
    return _counted(months, f"M{edge}")


def _counted(count: int, alias: str) -> str:
    return alias if count == 1 else f"{count}{alias}"


def _only_business_days(days: npt.NDArray[np.datetime64]) -> bool:
    """Monday to Friday only, over long enough a time that a weekend must have passed."""
    return bool(np.is_busday(days).all()) and bool(days.max() - days.min() > np.timedelta64(6, "D"))
