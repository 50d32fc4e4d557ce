"""The regular grid of times that a panel stands on: inferring it, walking it, and its default season."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.data import anchored
from ostinato.data.times import Moments
from ostinato.errors import OstinatoError

_NS = {"Nano": 1, "Micro": 10**3, "Milli": 10**6, "Second": 10**9, "Minute": 60 * 10**9, "Hour": 3600 * 10**9}
_DAY = 86_400 * 10**9
_NS |= {"Day": _DAY, "Week": 7 * _DAY}
_BLOCK = 2**19
"""Times that are reckoned at once: what is held in between may be many times as much."""

_PERIODS = {"Month": 1, "Quarter": 3, "HalfYear": 6, "Year": 12}
_MONTHS = {f"{name}{edge}": months for name, months in _PERIODS.items() for edge in ("Begin", "End")}
_MONTHS |= {f"B{name}": months for name, months in _MONTHS.items()}
_MONTHS |= {f"Business{name}": months for name, months in _MONTHS.items() if name.startswith("Month")}
_DAY_OF_MONTH = re.compile(r"(\d*)(B?)M-(\d{1,2})")
_MONTH_NAMES = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]


@dataclass(frozen=True)
class Frequency:
    """The step between two rows of a series.

    A series stands on the grid that its own first time and this step span; so weekly series may each have their own
    weekday, and hourly ones their own minute.

    Attributes:
        alias: a pandas offset alias ("h", "15min", "D", "B", "W-SAT", "MS", "BME", "QS-OCT", "SMS-15", "WOM-3FRI"),
            "M-15" (the 15th of every month, or the last day of a shorter one), "BM-3" (its third working day), or for
            integer time the number of units in a step ("1"). `Frequency.parse(alias)` gives the whole object back.
        kind: "integer", "fixed" (a constant duration), "business" (Monday to Friday), "months" (a day in each) or
            "anchored" (the days or hours that a pandas offset lies on).
        step: the length of a step: integer units, nanoseconds, business days, months or offsets.
        day: for months, which of their days times are; of working days if `working`.
        at_end: for months, whether times are their last days.
        working: for months, whether only Monday to Friday count as days.

    Example:
        >>> import numpy as np
        >>> from ostinato.data import Frequency
        >>> frequency = Frequency.parse("MS")
        >>> times = frequency.at(np.array("2024-11-01", "datetime64[ns]"), np.arange(3))
        >>> times.astype("datetime64[D]").astype(str).tolist()
        ['2024-11-01', '2024-12-01', '2025-01-01']
    """

    alias: str
    kind: Literal["integer", "fixed", "business", "months", "anchored"]
    step: int
    day: int = 1
    at_end: bool = False
    working: bool = False

    @classmethod
    def parse(cls, alias: str) -> Self:
        """The frequency of an alias.

        Raises:
            OstinatoError: an alias that pandas does not know, or that has no regular grid here.
        """
        if alias.isdecimal() and 0 < int(alias) < 2**53:
            return cls(alias, "integer", int(alias))
        if (parts := _DAY_OF_MONTH.fullmatch(alias)) and 2 <= int(parts[3]) <= (20 if parts[2] else 30):
            return cls(alias, "months", int(parts[1] or 1), day=int(parts[3]), working=bool(parts[2]))
        offset, name = _offset(alias), type(_offset(alias)).__name__
        if offset is not None and 0 < offset.n * _NS.get(name, 1) < 2**62:
            if name in _NS:
                return cls(alias, "fixed", offset.n * _NS[name])
            if name in _MONTHS:
                edge = {"at_end": name.endswith("End"), "working": name.startswith("B")}
                return cls(alias, "months", offset.n * _MONTHS[name], **edge)
            if name == "BusinessDay":
                return cls(alias, "business", offset.n)
            if name in anchored.UNITS:
                return cls(alias, "anchored", offset.n)
        raise OstinatoError(
            f"frequency {alias!r} is not known{_nearest(alias)}: give a pandas alias (min, 15min, h, D, B, W, SMS, MS, "
            "ME, BME, QS, QE, YS, YE, WOM-3FRI), M-15 for the 15th of each month, BM-3 for its third working day, or a "
            "whole number for integer times"
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
        moments = np.asarray(times, "datetime64[ns]")
        alias = _alias(moments, step)
        months = np.diff(moments.astype("datetime64[M]").astype(np.int64))[inner]
        uneven = Frequency.parse(alias).kind == "fixed" and bool((differences % step).any())
        if step >= 28 * _DAY and uneven and (months > 0).all():
            alias = _loosely_monthly(moments, int(np.bincount(months).argmax()))
        return cls.parse(alias)

    @property
    def season_lengths(self) -> tuple[int, ...]:
        """`season_length`, and below a day the steps of a week, too; hourly (24, 168)."""
        if self.kind == "fixed" and 60 * 10**9 <= self.step < _DAY and (7 * _DAY) % self.step == 0:
            return tuple(sorted({self.season_length, 7 * _DAY // self.step}))
        return (self.season_length,)

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
        if self.kind == "anchored":
            return anchored.season_length(self._base, self.step)
        if self.step % (7 * _DAY) == 0:
            return max(52 // (self.step // (7 * _DAY)), 1)
        for period in (60 * 10**9, _DAY, 7 * _DAY):
            if self.step < period:
                return period // self.step if period % self.step == 0 else 1
        return 1

    @property
    def unit(self) -> Literal["integer", "fixed", "business", "months", "half-months", "hours"]:
        """What a step is one or several of: the kind, but for anchored steps."""
        return anchored.UNITS[type(self._base).__name__] if self.kind == "anchored" else self.kind

    @property
    def _base(self) -> Any:
        """The pandas offset of a single step."""
        return _offset(self.alias).base

    def at(self, start: Moments, steps: npt.NDArray[np.int64]) -> Moments:
        """The times that lie `steps` steps after `start`; the two broadcast against each other.

        Raises:
            OstinatoError: a time beyond the year 2261.
        """
        if self.kind == "integer":
            return np.asarray(start, np.int64) + steps * np.int64(self.step)
        start = np.asarray(start, "datetime64[ns]")
        if np.ndim(steps) == 1 and start.ndim <= 1 and len(steps) > _BLOCK:
            starts = np.broadcast_to(start, steps.shape)
            blocks = [slice(first, first + _BLOCK) for first in range(0, len(steps), _BLOCK)]
            return np.concatenate([self.at(starts[block], steps[block]) for block in blocks])
        if self.kind == "fixed":
            reach = start.astype(np.float64) + np.asarray(steps, np.float64) * self.step
            _check_reach(reach / (_DAY * 365.2425) + 1970, self.alias)
            return start + np.asarray(steps) * np.timedelta64(self.step, "ns")
        if self.kind == "anchored":
            times = anchored.at(self._base, start, np.asarray(steps) * self.step)
            _check_reach(times.astype("datetime64[Y]").astype(np.float64) + 1970, self.alias)
            return times.astype("datetime64[ns]")
        days: Moments = start.astype("datetime64[D]")
        clock = start - days
        if self.kind == "business":
            days = np.asarray(np.busday_offset(days, steps * self.step, roll="forward"))
        else:
            days = self._days_in(days.astype("datetime64[M]") + steps * np.timedelta64(self.step, "M"))
        _check_reach(days.astype("datetime64[Y]").astype(np.float64) + 1970, self.alias)
        return np.asarray(days.astype("datetime64[ns]") + clock)

    def _days_in(self, months: Moments) -> Moments:
        """The day of each month."""
        first, next_ = months.astype("datetime64[D]"), (months + np.timedelta64(1, "M")).astype("datetime64[D]")
        if self.working:
            place, edge = (-1, next_) if self.at_end else (self.day - 1, first)
            return np.asarray(np.busday_offset(edge, place, roll="forward"))
        last = next_ - np.timedelta64(1, "D")
        return last if self.at_end else np.minimum(first + np.timedelta64(self.day - 1, "D"), last)

    def steps(self, start: Moments, times: Moments) -> npt.NDArray[np.int64]:
        """The whole steps from `start` to `times`: `at(start, steps)` is `times` just where they are on the grid."""
        if self.kind == "business":
            first, last = (np.asarray(moment).astype("datetime64[D]") for moment in (start, times))
            return np.asarray(np.busday_count(first, last) // self.step, np.int64)
        if self.kind == "anchored":
            return anchored.steps(self._base, np.asarray(start), np.asarray(times)) // self.step
        if self.kind == "months":
            start, times = (np.asarray(moment).astype("datetime64[M]") for moment in (start, times))
        difference = np.asarray(times).astype(np.int64) - np.asarray(start).astype(np.int64)
        return np.asarray(difference // self.step, np.int64)

    def snap(self, times: Moments) -> Moments:
        """Times of any day of a month as the one that stands for it here, for months; others as they are."""
        return self.at(times, np.zeros(np.shape(times), np.int64)) if self.kind == "months" else times

    def after(self, last: Moments, count: int) -> Moments:
        """The `count` times that follow each of the times `last` (series,): shape (series, count)."""
        return self.at(np.asarray(last)[:, None], np.arange(1, count + 1, dtype=np.int64))


def _check_reach(years: npt.NDArray[np.float64], alias: str) -> None:
    if years.size and years.max() >= 2262:
        raise OstinatoError(f"times run beyond the year 2261 at frequency {alias!r}: check the last dates")


@cache
def _offset(alias: str) -> Any:
    try:
        return pd.tseries.frequencies.to_offset(alias)
    except (ValueError, OverflowError):
        return None


def _nearest(alias: str) -> str:
    """What pandas calls an alias today, as its own message says it."""
    try:
        pd.tseries.frequencies.to_offset(alias)
    except (ValueError, OverflowError) as error:
        meant = re.search(r"(?:use '|mean )([\w-]+)", str(error))
        return f", did you mean {meant[1]!r}" if meant else ""
    return ""


def _alias(times: npt.NDArray[np.datetime64], step: int) -> str:
    """The alias of a commonest difference of `step` nanoseconds between times such as these."""
    days = np.unique(times.astype("datetime64[D]"))
    if step % (28 * _DAY) or (np.diff(days).astype(np.int64) % 28).any():  # every four weeks is no month
        alias = (step >= 28 * _DAY and _in_months(days, step)) or (2 <= step / _DAY < 28 and _half_months(days))
        if alias:
            return str(alias)
    if step == _DAY and _only_business_days(days):
        return "B"
    if step % (7 * _DAY) == 0:
        weekday = (int(times[0].astype("datetime64[D]").astype(np.int64)) + 3) % 7  # 1970-01-01 was a Thursday
        return _counted(step // (7 * _DAY), f"W-{_WEEKDAYS[weekday]}")
    units = {_DAY: "D", _NS["Hour"]: "h", _NS["Minute"]: "min", _NS["Second"]: "s", 10**6: "ms", 10**3: "us", 1: "ns"}
    unit = next(unit for unit in units if step % unit == 0)
    return _counted(step // unit, units[unit])


def _in_months(days: npt.NDArray[np.datetime64], step: int) -> str | None:
    """The alias of the first rule by which days of single months are theirs: their first, their last, the 15th, ..."""
    months = days.astype("datetime64[M]")
    count = max(round(step / (30.436875 * _DAY)), 1)
    month = int(months[0].astype(np.int64)) % 12
    place = int((days - months.astype("datetime64[D]")).max().astype(np.int64)) + 1
    working = int(np.busday_count(months[0].astype("datetime64[D]"), days[0])) + 1
    weekday = _WEEKDAYS[(int(days[0].astype(np.int64)) + 3) % 7]
    nth = (int((days[0] - months[0].astype("datetime64[D]")).astype(np.int64)) // 7) + 1
    rules = [_edge(count, month, "S"), _edge(count, month, "E"), _counted(count, f"M-{place}")]
    rules += [_edge(count, month, "S", "B"), _edge(count, month, "E", "B"), _counted(count, f"BM-{working}")]
    rules += [_counted(count, f"WOM-{nth}{weekday}"), _counted(count, f"LWOM-{weekday}")]
    return next((rule for rule in rules if _holds(rule, days)), None)


def _loosely_monthly(times: npt.NDArray[np.datetime64], count: int) -> str:
    """The alias of one day in each of some months that no rule gives, such as the last one of trading."""
    days = times.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    late = bool(np.median((days - months.astype("datetime64[D]")).astype(np.int64)) >= 15)
    month = int(months[0].astype(np.int64)) % 12
    return _edge(count, month, "E" if late else "S", "B" if np.is_busday(days).all() else "")


def _half_months(days: npt.NDArray[np.datetime64]) -> str | None:
    """The alias of days that are the first or last of each month, and one between."""
    inside = days - days.astype("datetime64[M]").astype("datetime64[D]")
    place = int(np.median(inside[(inside.astype(np.int64) >= 2) & (inside.astype(np.int64) < 27)]).astype(np.int64)) + 1
    return next((rule for rule in (f"SMS-{place}", f"SME-{place}") if len(days) > 3 and _holds(rule, days)), None)


def _holds(alias: str, days: npt.NDArray[np.datetime64]) -> bool:
    """Whether all days are some of a frequency."""
    try:
        frequency = Frequency.parse(alias)
    except OstinatoError:
        return False
    return bool((frequency.at(days, np.zeros(len(days), np.int64)) == days).all())


def _edge(months: int, month: int, edge: str, prefix: str = "") -> str:
    if months % 12 == 0:
        return _counted(months // 12, f"{prefix}Y{edge}-{_MONTH_NAMES[month]}")
    if months % 3 == 0:
        return _counted(months // 3, f"{prefix}Q{edge}-{_MONTH_NAMES[month]}")
    return _counted(months, f"{prefix}M{edge}")


def _counted(count: int, alias: str) -> str:
    return alias if count == 1 else f"{count}{alias}"


def _only_business_days(days: npt.NDArray[np.datetime64]) -> bool:
    """Monday to Friday only, over long enough a time that a weekend must have passed."""
    return bool(np.is_busday(days).all()) and bool(days.max() - days.min() > np.timedelta64(6, "D"))
