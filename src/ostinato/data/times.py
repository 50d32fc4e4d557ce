"""The time column: text, dates or whole numbers -> one sorted kind of moment, with the row of what cannot be read."""

import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.data.table import Table

Moments = npt.NDArray[Any]  # datetime64[ns], or int64 for integer time

_DATES = ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y"]
_DATES += ["%d-%b-%Y", "%Y.%m.%d"]
_CLOCKS = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p"]
_MONTHS = ["%b %Y", "%B %Y", "%b-%Y", "%m/%Y", "%Y.%m"]
_FORMATS = [date + clock for date in _DATES for clock in _CLOCKS] + _MONTHS
_DATE, _CLOCK = r"\d{4}(?:[-/]?\d{1,2}){0,2}", r"[T ]\d{1,2}(?::?\d{2}){0,2}(?:\.\d+)?"
_ISO = re.compile(f"{_DATE}(?:{_CLOCK})?")  # pandas alone would also take "now", and mix times with and without offset
_ZONED = re.compile(rf"{_DATE}{_CLOCK} ?(?:Z|[+-]\d{{2}}(?::?\d{{2}})?)")
_QUARTER = re.compile(r"\d{4}[- ]?q[1-4]", re.IGNORECASE)
_FIRST_MONTH = {"1": "01", "2": "04", "3": "07", "4": "10"}
_FIRST, _LAST = np.datetime64("1678-01-01"), np.datetime64("2262-01-01")


class Times(NamedTuple):
    """Moments of each row, datetime64[ns] or int64, and statements about how they were read."""

    values: Moments
    notes: tuple[str, ...] = ()


def read_times(table: Table, column: str) -> Times:
    """Read a time column.

    Whole numbers stay whole numbers (steps of a counter, years), except eight-digit ones that read as YYYYMMDD, which
    are dates. Dates in text are ISO 8601 or one of a closed list of day/month/year spellings that must fit every row; a
    column that fits both day/month and month/day is refused. Times with UTC offsets or zones are converted to UTC.

    Args:
        table: the table.
        column: the name of its time column.

    Returns:
        int64, or datetime64[ns] without a zone; shape (rows,).

    Raises:
        OstinatoError: a row without a time, text that is not a time (with the row), zones in some rows only, dates that
            can be read in two ways, dates outside 1678 to 2261.
    """
    table.require(column)
    series = table.frame[column]
    missing = np.flatnonzero(series.isna().to_numpy())
    if missing.size:
        raise table.error("no time in this row: fill it in or remove the row", row=int(missing[0]), column=column)
    if isinstance(series.dtype, pd.PeriodDtype):
        series = series.dt.to_timestamp()
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        naive = series.dt.tz_convert("UTC").dt.tz_localize(None)
        return Times(_checked_range(table, column, naive), _zone_note(column))
    if pd.api.types.is_datetime64_dtype(series.dtype):
        return Times(_checked_range(table, column, series))
    if pd.api.types.is_numeric_dtype(series.dtype):
        return Times(_whole_numbers(table, column))
    return _from_text(table, column)


def spell(moment: Any) -> str:
    """A moment as a person writes it: "7", "2020-03-31", "2020-03-31 14:00:00"."""
    if isinstance(moment, np.datetime64):
        stamp = pd.Timestamp(moment)
        return str(stamp.date()) if stamp == stamp.normalize() else str(stamp)
    return str(moment)


def looks_like_dates(table: Table, column: str) -> bool:
    """Whether a column holds dates (not numbers): what makes it the time column when none is named."""
    dtype = table.frame[column].dtype
    if pd.api.types.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        return True
    if pd.api.types.is_numeric_dtype(dtype):
        return False
    sample = pd.Series(table.texts(column)[:100], dtype=object).astype(str)
    if bool(pd.to_numeric(sample, errors="coerce").notna().any()):
        return False
    zoned = bool(sample.str.fullmatch(_ZONED).any())
    return float(_best(sample, zoned).notna().mean()) > 0.5


