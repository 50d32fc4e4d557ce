"""Numbers over time with a tag at every step, from a long table."""

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from ostinato.data.labelled_files import ID_NAMES, LABEL_NAMES, TIME_NAMES
from ostinato.data.table import Source, Table, read_table
from ostinato.data.tagged import Tagged
from ostinato.data.times import read_times


class StepColumns(BaseModel):
    """Columns of a long table, a row a step. Names left out are found by the usual ones.

    Attributes:
        id: What tells the sequences apart; None where there is no such column: all rows are one sequence.
        time: What orders the steps of each; None: the order of the rows.
        label: The tag of each step.
        features: The columns of numbers; empty: all others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = None
    time: str | None = None
    label: str | None = None
    features: tuple[str, ...] = ()


def read_steps(source: Source, columns: StepColumns, *, tags: bool = True) -> tuple[Tagged, StepColumns]:
    """Reads sequences of numbers with a tag at every step.

    Args:
        source: A CSV or Parquet file, or a DataFrame.
        columns: What they are called.
        tags: Whether to read the tags. Without, the table need not have them.

    Returns:
        The sequences, and the columns with what was found filled in.

    Raises:
        OstinatoError: With row and column, for a value, id or tag that is missing or cannot be read.
    """
    table = read_table(source)
    id_ = columns.id or _named(table, ID_NAMES)
    label = columns.label or _named(table, LABEL_NAMES)
    time = columns.time or _named(table, TIME_NAMES)
    if label is None and tags:
        raise table.error(f"no column is named as labels are ({', '.join(LABEL_NAMES)}): say which, label=...")
    features = columns.features or tuple(name for name in table.columns if name not in (id_, label, time))
    if not features:
        raise table.error("no columns of numbers beside id, time and label: add some")
    values = table.numbers(features)
    missing = np.argwhere(np.isnan(values))
    if missing.size:
        row, place = map(int, missing[0])
        raise table.error("a missing value: fill it in or leave the row out", row=row, column=features[place])
    codes, ids = np.zeros(len(table), np.int64), np.array(["1"], object)
    if id_ is not None:
        codes, ids = _whole(table, id_, "id")
    order = _in_time(table, codes, time)
    groups = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    read = Tagged(
        items=tuple(values[rows] for rows in groups),
        tags=_tags(table, label, groups) if tags and label else None,
        names=tuple(str(name) for name in ids),
        origin=table.origin,
        features=features,
    )
    found = {"id": id_, "time": time, "label": label, "features": features}
    return read.checked(), columns.model_copy(update=found)


def _named(table: Table, usual: tuple[str, ...]) -> str | None:
    """The column with the most usual name."""
    by_name = {name.casefold(): name for name in reversed(table.columns)}
    return next((by_name[name] for name in usual if name in by_name), None)


def _whole(table: Table, column: str, what: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """The distinct texts of a column in which none is missing."""
    codes, texts = table.distinct(column)
    empty = np.flatnonzero(texts[codes] == "")
    if empty.size:
        raise table.error(f"the {what} is missing: fill it in or leave the row out", row=int(empty[0]), column=column)
    return codes, texts


def _tags(table: Table, label: str, groups: list[npt.NDArray[np.int64]]) -> tuple[tuple[str, ...], ...]:
    codes, texts = _whole(table, label, "label")
    tags = [str(tag) for tag in texts]
    return tuple(tuple(tags[code] for code in codes[rows]) for rows in groups)


def _in_time(table: Table, codes: npt.NDArray[np.int64], time: str | None) -> npt.NDArray[np.int64]:
    """The rows, sequence by sequence, each in time."""
    if time is None:
        return np.argsort(codes, kind="stable")
    moments = read_times(table, time).values
    order = np.lexsort((moments, codes))
    twice = np.flatnonzero((np.diff(codes[order]) == 0) & (np.diff(moments[order]).astype(np.int64) == 0))
    if twice.size:
        row = int(order[twice[0] + 1])
        raise table.error(f"this sequence has another row with the same {time}: remove one", row=row, column=time)
    return order
