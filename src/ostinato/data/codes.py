"""Calendar codes in digits: months as 202012, weeks as 202053, days as 20201231, spreadsheets' days, Unix seconds.

Read as the numbers they look like they would leave a gap at the end of every year, so they are read as calendar, or the
user says that they count (`time_format="counter"`).
"""

import re
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

TimeFormat = Literal[
    "counter", "years", "quarters", "months", "weeks", "days", "short_days", "days_of_year", "hours", "minutes",
    "seconds", "excel_days", "unix_seconds", "unix_milliseconds", "unix_microseconds", "unix_nanoseconds",
]  # fmt: skip

_COUNTERS = {"step", "row", "counter", "tick", "no", "n"}
_DAYS = re.compile(r"date|day|datum|fecha|timestamp|^ds$|month|week")
_WEEKS = re.compile(r"week|woche|^(kw|wk)|(kw|wk)$|semaine|semana")
_EXCEL_FIRST, _EXCEL_LAST = 25_569, 73_050  # 1970-01-01 and 2099-12-31
_LARGEST = 2**62
_UNIX_FIRST, _UNIX_LAST = 10**9, 41 * 10**8  # 2001-09-09 to 2099


class _Code(NamedTuple):
    """How a code is spelled: in words and digits and as `strptime` has it; and the step from one code to the next."""

    words: str
    digits: int
    spelling: str
    position: Callable[["pd.Series[Any]"], "pd.Series[Any]"]


def _every(nanoseconds: int) -> Callable[["pd.Series[Any]"], "pd.Series[Any]"]:
    return lambda moments: moments.astype("int64") // nanoseconds


def _months(moments: "pd.Series[Any]") -> "pd.Series[Any]":
    months: pd.Series[Any] = moments.dt.year * 12 + moments.dt.month
    return months


