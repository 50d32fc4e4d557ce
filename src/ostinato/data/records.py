"""Tables -> records: which column plays which part, and every row as one typed observation of one series."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.data.frequency import Frequency
from ostinato.data.spec import PanelColumns, PanelSpec
from ostinato.data.table import Table
from ostinato.data.time_column import find_time, is_part_of_time, tells_apart
from ostinato.data.times import Moments, Times, read_times, spell
from ostinato.data.words import category_codes, column_of, find_words, read_covariates
from ostinato.data.zones import Clock, is_short


@dataclass(frozen=True, eq=False)
class Records:
    """Observations in series order, each series' rows in the order of the table.

    Attributes:
        ids: (series,) text.
        codes: (rows,) the series of each observation, non-decreasing.
        rows: (rows,) the table row each observation came from.
        times: (rows,) when, as far as it is known in UTC.
        local: (rows,) the same as a clock on the wall shows it; None where no offset or zone is known.
        target, past, future: (rows, ...) what was observed; NaN where a value is missing.
        static: (series, columns).
        names: the columns' names.
        notes: statements about how the table was read.
    """

    ids: npt.NDArray[np.str_]
    codes: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    times: Moments
    local: Moments | None
    target: npt.NDArray[np.float64]
    past: npt.NDArray[np.float64]
    future: npt.NDArray[np.float64]
    static: npt.NDArray[np.float64]
    names: PanelColumns
    notes: tuple[str, ...]

    @property
    def firsts(self) -> npt.NDArray[np.int64]:
        """Where each series starts among the observations, shape (series,)."""
        return np.searchsorted(self.codes, np.arange(len(self.ids)))


def read_records(table: Table, spec: PanelSpec) -> Records:
    """Type every column that has a part and put the observations in series order.

    Raises:
        OstinatoError: a missing column, one column in two parts, text among numbers, a row without an id or a time,
            static columns that change.
    """
    identity = spec.id if spec.id is not None else ("unique_id" if "unique_id" in table.columns else None)
    named = [] if spec.target is None else [spec.target] if isinstance(spec.target, str) else list(spec.target)
    parts = [identity, spec.time, *named, *spec.past, *spec.future, *spec.static]
    taken = [name for name in parts if name is not None]
    table.require(*taken)
    twice = [name for name in taken if taken.count(name) > 1] if len(set(taken)) < len(taken) else []
    if twice:
        raise table.error("named for two parts (time, id, target, past, future, static): name it once", column=twice[0])
    time, notes = (spec.time, []) if spec.time else find_time(table, taken, identity)
    if time is None:
        notes = [f"{table.origin} has no time column: its rows are steps 0, 1, 2, ..."]
    targets, left_out = _targets(table, named, [*taken, *([time] if time else [])], long=identity is not None)
    notes += left_out
    if identity is None:
        ids, codes = np.array(targets, np.str_), np.repeat(np.arange(len(targets)), len(table))
        rows = np.tile(np.arange(len(table)), len(targets))
        target = table.numbers(targets).T.ravel()
    else:
        ids, codes, rows = _series_order(table, identity)
        target = table.numbers(targets)[rows, 0]
    firsts = np.searchsorted(codes, np.arange(len(ids)))
    times = Times(np.arange(len(rows), dtype=np.int64) - firsts[codes])
    if time:
        times = read_times(table, time, format=spec.time_format, zone=spec.zone)
    covariates = [*spec.past, *spec.future]
    words = find_words(table, covariates) if spec.categories is None else spec.categories
    words = {name: found for name, found in words.items() if name in covariates}
    statics = [read_static(table, name, spec, ids, codes, rows) for name in spec.static]
    names = PanelColumns(
        time=time,
        id=identity,
        target=targets[0] if len(targets) == 1 else "y",
        past=spec.past,
        future=spec.future,
        static=spec.static,
        categories=words | {name: found for name, (_, found) in zip(spec.static, statics, strict=True) if found},
        time_format=times.format,
        zone=times.zone,
    )
    return Records(
        ids=ids,
        codes=codes,
        rows=rows,
        times=times.order[rows] if time else times.order,
        local=None if times.instants is None else times.values[rows],
        target=target,
        past=read_covariates(table, spec.past, words)[rows],
        future=read_covariates(table, spec.future, words)[rows],
        static=np.stack([values for values, _ in statics], axis=1) if statics else np.zeros((len(ids), 0)),
        names=names,
        notes=(*notes, *times.notes, *table.notes_on_numbers([*targets, *spec.past, *spec.future])),
    )


def read_future(
    table: Table, names: PanelColumns, ids: npt.NDArray[np.str_], times: Moments, frequency: Frequency
) -> npt.NDArray[np.float64]:
    """The future covariates at given times.

    Args:
        table: holds the time column, the future covariates and, for a long panel, the id column; it may hold more rows.
        names: the panel's columns.
        ids: (series,) the panel's series.
        times: (series, horizon) the times wanted.
        frequency: their step.

    Returns:
        float64 of shape (series * horizon, inputs), see `ostinato.data.words`.

    Raises:
        OstinatoError: a time that has no row or two rows, or a value that is missing.
    """
    table.require(*filter(None, [names.id, names.time, *names.future]))
    found = np.arange(len(table), dtype=np.int64)
    if names.time:
        read = read_times(table, names.time, format=names.time_format, zone=names.zone)
        found = frequency.snap(read.order if Clock.of(names.zone, frequency).utc else read.values)
    if found.dtype.kind != times.dtype.kind:
        raise table.error(f"times such as {spell(found[0])} are of another kind than the panel's", column=names.time)
    wanted = np.repeat(np.arange(len(ids)), times.shape[1])
    if names.id is None:
        codes, wanted_codes = np.zeros(len(table), np.int64), np.zeros_like(wanted)
    else:
        given, found_ids = table.identities(names.id)
        codes, wanted_codes = pd.Index(ids.astype(object)).get_indexer(pd.Index(found_ids))[given], wanted
    index = pd.MultiIndex.from_arrays([codes, found])
    repeated = np.flatnonzero(index.duplicated() & (codes >= 0))
    if repeated.size:
        row = int(repeated[0])
        raise table.error(f"{spell(found[row])} appears twice: keep one row", row=row, column=names.time)
    known = np.flatnonzero(codes >= 0)
    place = index[known].get_indexer(pd.MultiIndex.from_arrays([wanted_codes, times.ravel()]))
    if (place < 0).any():
        lost = int(np.argmax(place < 0))
        raise table.error(
            f"no row for {spell(times.ravel()[lost])} of series {str(ids[wanted[lost]])!r}: the covariates "
            f"{', '.join(names.future)} must be given for the {times.shape[1]} steps after the end of the target, in "
            "these rows with the target left empty, or in a table of their own: future=... (--future)"
        )
    rows = known[place]
    values = read_covariates(table, names.future, names.categories)[rows]
    gaps = np.argwhere(np.isnan(values))
    if gaps.size:
        at, column = gaps[0]
        what = "a covariate that is known into the future has no value here: fill it in"
        raise table.error(what, row=int(rows[at]), column=column_of(int(column), names.future, names.categories))
    return values


def _targets(table: Table, named: list[str], taken: list[str], *, long: bool) -> tuple[list[str], list[str]]:
    """The target columns and statements about columns left out."""
    if named:
        if long and len(named) > 1:
            raise table.error(f"a table with an id column has one target, not {len(named)}: name one")
        return named, []
    free = [name for name in table.columns if name not in taken]
    if "y" in free:
        return ["y"], []
    numeric = table.number_columns(free)
    if not numeric:
        listed = ", ".join(table.columns[:20])
        raise table.error(f"no column of numbers to forecast (columns: {listed}): name the target")
    if long and len(numeric) > 1:
        raise table.error(f"several columns could be the target ({', '.join(numeric[:20])}): name one")
    rest = [name for name in free if name not in set(numeric)]
    notes = [f"columns without numbers are left out: {', '.join(rest)}"] if rest else []
    return numeric, notes


def _series_order(
    table: Table, identity: str
) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Ids in order of appearance, and the code and table row of each observation, a series after the other."""
    codes, ids = table.identities(identity)
    if "" in ids:
        row = int(np.argmax(codes == list(ids).index("")))
        raise table.error("no id in this row: name its series or remove the row", row=row, column=identity)
    order = np.argsort(codes, kind="stable")
    return np.asarray(ids, np.str_), codes[order], order


