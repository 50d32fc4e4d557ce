"""Records -> a regular grid: gaps become rows, what is missing is imputed causally and flagged, and notes say so."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.data.frequency import Frequency
from ostinato.data.records import Records
from ostinato.data.table import Table
from ostinato.data.times import Moments, spell
from ostinato.data.words import column_of, places_of

_MOST_HOLIDAYS = 0.06  # of all weekdays; an exchange has 2 to 5 % of them
_MOST_GAPS = 10  # a grid this many times longer than its data comes from a wrong date or frequency


class Grid(NamedTuple):
    """Rows of all series end to end on the grid of a frequency; the fields are those of Panel."""

    offsets: npt.NDArray[np.int64]
    times: Moments
    target: npt.NDArray[np.float64]
    observed: npt.NDArray[np.bool_]
    past: npt.NDArray[np.float64]
    past_observed: npt.NDArray[np.bool_]
    future: npt.NDArray[np.float64]
    notes: tuple[str, ...]


def place_on_grid(records: Records, frequency: Frequency, table: Table) -> Grid:
    """Give every step of every series a row.

    Times that the table lacks become missing rows. Rows after a series' last target (in a wide table, after the last
    of any) are those to come and set aside: spreadsheets hold them for their covariates. Missing targets and past
    covariates take the last value before them (leading ones the first after them) and are flagged as not observed.
    Weekdays that no series has, where they are few, are taken for holidays: future covariates need not be known there.

    Raises:
        OstinatoError: a time off the grid, a series without any target, a future covariate without a value.
    """
    starts = records.times[records.firsts]
    steps = _steps(records, frequency, table)
    lengths = _target_lengths(records, steps)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    inside = steps < lengths[records.codes]
    position = (offsets[records.codes] + steps)[inside]
    rows = int(offsets[-1])

    def scatter(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        placed = np.full((rows, *values.shape[1:]), np.nan)
        placed[position] = values[inside]
        return placed

    target, past, future = scatter(records.target), scatter(records.past), scatter(records.future)
    steps_of_rows = np.arange(rows) - np.repeat(offsets[:-1], lengths)
    times = frequency.at(np.repeat(starts, lengths), steps_of_rows)
    observed, past_observed = ~np.isnan(target), ~np.isnan(past)
    _check_targets(records, observed, offsets, table)
    given = np.full(rows, -1)
    given[position] = records.rows[inside]
    holiday = _holidays(frequency, times, given)
    for place in range(future.shape[1] if holiday.any() else 0):
        future[:, place] = _carry(future[:, place], ~(np.isnan(future[:, place]) & holiday), offsets)
    _check_future(records, future, given, offsets, times, table)
    filled = [_carry(past[:, i], past_observed[:, i], offsets) for i in range(past.shape[1])]
    grid = Grid(
        offsets=offsets,
        times=times,
        target=_carry(target, observed, offsets),
        observed=observed,
        past=np.stack(filled, axis=1) if filled else past,
        past_observed=past_observed,
        future=future,
        notes=(),
    )
    return grid._replace(notes=_notes(records, grid, given, holiday, int((~inside).sum())))


def _holidays(frequency: Frequency, times: Moments, given: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which rows are of weekdays that have no row in any series, where these are few, ``(rows,)``."""
    if frequency.alias != "B" or (given >= 0).all():
        return np.zeros(len(times), np.bool_)
    days, day = np.unique(times, return_inverse=True)
    without = np.bincount(day, weights=given >= 0) == 0
    return np.asarray(without[day] & (without.sum() <= _MOST_HOLIDAYS * len(days)))


def _steps(records: Records, frequency: Frequency, table: Table) -> npt.NDArray[np.int64]:
    """The grid step of every observation; all must lie on the grid, and the grid must not be mostly gaps."""
    starts, name = records.times[records.firsts][records.codes], records.names.time
    if (frequency.kind == "integer") != (records.times.dtype.kind != "M"):
        kind = "whole numbers" if frequency.kind != "integer" else "dates"
        raise table.error(f"frequency {frequency.alias!r} does not fit times that are {kind}", column=name)
    steps = frequency.steps(starts, records.times)
    off = np.flatnonzero(frequency.at(starts, steps) != records.times)
    if off.size:
        at = int(off[0])
        series = str(records.ids[records.codes[at]])
        raise table.error(
            f"{spell(records.times[at])} of series {series!r} is off the regular grid (frequency {frequency.alias!r} "
            f"from {spell(starts[at])}): correct the time, resample the data, or name another frequency",
            row=int(records.rows[at]),
            column=name,
        )
    jumps = np.diff(steps, prepend=0)
    if float(np.maximum(jumps, 0).astype(np.float64).sum()) > _MOST_GAPS * len(steps) + 1000:
        at = int(np.argmax(jumps))
        raise table.error(
            f"{jumps[at]} steps of frequency {frequency.alias!r} lie between {spell(records.times[at - 1])} and "
            f"{spell(records.times[at])}: nearly all rows would be missing: correct the time or name another frequency",
            row=int(records.rows[at]),
            column=name,
        )
    return steps


