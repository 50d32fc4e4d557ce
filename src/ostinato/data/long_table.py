"""Long tables: sequences of numbers, one row per step."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ostinato.data.table import Table
from ostinato.data.times import read_times

ID_NAMES = ("id", "unique_id", "sequence", "series")
TIME_NAMES = ("time", "step", "t", "ds", "date", "datetime", "date_time", "timestamp")
LABEL_NAMES = ("label", "class", "category", "sentiment", "target", "y")


@dataclass(frozen=True, eq=False)
class LongTable:
    """The sequences of a long table, each in time.

    Attributes:
        ids: The name of each sequence.
        rows: The rows of each, int64.
        values: The numbers of each, float64 ``(steps, features)``.
        columns: What was found: "id", "time" (None where there is none) and "features".
    """

    ids: tuple[str, ...]
    rows: tuple[npt.NDArray[np.int64], ...]
    values: tuple[npt.NDArray[np.float64], ...]
    columns: dict[str, Any]

    @classmethod
    def read(
        cls, table: Table, id_: str | None, time: str | None, labels: Collection[str], features: Sequence[str]
    ) -> "LongTable":
        """The sequences of a table.

        Args:
            table: One row per step.
            id_: The column that tells sequences apart; None: all rows are one sequence.
            time: The column that orders the steps; None takes the one with a usual name, or the order of the rows.
            labels: Columns that are not among the features.
            features: The columns of numbers; empty: all others.

        Raises:
            OstinatoError: With row and column, for a value or an id that is missing or cannot be read.
        """
        time = time or named(table, TIME_NAMES)
        features = tuple(features) or tuple(name for name in table.columns if name not in (id_, time, *labels))
        if not features:
            raise table.error("no columns of numbers beside id, time and label: add some")
        values = table.numbers(features)
        missing = np.argwhere(np.isnan(values))
        if missing.size:
            row, place = map(int, missing[0])
            raise table.error("a missing value: fill it in or leave the row out", row=row, column=features[place])
        codes, ids = np.zeros(len(table), np.int64), ["1"]
        if id_ is not None:
            texts = whole_texts(table, id_, "id")
            ids = list(dict.fromkeys(texts))
            number = {name: code for code, name in enumerate(ids)}
            codes = np.array([number[text] for text in texts], np.int64)
        order = _in_time(table, codes, id_, time)
        rows = tuple(np.split(order, np.flatnonzero(np.diff(codes[order])) + 1))
        columns = {"id": id_, "time": time, "features": features}
        return cls(tuple(ids), rows, tuple(values[each] for each in rows), columns)


def named(table: Table, usual: Sequence[str]) -> str | None:
    """The column with the most usual name."""
    by_name = {name.casefold(): name for name in reversed(table.columns)}
    return next((by_name[name] for name in usual if name in by_name), None)


def whole_texts(table: Table, column: str, what: str) -> list[str]:
    """The texts of a column that name something, in their canonical form.

    Raises:
        OstinatoError: One is missing.
    """
    codes, names = table.identities(column)
    texts = [str(name) for name in names[codes]]
    if "" in texts:
        row = texts.index("")
        raise table.error(f"the {what} is missing: fill it in or leave the row out", row=row, column=column)
    return texts


def _in_time(table: Table, codes: npt.NDArray[np.int64], id_: str | None, time: str | None) -> npt.NDArray[np.int64]:
    """The rows, sequence by sequence, each in time."""
    if time is None:
        return np.argsort(codes, kind="stable")
    moments = read_times(table, time).order
    order = np.lexsort((moments, codes))
    twice = np.flatnonzero((np.diff(codes[order]) == 0) & (np.diff(moments[order]).astype(np.int64) == 0))
    if twice.size:
        row = int(order[twice[0] + 1])
        sequence = "sequence" if id_ is None else id_
        raise table.error(f"this {sequence} has another row with the same {time}: remove one", row=row, column=time)
    return order