def read_static(
    table: Table,
    column: str,
    spec: PanelSpec,
    ids: npt.NDArray[np.str_],
    codes: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.float64], tuple[str, ...] | None]:
    """A static column: one number per series, and the categories when it holds text."""
    categories = None if spec.categories is None else spec.categories.get(column)
    if spec.categories is None and not table.is_numeric(column):
        categories = tuple(sorted(filter(None, table.identities(column)[1])))
    values = table.numbers([column])[:, 0] if categories is None else category_codes(table, column, categories)
    if np.isnan(values).any():
        row = int(np.argmax(np.isnan(values)))
        raise table.error("a static value is missing: fill it in", row=row, column=column)
    values = values[rows]
    firsts = np.searchsorted(codes, np.arange(len(ids)))
    changed = values != values[firsts][codes]
    if changed.any():
        at = int(np.argmax(changed))
        what = f"a static column changes within series {str(ids[codes[at]])!r}: make it constant, or a past covariate"
        raise table.error(what, row=int(rows[at]), column=column)
    return values[firsts], categories


def on_clock(records: Records, frequency: Frequency) -> Records:
    """Observations whose instants are known, in the times of the clock that a grid of a frequency stands on."""
    clock, short = Clock.of(records.names.zone, frequency), is_short(frequency)
    if clock.zone is None and short:  # of several offsets no zone is known to go on with
        return replace(records, names=replace(records.names, zone="UTC"), local=None)
    return records if clock.utc or records.local is None else replace(records, times=records.local)


