"""The panel: one series or thousands of them on a regular grid, stored end to end in flat arrays."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.data.frequency import Frequency
from ostinato.data.grid import place_on_grid
from ostinato.data.records import Records, check_order, in_time, on_clock, on_grid_days, read_future, read_records
from ostinato.data.series_rows import holds_series_rows, read_series_rows
from ostinato.data.spec import PanelColumns, PanelSpec
from ostinato.data.table import Source, canonical, read_table
from ostinato.data.times import Moments, spell
from ostinato.data.words import places_of, words_of
from ostinato.data.zones import Clock
from ostinato.errors import OstinatoError


@dataclass(frozen=True, eq=False)
class Panel:
    """Series on a regular grid of times, end to end: series `i` is rows `offsets[i]` to `offsets[i + 1] - 1`.

    Attributes:
        ids: (series,) the name of each series.
        offsets: (series + 1,) int64, where each series starts, and the end.
        times: (rows,) datetime64[ns] without a zone (see `clock`), or int64 for integer time.
        target: (rows,) float64, finite; imputed where not observed.
        observed: (rows,) False where the target was missing.
        past: (rows, P) covariates known up to now only; finite, imputed where not observed. One of words has a column
            of 0 and 1 for each of its categories.
        past_observed: (rows, P) False where a past covariate was missing.
        future: (rows, F) covariates known into the future, words likewise; complete.
        static: (series, S) numbers, or codes of the categories in `names.categories`.
        frequency: the step between rows.
        names: the columns' names.
        notes: plain statements about what was found and done when the table was read.

    Example:
        >>> import pandas as pd
        >>> from ostinato.data import Panel
        >>> days = pd.date_range("2024-01-01", periods=30)
        >>> panel = Panel.from_table(pd.DataFrame({"ds": days, "north": range(30), "south": range(30, 60)}))
        >>> panel.ids.tolist(), panel.lengths.tolist(), panel.frequency.alias
        (['north', 'south'], [30, 30], 'D')
    """

    ids: npt.NDArray[np.str_]
    offsets: npt.NDArray[np.int64]
    times: Moments
    target: npt.NDArray[np.float64]
    observed: npt.NDArray[np.bool_]
    past: npt.NDArray[np.float64]
    past_observed: npt.NDArray[np.bool_]
    future: npt.NDArray[np.float64]
    static: npt.NDArray[np.float64]
    frequency: Frequency
    names: PanelColumns
    notes: tuple[str, ...] = ()

    @classmethod
    def from_table(cls, source: Source, spec: PanelSpec | None = None) -> Self:
        """Read a panel from a long or wide table, or one with a series in each row.

        Args:
            source: a CSV or Parquet file, a DataFrame, or a Table.
            spec: which column plays which part; everything is recognised when left out.

        Raises:
            OstinatoError: whatever is wrong with the table, with its file, row and column, and how to mend it.
        """
        spec = spec or PanelSpec()
        table = read_table(source)
        in_rows = spec.layout == "rows" or (spec.layout is None and holds_series_rows(table, spec))
        records = in_time(table, (read_series_rows if in_rows else read_records)(table, spec))
        check_order(table, records, chosen=spec.time is None)
        frequency = _frequency(records, spec)
        if records.local is not None:
            records = on_clock(records, frequency)
            frequency = _frequency(records, spec)
        records = on_grid_days(records, frequency)
        check_order(table, records, chosen=spec.time is None)
        grid = place_on_grid(records, frequency, table)
        return cls(ids=records.ids, static=records.static, frequency=frequency, names=records.names, **grid._asdict())

    def __len__(self) -> int:
        """The number of series."""
        return len(self.ids)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """The rows of each series, shape (series,)."""
        return np.diff(self.offsets)

    @property
    def codes(self) -> npt.NDArray[np.int64]:
        """The series of each row, shape (rows,)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def clock(self) -> Clock:
        """What the times are read from."""
        return Clock.of(self.names.zone, self.frequency)

    @property
    def spec(self) -> PanelSpec:
        """The specification that reads new data as this panel was read: all names, the frequency and the categories."""
        names, in_rows = self.names, self.names.layout == "rows"
        target = tuple(map(str, self.ids)) if names.id is None else names.target
        return PanelSpec(
            time=None if in_rows else names.time,
            id=names.id,
            target=None if in_rows else target,
            past=names.past,
            future=names.future,
            static=names.static,
            frequency=self.frequency.alias,
            time_format=names.time_format,
            zone=names.zone,
            layout=names.layout,
            categories=names.categories,
        )

    def series(self, i: int) -> Self:
        """Series `i` alone, as views of this panel's arrays."""
        if not -len(self) <= i < len(self):
            raise IndexError(f"series {i} of a panel of {len(self)}")
        i %= len(self)
        rows = slice(int(self.offsets[i]), int(self.offsets[i + 1]))
        offsets = np.array([0, self.lengths[i]])
        return replace(self._rows(rows, offsets), ids=self.ids[i : i + 1], static=self.static[i : i + 1], notes=())

    def named(self, id: str, what: str = "the table") -> Self:
        """The series of a name alone; an error calls the panel `what`.

        Raises:
            OstinatoError: There is none.
        """
        found = np.flatnonzero(self.ids == canonical(id))
        if not found.size:
            some = f"{', '.join(self.ids[:10])}{', ...' * (len(self) > 10)}"
            raise OstinatoError(f"{what} has no series {id!r} (it has: {some})")
        return self.series(int(found[0]))

    def value_at(self, row: int) -> str:
        """What the target is at a row, of which series and when, for an error."""
        return f"series {str(self.ids[self.codes[row]])!r} is {self.target[row]:g} at {spell(self.times[row])}"

    def take(self, which: npt.NDArray[np.bool_]) -> Self:
        """Some of the series, ``(series,)``."""
        part = self._between(self.offsets[:-1][which], self.offsets[1:][which])
        return replace(part, ids=self.ids[which], static=self.static[which])

    def require(self, length: int, why: str) -> None:
        """Raise OstinatoError, naming the shortest series, unless every series has at least `length` rows.

        Args:
            length: rows needed.
            why: what needs them, for the message: "a window of 48 and a horizon of 24".
        """
        shortest = int(np.argmin(self.lengths))
        if self.lengths[shortest] < length:
            raise OstinatoError(
                f"series {str(self.ids[shortest])!r} has {self.lengths[shortest]} rows, and {why} needs {length}: "
                "give more rows, leave the series out, or ask for less"
            )

    def split(self, *, rows: int | None = None, at: Any = None) -> tuple[Self, Self]:
        """Cut every series in two in time.

        Args:
            rows: put the last `rows` rows of each series into the second part, or
            at: put the times from `at` on (a date, or a number for integer time) into the second part.

        Returns:
            The part before and the rest. Both have all series; with `at` a series may be empty in one of them.

        Raises:
            OstinatoError: a series that is not longer than `rows`, or a time that cannot be read.
        """
        if (rows is None) == (at is None):
            raise ValueError("split takes either rows or at")
        if rows is not None:
            self.require(rows + 1, f"holding out its last {rows}")
            cut = self.offsets[1:] - rows
        else:
            before = np.concatenate([[0], np.cumsum(self.times < self._moment(at))])
            cut = self.offsets[:-1] + before[self.offsets[1:]] - before[self.offsets[:-1]]
        return self._between(self.offsets[:-1], cut), self._between(cut, self.offsets[1:])

    def tail(self, rows: int | npt.NDArray[np.int64]) -> Self:
        """The last `rows` rows of each series (one number, or one for each series), or all of a shorter one."""
        return self._between(np.maximum(self.offsets[1:] - rows, self.offsets[:-1]), self.offsets[1:])

    def extend(self, later: Self) -> Self:
        """Append the rows of `later`: the same series, from the next step on."""
        if not np.array_equal(self.ids, later.ids):
            raise ValueError("extend joins two panels of the same series in the same order")
        order = np.argsort(np.concatenate([self.codes, later.codes]), kind="stable")
        names = ("times", "target", "observed", "past", "past_observed", "future")
        joined: dict[str, Any] = {
            name: np.concatenate([getattr(self, name), getattr(later, name)])[order] for name in names
        }
        return replace(self, offsets=self.offsets + later.offsets, **joined)

    def ahead(self, horizon: int, source: Source | None = None) -> Self:
        """The `horizon` rows after the end of every series: their times and future covariates, and no target.

        Args:
            horizon: steps after each series' last row.
            source: a table with the time, the future covariates and (for a long panel) the id; other rows and columns
                may be there, so the table the panel came from serves when it goes on after the target's end. Needed
                when the panel has future covariates.

        Returns:
            A panel of the same series with `horizon` rows each; target and past covariates are NaN and not observed.

        Raises:
            OstinatoError: future covariates that are not given for each of these steps.
        """
        self.require(1, "a forecast after its end")
        times = self.frequency.after(self.times[self.offsets[1:] - 1], horizon)
        rows = times.size
        if not self.names.future:
            future = np.zeros((rows, 0))
        elif source is None:
            raise OstinatoError(
                f"the covariates {', '.join(self.names.future)} are known into the future: "
                f"give a table with their values for the {horizon} steps after the end of {self.names.target}"
            )
        else:
            future = read_future(read_table(source), self.names, self.ids, times, self.frequency)
        return replace(
            self,
            offsets=np.arange(len(self) + 1, dtype=np.int64) * horizon,
            times=times.ravel(),
            target=np.full(rows, np.nan),
            observed=np.zeros(rows, np.bool_),
            past=np.full((rows, self.past.shape[1]), np.nan),
            past_observed=np.zeros((rows, self.past.shape[1]), np.bool_),
            future=future,
            notes=(),
        )

    def to_frame(self) -> pd.DataFrame:
        """A long table of the panel: id, time, target and covariates, with NaN where a value was not observed."""
        names = self.names
        columns: dict[str, Any] = {
            names.id or "unique_id": self.ids[self.codes].astype(object),
            names.time or "step": self.clock.written(self.times),
            names.target: np.where(self.observed, self.target, np.nan),
        }
        past = np.where(self.past_observed, self.past, np.nan)
        for part, values in ((names.past, past), (names.future, self.future)):
            for name, place in places_of(part, names.categories).items():
                known = names.categories.get(name)
                columns[name] = values[:, place.start] if known is None else words_of(values[:, place], known)
        for i, name in enumerate(names.static):
            static: npt.NDArray[Any] = self.static[:, i]
            if name in names.categories:
                static = np.array(names.categories[name], object)[static.astype(np.int64)]
            columns[name] = static[self.codes]
        return pd.DataFrame(columns)

    def _moment(self, at: Any) -> Any:
        if self.frequency.kind == "integer":
            if not isinstance(at, int | np.integer):
                raise OstinatoError(f"{at!r} is not a whole number, as the times of this panel are")
            return at
        return self.clock.moment(at)

    def _between(self, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> Self:
        """The rows from `starts[i]` to `ends[i] - 1` of each series."""
        lengths = ends - starts
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return self._rows(np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths), offsets)

    def _rows(self, rows: slice | npt.NDArray[np.int64], offsets: npt.NDArray[np.int64]) -> Self:
        return replace(
            self,
            offsets=offsets,
            times=self.times[rows],
            target=self.target[rows],
            observed=self.observed[rows],
            past=self.past[rows],
            past_observed=self.past_observed[rows],
            future=self.future[rows],
        )

    def __repr__(self) -> str:
        span = f", {spell(self.times.min())} to {spell(self.times.max())}" if len(self.times) else ""
        return f"Panel({len(self)} series, {len(self.times)} rows, frequency {self.frequency.alias!r}{span})"


def _frequency(records: Records, spec: PanelSpec) -> Frequency:
    if spec.frequency:
        return Frequency.parse(spec.frequency)
    if records.names.time is None:
        return Frequency.parse("1")
    return Frequency.infer(records.times, np.append(records.firsts, len(records.codes)))