_SECOND = 10**9
_DAY = 86_400 * _SECOND
_CODES: dict[TimeFormat, _Code] = {
    "months": _Code("a month written YYYYMM", 6, "%Y%m", _months),
    "weeks": _Code("an ISO week written YYYYWW", 6, "%G%V", _every(7 * _DAY)),
    "short_days": _Code("a date written YYMMDD", 6, "%y%m%d", _every(_DAY)),
    "quarters": _Code("a quarter written YYYYQ", 5, "%Y%q", lambda moments: _months(moments) // 3),
    "days": _Code("a date written YYYYMMDD", 8, "%Y%m%d", _every(_DAY)),
    "days_of_year": _Code("a day of the year written YYYYDDD", 7, "%Y%j", _every(_DAY)),
    "hours": _Code("an hour written YYYYMMDDHH", 10, "%Y%m%d%H", _every(3600 * _SECOND)),
    "minutes": _Code("a minute written YYYYMMDDHHMM", 12, "%Y%m%d%H%M", _every(60 * _SECOND)),
    "seconds": _Code("a second written YYYYMMDDHHMMSS", 14, "%Y%m%d%H%M%S", _every(_SECOND)),
    "years": _Code("a year", 4, "%Y", lambda moments: moments.dt.year),
}
_OBVIOUS = {"days", "hours", "minutes", "seconds"}
_UNITS: dict[TimeFormat, int] = {
    "unix_seconds": _SECOND,
    "unix_milliseconds": 10**6,
    "unix_microseconds": 10**3,
    "unix_nanoseconds": 1,
}


def find_format(numbers: npt.NDArray[Any], column: str) -> TimeFormat:
    """How the numbers of a time column are to be read: as a code that all or nearly all of them are, or as a counter.

    Args:
        numbers: Of int64 or float64, shape (rows,).
        column: Its name, which tells a week from a month, and a spreadsheet's day from a counter.
    """
    found, name = np.unique(numbers), column.casefold()
    if name in _COUNTERS or not (np.abs(found.astype(np.float64)) < _LARGEST).all():
        return "counter"
    if not (found == np.floor(found)).all():
        unix = ((found >= _UNIX_FIRST) & (found < _UNIX_LAST)).all()
        return "unix_seconds" if unix else "excel_days" if _is_excel(found, name) else "counter"
    whole = found.astype(np.int64)
    return _code(whole, name) or _unit(whole) or ("excel_days" if _is_excel(found, name) else "counter")


def _code(whole: npt.NDArray[np.int64], column: str) -> TimeFormat | None:
    regular = len(set(np.diff(whole))) == 1  # as a counter is, and a code only within a year
    fits: dict[TimeFormat, pd.Series[Any]] = {}
    digits = len(str(int(np.median(whole))))
    for code in (code for code in _CODES if code != "years" and _CODES[code].digits == digits):
        moments = read_codes(whole, code)
        share = float(moments.notna().mean())
        sure = code in _OBVIOUS or len(whole) >= 10
        if share == 1 or (not regular and sure and share > (0.5 if code in _OBVIOUS else 0.9)):
            fits[code] = moments  # a slip of the pen among codes is refused later
    likely = "weeks" if _WEEKS.search(column) else next(iter(fits), None)
    return max(fits, key=lambda code: (_evenness(fits[code], code), code == likely), default=None)


def _unit(whole: npt.NDArray[np.int64]) -> TimeFormat | None:
    for code, unit in _UNITS.items():
        seconds = whole // (_SECOND // unit)
        if ((seconds >= _UNIX_FIRST) & (seconds < _UNIX_LAST)).all():
            return code
    return None


def _is_excel(found: npt.NDArray[Any], column: str) -> bool:
    return bool(_DAYS.search(column)) and bool(((found >= _EXCEL_FIRST) & (found <= _EXCEL_LAST)).all())


def in_words(code: TimeFormat) -> str:
    """What one number of a code is: "a month written YYYYMM"."""
    if code in _CODES:
        return _CODES[code].words
    return "a day as spreadsheets count them" if code == "excel_days" else f"{code[5:]} since 1970"


def is_obvious(code: TimeFormat) -> bool:
    """Whether nobody would take numbers of this code for anything else."""
    return code in _OBVIOUS or code == "counter"


def read_codes(numbers: npt.NDArray[Any], code: TimeFormat) -> "pd.Series[Any]":
    """Numbers to moments, datetime64[ns]; NaT where one is none in this code."""
    largest = 2 * _EXCEL_LAST if code == "excel_days" else _LARGEST // _UNITS.get(code, 1)
    within = np.abs(np.asarray(numbers, np.float64)) < largest
    moments = _moments(np.where(within, numbers, 0), code)
    return moments.where(within & moments.dt.year.between(1678, 2261)).astype("datetime64[ns]")


def _moments(numbers: npt.NDArray[Any], code: TimeFormat) -> "pd.Series[Any]":
    if code == "excel_days":
        seconds = np.round(numbers.astype(np.float64) * 86_400)
        return pd.to_datetime(pd.Series(seconds.astype(np.int64)), unit="s", origin="1899-12-30")
    if code in _UNITS:
        whole = np.floor(numbers)
        nanoseconds = whole.astype(np.int64) * _UNITS[code]
        if numbers.dtype.kind == "f":
            nanoseconds += (np.round((numbers - whole) * 1e6) * (_UNITS[code] / 1e6)).astype(np.int64)
        return pd.Series(nanoseconds.astype("datetime64[ns]"))
    _, digits, spelling, _ = _CODES[code]
    texts = pd.Series(numbers).map(lambda number: str(int(number)) if number == int(number) else "")
    texts = texts.where(texts.str.len() == digits)
    if code == "quarters":
        months = texts.str[-1:].map({"1": "01", "2": "04", "3": "07", "4": "10"})
        return pd.to_datetime(texts.str[:4] + months, format="%Y%m", errors="coerce")
    if code == "weeks":
        return pd.to_datetime(texts + "1", format="%G%V%u", errors="coerce")
    moments = pd.to_datetime(texts, format=spelling, errors="coerce")
    return moments.where(moments.dt.strftime(spelling) == texts)  # the 366th day of most years is none


def _evenness(moments: "pd.Series[Any]", code: TimeFormat) -> float:
    """The share of steps that are the commonest one."""
    steps = np.diff(np.sort(_CODES[code].position(moments.dropna())))
    return float(np.unique(steps, return_counts=True)[1].max() / len(steps)) if len(steps) else 1.0
