"""Tables with one series a row, as the M competitions give them: names first, and then a column for each time."""

import re
from itertools import pairwise, takewhile

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.data.records import Records, read_static
from ostinato.data.spec import PanelColumns, PanelSpec
from ostinato.data.table import Table
from ostinato.data.time_column import is_part_of_time
from ostinato.data.times import Times, looks_like_dates, read_times

_FEWEST = 5  # columns of values that make such a table unmistakable
_BLOCK = 16  # columns of text that are in memory a second time while they become numbers
_ID_NAMES = {"unique_id", "id", "series", "series_id", "item_id"}
_COUNTED = re.compile(r"(.*?)0*(\d+)", re.ASCII)


def holds_series_rows(table: Table, spec: PanelSpec) -> bool:
    """Whether a table can only be meant as one series a row.

    Its last columns are called as times are, or count up (V2, V3, ...; d_1, d_2, ...), and its first column, or the one
    that `spec` names, is a different text in each row, or called as names are.
    """
    if spec.target or spec.time or spec.past or spec.future:
        return False
    columns = table.columns
    identity = spec.id or columns[0]
    values = _value_columns([name for name in columns if name not in (identity, *spec.static)])
    if len(values) < _FEWEST or identity not in columns or is_part_of_time(identity):
        return False
    names = table.identities(identity)[1]
    if len(names) < len(table) or "" in names:
        return False
    return identity.casefold() in _ID_NAMES or not (table.is_numeric(identity) or looks_like_dates(table, identity))


def read_series_rows(table: Table, spec: PanelSpec) -> Records:
    """The observations of a table with one series a row.

    Values are missing in a row until its series begins and after it ends. Steps are counted from 1, in the first column
    of values, unless the columns' names are dates or numbers: these are then the times.

    Args:
        table: the table.
        spec: may name the id column, static ones, and how times are to be read.

    Raises:
        OstinatoError: names that are missing or given twice, a row without values, no columns of values, a value that
            is not a number, covariates, a target or a time column in `spec`.
    """
    for part in ("target", "time", "past", "future"):
        if getattr(spec, part):
            raise table.error(f"{part} is for tables of one row a time; one series a row (layout='rows') has none")
    identity = spec.id or table.columns[0]
    table.require(identity, *spec.static)
    free = [name for name in table.columns if name not in (identity, *spec.static)]
    columns = _value_columns(free) or table.number_columns(free)
    if not columns:
        raise table.error("no columns of numbers beside the names of the series: give one for each time")
    ids = _ids(table, identity)
    blocks = [columns[place : place + _BLOCK] for place in range(0, len(columns), _BLOCK)]
    values = np.concatenate([table.numbers(block) for block in blocks], axis=1)
    series, place = _inside(table, values)
    rows = np.arange(len(table))
    statics = [read_static(table, name, spec, ids, rows, rows) for name in spec.static]
    times = _times(table, columns, spec)
    names = PanelColumns(
        time="ds" if times else None,
        id=identity,
        target="y",
        static=spec.static,
        categories={name: found for name, (_, found) in zip(spec.static, statics, strict=True) if found is not None},
        time_format=times.format if times else None,
        zone=times.zone if times else None,
        layout="rows",
    )
    note = (
        f"{table.origin} holds one series a row: {identity} names it, its values stand in {columns[0]} to "
        f"{columns[-1]} (layout='columns' reads each column as a series)"
    )
    left = [name for name in free if name not in set(columns)]
    further = [f"columns that are left out: {', '.join(left)} (static= takes them)"] if left else []
    marks = table.notes_on_numbers(columns)
    nothing = np.zeros((len(series), 0))
    return Records(
        ids=ids,
        codes=series,
        rows=series,
        times=place + 1 if times is None else times.order[place],
        local=None if times is None or times.instants is None else times.values[place],
        target=values[series, place],
        past=nothing,
        future=nothing,
        static=np.stack([found for found, _ in statics], axis=1) if statics else np.zeros((len(ids), 0)),
        names=names,
        notes=(*([] if spec.layout else [note]), *further, *(times.notes if times else ()), *marks),
    )


def _value_columns(columns: list[str]) -> list[str]:
    """The last columns, as far as their names are dates or numbers, or count up by one from column to column."""
    figures = list(takewhile(_begins_with_a_digit, reversed(columns)))
    if len(figures) > 1:
        return figures[::-1]
    parts = [_COUNTED.fullmatch(name) for name in reversed(columns)]
    steps = takewhile(
        lambda pair: pair[0] and pair[1] and (pair[1][1], int(pair[1][2]) + 1) == (pair[0][1], int(pair[0][2])),
        pairwise(parts),
    )
    counted = len(list(steps))
    return columns[-counted - 1 :] if counted else []


def _begins_with_a_digit(name: str) -> bool:
    return "0" <= name[:1] <= "9"


def _ids(table: Table, identity: str) -> npt.NDArray[np.str_]:
    codes, names = table.identities(identity)
    if "" in names:
        row = int(np.argmax(codes == list(names).index("")))
        raise table.error("no id in this row: name its series or remove the row", row=row, column=identity)
    first = np.unique(codes, return_index=True)[1]
    if len(first) < len(codes):
        row = int(np.setdiff1d(np.arange(len(codes)), first)[0])
        before = table.place(int(first[codes[row]]))
        what = f"{names[codes[row]]!r} was given before ({before}), and each series has one row: keep one"
        raise table.error(what, row=row, column=identity)
    return np.asarray(names, np.str_)


def _inside(table: Table, values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Row and column of each value from the first to the last that a row has."""
    observed = ~np.isnan(values)
    empty = np.flatnonzero(~observed.any(axis=1))
    if empty.size:
        raise table.error("no values in this row: remove it or fill it in", row=int(empty[0]))
    width = values.shape[1]
    first, last = observed.argmax(axis=1), width - 1 - observed[:, ::-1].argmax(axis=1)
    places = np.arange(width)
    series, place = np.nonzero((places >= first[:, None]) & (places <= last[:, None]))
    return series, place


def _times(table: Table, columns: list[str], spec: PanelSpec) -> Times | None:
    """When each column was, None where its name does not say."""
    if not all(map(_begins_with_a_digit, columns)):
        return None
    header = Table(pd.DataFrame({"ds": columns}, dtype=object), f"{table.origin}, the names of columns")
    return read_times(header, "ds", format=spec.time_format, zone=spec.zone)