def _from_text(table: Table, column: str) -> Times:
    codes, unique = table.distinct(column)
    texts = pd.Series(unique, dtype=object).astype(str)

    def refuse(bad: npt.NDArray[np.bool_], what: str) -> None:
        """Raise for the first row whose text is one of the bad ones."""
        if bad.any():
            row = int(np.argmax(bad[codes]))
            text = texts.iloc[codes[row]]
            missing = "no time in this row: fill it in or remove the row"
            raise table.error(f"{text!r} {what}" if text else missing, row=row, column=column)

    whole = texts.str.fullmatch(r"[+-]?\d+").to_numpy(dtype=np.bool_)
    if whole.mean() > 0.5:
        compact = pd.to_datetime(texts.where(texts.str.len() == 8), format="%Y%m%d", errors="coerce")
        if compact.notna().mean() <= 0.5:
            refuse(~whole, "is not a whole number, as the other times are")
            return Times(_whole_numbers(table, column))
        refuse(compact.isna().to_numpy(), "is not a date written YYYYMMDD")
        return Times(_checked_range(table, column, compact.iloc[codes]))
    zoned = texts.str.fullmatch(_ZONED).to_numpy(dtype=np.bool_)
    if zoned.any():
        refuse(~zoned, "has no UTC offset, while other rows have one: give all or none")
    moments = _best(texts, zoned=bool(zoned.any()))
    refuse(moments.isna().to_numpy(), "is not a date or time: write 2020-03-31 or 2020-03-31 14:00")
    other = _other_reading(texts, moments)
    if other is not None:
        twin = int(np.argmax((other != moments).to_numpy()))
        what = "can be read as day/month and as month/day: write dates as 2020-03-31"
        refuse(np.arange(len(texts)) == twin, what)
    values = _checked_range(table, column, moments.iloc[codes])
    return Times(values, _zone_note(column) if zoned.any() else ())


def _best(texts: "pd.Series[Any]", zoned: bool = False) -> "pd.Series[Any]":
    """The moments by the spelling that fits most of `texts`; NaT where it does not fit."""
    iso = texts.where(texts.str.fullmatch(_ZONED if zoned else _ISO))
    best = pd.to_datetime(iso, format="ISO8601", errors="coerce", utc=zoned)
    if zoned:
        best = best.dt.tz_localize(None)
    elif best.notna().mean() <= 0.5:
        if bool(texts.iloc[:100].str.fullmatch(_QUARTER).any()):
            spelled = texts.where(texts.str.fullmatch(_QUARTER)).str.replace(r"[- ]", "", regex=True)
            months = spelled.str[:4] + "-" + spelled.str[-1:].map(_FIRST_MONTH)
            return pd.to_datetime(months, format="%Y-%m", errors="coerce")
        for spelling in _likely(texts):
            found = pd.to_datetime(texts, format=spelling, errors="coerce")
            best = found if found.notna().sum() > best.notna().sum() else best
    return best


def _likely(texts: "pd.Series[Any]") -> list[str]:
    sample = texts.iloc[:100]
    return [s for s in _FORMATS if pd.to_datetime(sample, format=s, errors="coerce").notna().mean() > 0.3]


def _other_reading(texts: "pd.Series[Any]", moments: "pd.Series[Any]") -> "pd.Series[Any] | None":
    """A second spelling that fits every row and gives other moments: day/month against month/day."""
    if bool(texts.iloc[:1].str.match(r"\d{4}").all()):
        return None
    for spelling in _likely(texts):
        found = pd.to_datetime(texts, format=spelling, errors="coerce")
        if bool(found.notna().all()) and bool((found != moments).any()):
            return found
    return None


def _whole_numbers(table: Table, column: str) -> npt.NDArray[np.int64]:
    values = table.numbers([column])[:, 0]
    bad = np.flatnonzero((values != np.floor(values)) | (np.abs(values) > 2**53))
    if bad.size:
        row = int(bad[0])
        raise table.error(f"{values[row]:g} is not a whole number of steps", row=row, column=column)
    return values.astype(np.int64)


def _checked_range(table: Table, column: str, moments: "pd.Series[Any]") -> npt.NDArray[np.datetime64]:
    values = moments.to_numpy()
    outside = np.flatnonzero((values < _FIRST) | (values >= _LAST))
    if outside.size:
        row = int(outside[0])
        raise table.error(f"{spell(values[row])} lies outside the years 1678 to 2261", row=row, column=column)
    return values.astype("datetime64[ns]")


def _zone_note(column: str) -> tuple[str, ...]:
    return (f"times of {column} have a UTC offset: they are read as UTC",)
