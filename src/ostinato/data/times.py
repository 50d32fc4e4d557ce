"""The time column: text, dates or whole numbers -> one sorted kind of moment, with the row of what cannot be read."""

import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.data.codes import TimeFormat, find_format, in_words, is_obvious, read_codes
from ostinato.data.numerals import plain_numbers
from ostinato.data.table import Table
from ostinato.errors import OstinatoError

Moments = npt.NDArray[Any]  # datetime64[ns], or int64 for integer time

_DATES = ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y"]
_DATES += ["%d-%b-%Y", "%Y.%m.%d"]
_CLOCKS = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p"]
_MONTHS = ["%b %Y", "%B %Y", "%b-%Y", "%m/%Y", "%Y.%m"]
_FORMATS = [date + clock for date in _DATES for clock in _CLOCKS] + _MONTHS
_DATE, _CLOCK = r"\d{4}(?:[-/]?\d{1,2}){0,2}", r"[T ]\d{1,2}(?::?\d{2}){0,2}(?:\.\d+)?"
_OFFSET = r"Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?"
# pandas alone would also take "now", mix times with and without offset, and read no digits but 0 to 9
_ISO = re.compile(f"{_DATE}(?:{_CLOCK})?", re.ASCII)
_ZONED = re.compile(rf"({_DATE}{_CLOCK}) ?({_OFFSET})", re.ASCII)
_WHOLE, _REAL = re.compile(r"[+-]?\d+", re.ASCII), re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)
_WEEK = re.compile(r"(\d{4})-?W(\d{1,2})(?:-?([1-7]))?", re.IGNORECASE | re.ASCII)
_QUARTER = re.compile(
    r"(?P<year>\d{4})[- ]?(?P<part>[QH][1-4])|(?P<part_>[QH][1-4])[-/ ]?(?P<year_>\d{4})",
    re.IGNORECASE | re.ASCII,
)
_FIRST_MONTH = {"Q1": "01", "Q2": "04", "Q3": "07", "Q4": "10", "H1": "01", "H2": "07"}
_SAMPLE = 10_000  # texts that decide whether a column counts
_FIRST, _LAST = np.datetime64("1678-01-01"), np.datetime64("2262-01-01")


class Times(NamedTuple):
    """When each row was.

    Attributes:
        values: datetime64[ns] as a clock on the wall shows it, or int64; shape (rows,).
        notes: statements about how they were read.
        instants: datetime64[ns] of UTC, where they are known to have a zone.
        zone: the name of the zone ("Europe/Berlin", "UTC+02:00"); None where it is not known.
        format: how whole numbers were read.
    """

    values: Moments
    notes: tuple[str, ...] = ()
    instants: Moments | None = None
    zone: str | None = None
    format: TimeFormat | None = None

    @property
    def order(self) -> Moments:
        """What tells which row was before which."""
        return self.values if self.instants is None else self.instants


def read_times(table: Table, column: str, *, format: TimeFormat | None = None, zone: str | None = None) -> Times:
    """Read a time column.

    Dates in text are ISO 8601 (weeks too), quarters, or one of a closed list of day/month/year spellings that must fit
    every row; a column that fits both day/month and month/day is refused. Whole numbers that are calendar codes
    (202012), spreadsheets' days or Unix seconds are dates, see `ostinato.data.codes`; others stay whole numbers.

    Args:
        table: the table.
        column: the name of its time column.
        format: how whole numbers are written; None: found from all of them.
        zone: the zone that times are wanted in, and that those without one are of. None: the one they have.

    Raises:
        OstinatoError: a row without a time, text that is not a time (with the row), zones in some rows only, dates that
            can be read in two ways, dates outside 1678 to 2261, a zone that is not known.
    """
    table.require(column)
    series = table.frame[column]
    missing = np.flatnonzero(series.isna().to_numpy())
    if missing.size:
        raise table.error("no time in this row: fill it in or remove the row", row=int(missing[0]), column=column)
    if isinstance(series.dtype, pd.PeriodDtype):
        series = series.dt.to_timestamp()
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return _zoned(table, column, series, zone or _name(table, column, series.dtype.tz))
    if pd.api.types.is_datetime64_dtype(series.dtype):
        return _naive(table, column, series, zone)
    if pd.api.types.is_numeric_dtype(series.dtype):
        numbers = series.to_numpy() if series.dtype.kind in "iu" else table.numbers([column])[:, 0]
        times = _from_numbers(table, column, numbers, format)
    else:
        times = _from_text(table, column, format, zone)
    if zone is None or times.instants is not None or times.values.dtype.kind != "M":
        return times
    return _naive(table, column, pd.Series(times.values), zone)._replace(notes=times.notes, format=times.format)


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
    head = table.frame[column].head(100)
    sample = head.astype(object).where(head.notna(), "").astype(str).str.strip()
    if bool(pd.to_numeric(sample, errors="coerce").notna().any()):
        return False
    return float(_best(_without_offset(sample)).notna().mean()) > 0.5


