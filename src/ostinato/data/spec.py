"""Which column of a table plays which part: as the user asks for it, and as it was found."""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ostinato.data.codes import TimeFormat

Layout = Literal["columns", "rows"]


class PanelSpec(BaseModel):
    """Which column of a table plays which part. Names left out are recognised.

    A table is *long* when it has an id column (`id`, or a column `unique_id` as Nixtla's tools write): each row is one
    time of one series. Otherwise it is *wide*: each target column is a series whose id is the column's name, and the
    covariates are shared by all of them. Or it has *one series a row*, as the M competitions give them: its name, and
    then a column for each time.

    Attributes:
        time: the time column. None: a column named ds, date, datetime, date_time, timestamp or time; else one that
            holds dates; else day, week, month, quarter, year, period, step or index; of these the first whose values
            are distinct. Without any, rows are steps 0, 1, 2, ...
        id: the column that names the series of each row (long), or None.
        target: the column to forecast, or for a wide table several. None: y if there is one; else in a wide table all
            columns of numbers without another part, in a long table the only such column.
        past: covariates known up to now only (measured beside the target): numbers, or words (categories, 20 at most).
        future: covariates known ahead of time (holidays, prices, plans), likewise.
        static: what never changes in a series: numbers, or text (categories).
        frequency: a pandas alias ("h", "D", "W", "MS", ...) or a whole number for integer time. None: inferred.
        time_format: how whole numbers in the time column are written: "counter" (they only count), "months" (202012),
            "weeks" (202053), "quarters" (20204), "days", "years", "excel_days", "unix_seconds" and so on, see
            `ostinato.data.codes`. None: found from all of them.
        zone: the time zone that times are wanted in, and that those without one are of: "Europe/Berlin", "UTC",
            "+02:00". None: the one they have, if any.
        layout: "rows" for one series a row, "columns" for a long or wide table. None: rows where a different text
            stands first in each row, and names of columns that are dates or count up (V2, V3, ...) come last.
        categories: for each covariate of text its categories in the order of their codes. `Panel.spec` fills it, so
            that new data get the same codes; None there means they are found in the data.

    Example:
        >>> from ostinato.data import PanelSpec
        >>> spec = PanelSpec(time="date", id="shop", target="sales", future=("price", "holiday"), static=("region",))
        >>> spec.frequency is None  # inferred from the dates
        True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    time: str | None = None
    id: str | None = None
    target: str | tuple[str, ...] | None = None
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    frequency: str | None = None
    time_format: TimeFormat | None = None
    zone: str | None = None
    layout: Layout | None = None
    categories: dict[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class PanelColumns:
    """The names behind a panel's arrays.

    Attributes:
        time: the time column, or None when rows are steps 0, 1, 2, ...
        id: the id column of a long table, or None for a wide one.
        target: the target column; "y" for a wide table of several.
        past: names of the columns that `Panel.past` was made of.
        future: names of the columns that `Panel.future` was made of.
        static: names of the columns of `Panel.static`.
        categories: the categories of each column of text. `Panel.static` holds their positions in it, `Panel.past` and
            `Panel.future` a column of 0 and 1 for each.
        time_format: how whole numbers in the time column are written; None for dates.
        zone: the zone of the times, None where none is known.
        layout: "rows" where each row was a series.

    Example:
        >>> import pandas as pd
        >>> from ostinato.data import Panel
        >>> days = pd.date_range("2024-01-01", periods=30)
        >>> panel = Panel.from_table(pd.DataFrame({"day": days, "y": range(30)}))
        >>> panel.names.time, panel.names.target
        ('day', 'y')
    """

    time: str | None
    id: str | None
    target: str
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    time_format: TimeFormat | None = None
    zone: str | None = None
    layout: Layout = "columns"
