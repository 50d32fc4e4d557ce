"""Which column holds the times, when none is named, and which one tells series apart that stand below each other."""

import numpy as np
import numpy.typing as npt

from ostinato.data.codes import find_format
from ostinato.data.table import Table
from ostinato.data.times import Moments, looks_like_dates

TIME_NAMES = ("ds", "date", "datetime", "date_time", "timestamp", "time")
PARTS_OF_TIME = ("day", "week", "month", "quarter", "year", "period", "step", "index")
"""Names of times as well as of what only says where in the year a time lies."""


_MORE_PARTS = {"hour", "hr", "minute", "min", "second", "mnth", "yr", "weekday"}


def find_time(table: Table, taken: list[str], identity: str | None) -> tuple[str | None, list[str]]:
    """The time column, and a statement about it where another one might be meant.

    The first of the columns called as times are, of those that hold dates, and of those called as parts of times are,
    whose values are distinct (within a series); else the first that holds dates; else the first of all of these.

    Args:
        table: the table.
        taken: columns that have another part.
        identity: the column that names the series of each row, if any.
    """
    free = [name for name in table.columns if name not in taken]
    called, parts = _called(free, TIME_NAMES), _called(free, PARTS_OF_TIME)
    dated = [name for name in free if _holds_dates(table, name, parts)]
    names = list(dict.fromkeys([*called, *dated, *parts]))
    if len(names) < 2:
        return (names[0] if names else None), []
    distinct = (name for name in names if _is_distinct(table, name, identity))
    chosen = next(distinct, dated[0] if dated else names[0])
    others = [name for name in names if name != chosen]
    return chosen, [f"times are those of {chosen}, not of {', '.join(others[:5])}: time={others[0]!r} says otherwise"]


def tells_apart(table: Table, times: Moments, taken: list[str]) -> str | None:
    """The column, if any, by which the rows are several series, each with increasing, or each with falling times."""
    for name in table.columns:
        if name in taken:
            continue
        codes, found = table.identities(name)
        order = np.argsort(codes, kind="stable")
        inside = np.diff(codes[order]) == 0
        gaps = np.diff(times[order]).astype(np.int64)[inside]
        if 1 < len(found) <= len(table) / 2 and "" not in found and bool((gaps > 0).all() or (gaps < 0).all()):
            return name
    return None


def is_part_of_time(column: str) -> bool:
    """Whether a column is called as one that says, beside another, when a row was."""
    return column.casefold() in {*TIME_NAMES, *PARTS_OF_TIME, *_MORE_PARTS}


def _called(free: list[str], usual: tuple[str, ...]) -> list[str]:
    folded = {name.casefold().replace(" ", "_"): name for name in reversed(free)}
    return [folded[name] for name in usual if name in folded]


def _holds_dates(table: Table, column: str, parts: list[str]) -> bool:
    return looks_like_dates(table, column) or (column not in parts and _holds_codes(table, column))


def _holds_codes(table: Table, column: str) -> bool:
    """Whether a column holds nothing but calendar codes of months or days, as no column of measurements does."""
    head: npt.NDArray[np.object_] = table.frame[column].head(100).to_numpy(dtype=object)
    texts = [str(value).strip().removesuffix(".0") for value in head]
    if len(texts) < 2 or not all(text.isdecimal() and len(text) in (6, 8) for text in texts):
        return False
    numbers = np.array(texts, np.int64)
    return bool((np.diff(numbers) != 0).any()) and find_format(numbers, column) in ("months", "weeks", "days")


def _is_distinct(table: Table, column: str, identity: str | None) -> bool:
    codes = [table.distinct(name)[0] for name in (column, identity) if name is not None]
    return len(set(zip(*codes, strict=True))) == len(table)