def _from_text(table: Table, column: str, format: TimeFormat | None, zone: str | None) -> Times:
    codes, unique = table.distinct(column)
    texts = pd.Series(unique, dtype=object).astype(str)

    def refuse(bad: npt.NDArray[np.bool_], what: str) -> None:
        """Raise for the first row whose text is one of the bad ones."""
        if bad.any():
            row = int(np.argmax(bad[codes]))
            text = texts.iloc[codes[row]]
            missing = "no time in this row: fill it in or remove the row"
            raise table.error(f"{text!r} {what}" if text else missing, row=row, column=column)

    some = texts.iloc[:: max(len(texts) // _SAMPLE, 1)]
    if bool(some.str.fullmatch(_WHOLE).mean() > 0.5) or format is not None:
        real = texts.str.fullmatch(_REAL).to_numpy(dtype=np.bool_)
        refuse(~real, "is not a whole number, as the other times are")
        return _from_numbers(table, column, _exact(texts)[codes], format)
    zoned = texts.str.fullmatch(_ZONED).to_numpy(dtype=np.bool_)
    if zoned.any():
        refuse(~zoned, "has no UTC offset, while other rows have one: give all or none")
    bare = _without_offset(texts) if zoned.any() else texts
    moments = _best(bare)
    refuse(moments.isna().to_numpy(), "is not a date or time: write 2020-03-31 or 2020-03-31 14:00")
    other = _other_reading(bare, moments)
    if other is not None:
        twin = int(np.argmax((other != moments).to_numpy()))
        what = "can be read as day/month and as month/day: write dates as 2020-03-31"
        refuse(np.arange(len(texts)) == twin, what)
    local = moments.iloc[codes].reset_index(drop=True)
    if not zoned.any():
        return _naive(table, column, local, None)
    return _with_offsets(table, column, local, texts.str.replace(_ZONED, r"\2", regex=True).iloc[codes], zone)


def _exact(texts: "pd.Series[Any]") -> npt.NDArray[Any]:
    """Numbers as whole ones where these hold them, and else as fractions."""
    numbers = pd.to_numeric(texts).to_numpy()
    return numbers if numbers.dtype == np.int64 else plain_numbers(texts)


def _without_offset(texts: "pd.Series[Any]") -> "pd.Series[Any]":
    return texts.str.replace(rf"^{_ZONED.pattern}$", r"\1", regex=True)


def _from_numbers(table: Table, column: str, numbers: npt.NDArray[Any], format: TimeFormat | None) -> Times:
    """Numbers as a counter, or as the dates that they are codes of."""
    code = format or find_format(numbers, column)
    if code == "counter":
        return Times(_whole_numbers(table, column, numbers), format=code)
    moments = read_codes(numbers, code)
    bad = np.flatnonzero(moments.isna().to_numpy())
    if bad.size:
        row = int(bad[0])
        text = str(table.frame[column].iloc[row]).strip()
        raise table.error(f"{text!r} is not {in_words(code)}", row=row, column=column)
    first = f"{numbers[0]:.10g}" if numbers.dtype.kind == "f" else str(numbers[0])
    note = f"{first} in {column} is read as {in_words(code)}: {spell(moments.iloc[0].to_datetime64())}"
    note += " (where numbers only count: time_format=counter)"
    return Times(_checked_range(table, column, moments), () if is_obvious(code) else (note,), format=code)


def _naive(table: Table, column: str, local: "pd.Series[Any]", zone: str | None) -> Times:
    """Times without a zone, which are those of a zone where it is known."""
    values = _checked_range(table, column, local)
    if zone is None:
        return Times(values)
    instants = _localized(table, column, pd.DatetimeIndex(values), zone).tz_convert("UTC").tz_localize(None)
    return Times(values, instants=instants.to_numpy(), zone=zone)


def _localized(table: Table, column: str, index: pd.DatetimeIndex, zone: str) -> pd.DatetimeIndex:
    """Times of a zone. An hour that is given twice is first the one before the change, given once the one before it.

    Where rows stand newest first, so do the two.
    """
    if index.has_duplicates and (np.diff(index.asi8) < 0).sum() > len(index) / 2:
        return _localized(table, column, index[::-1], zone)[::-1]
    first = np.ones(len(index), np.bool_)
    try:
        once = index.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    except (KeyError, ValueError, TypeError):
        raise _no_zone(table, column, zone) from None
    try:
        return index.tz_localize(zone, ambiguous="infer", nonexistent="shift_forward") if index.has_duplicates else once
    except ValueError:  # the order does not tell which is which
        return once


def _zoned(table: Table, column: str, series: "pd.Series[Any]", zone: str) -> Times:
    """Times with a zone, in this one."""
    try:
        local = series.dt.tz_convert(zone).dt.tz_localize(None)
    except (KeyError, ValueError, TypeError):
        raise _no_zone(table, column, zone) from None
    instants = series.dt.tz_convert("UTC").dt.tz_localize(None)
    note = f"times of {column} are those of {zone}"
    return Times(_checked_range(table, column, local), (note,), _checked_range(table, column, instants), zone)


def _with_offsets(
    table: Table, column: str, local: "pd.Series[Any]", offsets: "pd.Series[Any]", zone: str | None
) -> Times:
    """Times with a UTC offset each, local by these unless a zone is named."""
    names = offsets.str.replace(r"^(?:Z|UTC|GMT)$", "+00:00", regex=True).str.replace(":", "")
    minutes = names.str[1:3].astype(int) * 60 + names.str[3:5].replace("", "0").astype(int)
    ahead = pd.to_timedelta(np.where(names.str.startswith("-"), -minutes, minutes), unit="min")
    instants = (local - ahead.to_numpy()).dt.tz_localize("UTC")
    kinds = sorted(set(ahead))
    if zone is not None or len(kinds) == 1:
        sign, size = "-" if kinds[0] < pd.Timedelta(0) else "+", abs(kinds[0]).components
        own = f"UTC{sign}{size.hours:02}:{size.minutes:02}" if kinds[0] else "UTC"
        return _zoned(table, column, instants, zone or own)
    note = (
        f"times of {column} have {len(kinds)} UTC offsets: they are read as their clocks show them (steps shorter than "
        "a day as UTC), and written without; zone='America/New_York' or the like keeps them"
    )
    utc = instants.dt.tz_localize(None)
    return Times(_checked_range(table, column, local), (note,), _checked_range(table, column, utc))


def _name(table: Table, column: str, zone: Any) -> str:
    """The name by which a zone is found again."""
    try:
        pd.DatetimeTZDtype("ns", str(zone))
    except (KeyError, ValueError, TypeError):
        raise _no_zone(table, column, str(zone)) from None
    return str(zone)


def _no_zone(table: Table, column: str, zone: str) -> OstinatoError:
    return table.error(f"{zone!r} is the name of no time zone: write Europe/Berlin, UTC or +02:00, say", column=column)


def _best(texts: "pd.Series[Any]") -> "pd.Series[Any]":
    """The moments by the spelling that fits most of `texts`; NaT where it does not fit."""
    best = pd.to_datetime(texts.where(texts.str.fullmatch(_ISO)), format="ISO8601", errors="coerce")
    if best.notna().mean() > 0.5:
        return best
    if bool(texts.iloc[:100].str.fullmatch(_WEEK).any()):
        return _weeks(texts)
    if bool(texts.iloc[:100].str.fullmatch(_QUARTER).any()):
        return _parts_of_years(texts)
    for spelling in _likely(texts):
        found = pd.to_datetime(texts, format=spelling, errors="coerce")
        best = found if found.notna().sum() > best.notna().sum() else best
    return best


def _weeks(texts: "pd.Series[Any]") -> "pd.Series[Any]":
    """ISO weeks as their Mondays, or the day that is named."""
    parts = texts.str.extract(f"^{_WEEK.pattern}$", flags=re.IGNORECASE)
    spelled = parts[0] + "-" + parts[1].str.zfill(2) + "-" + parts[2].fillna("1")
    return pd.to_datetime(spelled, format="%G-%V-%u", errors="coerce")


def _parts_of_years(texts: "pd.Series[Any]") -> "pd.Series[Any]":
    """Quarters and half-years as their first days."""
    parts = texts.where(texts.str.fullmatch(_QUARTER)).str.extract(_QUARTER)
    year, part = parts["year"].fillna(parts["year_"]), parts["part"].fillna(parts["part_"])
    return pd.to_datetime(year + "-" + part.str.upper().map(_FIRST_MONTH), format="%Y-%m", errors="coerce")


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


def _whole_numbers(table: Table, column: str, values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    bad = np.flatnonzero((values != np.floor(values)) | (np.abs(values) > 2**53))
    if bad.size:
        row = int(bad[0])
        raise table.error(f"{values[row]:g} is not a whole number of steps", row=row, column=column)
    return np.asarray(values, np.int64)


def _checked_range(table: Table, column: str, moments: "pd.Series[Any]") -> npt.NDArray[np.datetime64]:
    values = moments.to_numpy()
    outside = np.flatnonzero((values < _FIRST) | (values >= _LAST))
    if outside.size:
        row = int(outside[0])
        raise table.error(f"{spell(values[row])} lies outside the years 1678 to 2261", row=row, column=column)
    return values.astype("datetime64[ns]")