def on_grid_days(records: Records, frequency: Frequency) -> Records:
    """Observations at the times that stand for theirs on the grid.

    A month's is that of the day which the frequency has, and a note says so where it was another; a time that a clock
    leaves out when it is changed to summer time is that which it shows instead.
    """
    times = _not_left_out(records, frequency)
    snapped = frequency.snap(times)
    moved = np.flatnonzero(snapped != times)
    if not moved.size:
        return replace(records, times=times)
    first = moved[0]
    note = (
        f"{moved.size} times of {records.names.time} are other days than frequency {frequency.alias!r} has: each "
        f"stands for its month (first: {spell(times[first])} for {spell(snapped[first])})"
    )
    return replace(records, times=snapped, notes=(*records.notes, note))


def _not_left_out(records: Records, frequency: Frequency) -> Moments:
    """The times, but 00:00 on the grid for a 01:00 that a clock shows in place of it."""
    clock, times = Clock.of(records.names.zone, frequency), records.times
    if clock.zone is None or clock.utc or frequency.kind == "integer":
        return times
    starts = times[records.firsts][records.codes]
    grid = frequency.at(starts, frequency.steps(starts, times))
    off = np.flatnonzero(grid != times)
    if off.size:
        shown = np.asarray(clock.written(grid[off]) == clock.written(times[off]))
        times = times.copy()
        times[off[shown]] = grid[off[shown]]
    return times


def in_time(table: Table, records: Records) -> Records:
    """Observations with each series' in the order of time, which a note says where the rows had another.

    Rows that a column parts into several series are left as they are, for `check_order` to say so.
    """
    inside = np.diff(records.codes) == 0
    falls = (np.diff(records.times.astype(np.int64)) < 0) & inside
    if not falls.any() or _parting_column(table, records) is not None:
        return records
    order = np.lexsort((records.times, records.codes))
    early = len(np.unique(records.rows[1:][falls]))
    what = "rows stand newest first" if falls.sum() == inside.sum() else f"{early} rows stand after later ones"
    note = f"{what}: they are read in the order of {records.names.time}"
    return replace(
        records,
        rows=records.rows[order],
        times=records.times[order],
        local=None if records.local is None else records.local[order],
        target=records.target[order],
        past=records.past[order],
        future=records.future[order],
        notes=(*records.notes, note),
    )


def check_order(table: Table, records: Records, *, chosen: bool) -> None:
    """Makes sure that times increase within each series.

    Args:
        table: what the records were read from.
        records: as they were read.
        chosen: whether the time column was found, and not named.

    Raises:
        OstinatoError: They do not.
    """
    gap = np.diff(records.times.astype(np.int64))
    bad = np.flatnonzero((gap <= 0) & (np.diff(records.codes) == 0))
    if not bad.size:
        return
    at = int(bad[0])
    earlier, row = int(records.rows[at]), int(records.rows[at + 1])
    series, time = str(records.ids[records.codes[at]]), records.names.time
    if gap[at] == 0:
        what = f"{spell(records.times[at])} was given before for series {series!r} ({table.place(earlier)}): "
        mend = "keep one row"
    else:
        what = f"{spell(records.times[at + 1])} comes after {spell(records.times[at])} in series {series!r}: "
        mend = f"sort the rows by {time}"
    if records.names.id is None:
        column = _parting_column(table, records)
        if column is not None and is_part_of_time(column):
            mend = f"{column} says more of the time: join {time} and {column} into one column of dates and times"
        elif column is not None:
            mend = f"rows of several series, which {column} tells apart: say id={column!r} (--id {column})"
        else:
            mend += ", or name the id column if the table holds several series (--id)"
    if gap[at] == 0 and records.names.zone is None and spell(records.times[at]).endswith(":00:00"):
        mend += ", or the zone if a clock was set back here (zone='Europe/Berlin', say)"
    if chosen:
        mend += f" ({time} was taken for the time column; --time names another)"
    raise table.error(what + mend, row=row, column=time)


def _parting_column(table: Table, records: Records) -> str | None:
    """What tells the rows of a table without an id column apart as several series."""
    names = records.names
    if names.id is not None:
        return None
    parts = [*filter(None, [names.time]), *map(str, records.ids), names.target, *names.past, *names.future]
    times = records.times[: len(table)]
    times = times[np.argsort(records.rows[: len(table)])]
    return tells_apart(table, times, [*parts, *names.static])