def _target_lengths(records: Records, steps: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The steps of each series up to its last observed target, and 1 where it has none."""
    observed = np.where(np.isnan(records.target), 0, steps)
    last = np.maximum.reduceat(observed, records.firsts)
    return np.asarray(last + 1 if records.names.id is not None else np.full_like(last, last.max() + 1))


def _check_targets(
    records: Records, observed: npt.NDArray[np.bool_], offsets: npt.NDArray[np.int64], table: Table
) -> None:
    empty = np.flatnonzero(~np.logical_or.reduceat(observed, offsets[:-1]))
    if empty.size:
        series = str(records.ids[empty[0]])
        many = f" (and {empty.size - 1} more)" if empty.size > 1 else ""
        raise table.error(f"series {series!r}{many} has no value of its target: remove it or fill it in")


def _check_future(
    records: Records,
    future: npt.NDArray[np.float64],
    given: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
    times: Moments,
    table: Table,
) -> None:
    gaps = np.argwhere(np.isnan(future))
    if not gaps.size:
        return
    at, column = gaps[0]
    name = column_of(int(column), records.names.future, records.names.categories)
    if given[at] >= 0:
        what = "a covariate that is known into the future has no value here: fill it in, or name it a past covariate"
        raise table.error(what, row=int(given[at]), column=name)
    series = str(records.ids[np.searchsorted(offsets, at, side="right") - 1])
    raise table.error(
        f"no row for {spell(times[at])} of series {series!r}, and the covariate {name!r} must be known at every step: "
        "add the row, or name it a past covariate"
    )


def _carry(
    values: npt.NDArray[np.float64], observed: npt.NDArray[np.bool_], offsets: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """The last observed value of the same series; before the first one that first one; 0 in a series without any."""
    if observed.all():
        return values
    rows, lengths = np.arange(len(values)), np.diff(offsets)
    before = np.maximum.accumulate(np.where(observed, rows, -1))
    after = np.minimum.accumulate(np.where(observed, rows, len(values))[::-1])[::-1]
    source = np.where(before >= np.repeat(offsets[:-1], lengths), before, after)
    return np.where(source < np.repeat(offsets[1:], lengths), values[np.minimum(source, len(values) - 1)], 0.0)


def _notes(
    records: Records, grid: Grid, given: npt.NDArray[np.int64], holiday: npt.NDArray[np.bool_], ahead: int
) -> tuple[str, ...]:
    notes = list(records.notes)
    if ahead:
        notes.append(f"{ahead} rows after the end of {records.names.target} are the future: set aside")
    if holiday.any():
        days = np.unique(grid.times[holiday])
        what = f"{len(days)} weekdays have no row (holidays? first: {spell(days[0])})"
        notes.append(f"{what}: they are flagged, and neither learned from nor scored")
    inserted = np.flatnonzero((given < 0) & ~holiday)
    if inserted.size:
        first = spell(grid.times[inserted[0]])
        series = str(records.ids[np.searchsorted(grid.offsets, inserted[0], side="right") - 1])
        notes.append(f"{inserted.size} times are absent (first: {first} of series {series!r}): inserted as missing")
    flags = {records.names.target: grid.observed}
    places = places_of(records.names.past, records.names.categories)
    flags |= {name: grid.past_observed[:, place.start] for name, place in places.items()}
    for name, observed in flags.items():
        missing = int((~(observed | holiday)).sum())
        if missing:
            notes.append(f"{missing} of {len(observed)} values of {name} are missing: imputed and flagged")
    lows, highs = (extreme.reduceat(grid.target, grid.offsets[:-1]) for extreme in (np.minimum, np.maximum))
    constant = np.flatnonzero(lows == highs)
    if constant.size:
        first = str(records.ids[constant[0]])
        notes.append(f"{constant.size} of {len(records.ids)} series are constant (first: {first!r}): nothing to learn")
    return tuple(notes)
