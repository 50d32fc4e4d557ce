"""Labels as data give them: one a sequence, or several."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from ostinato.data.table import Table, canonical
from ostinato.errors import OstinatoError

Label = str | tuple[str, ...]
"""One label; or, where sequences may have several, all of one sequence, each once, perhaps none."""

SEVERAL = (list, tuple, set, frozenset)
"""What may hold several labels of one sequence in memory."""


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Each once, numbers by their size, others by the alphabet."""
    different = set(labels)
    try:
        return tuple(sorted(different, key=lambda label: (float(label), label)))
    except ValueError:
        return tuple(sorted(different))


def all_in(labels: Iterable[Label]) -> Iterable[str]:
    """Every label of every sequence, one or several of each."""
    return chain.from_iterable((own,) if isinstance(own, str) else own for own in labels)


def separated(cell: str, separator: str) -> tuple[str, ...]:
    """The labels that a text holds; none where it is blank.

    Raises:
        ValueError: There is nothing beside a separator.
    """
    parts = [canonical(part.strip()) for part in cell.split(separator.strip() or None)] if cell.strip() else []
    if "" in parts:
        raise ValueError(f"{cell!r} lacks a label beside a {separator!r}: fill it in, or take the mark away")
    return in_order(parts)


def read_label(text: str, separator: str | None, where: str) -> Label:
    """The label that a text is; with a separator, those that it holds.

    Raises:
        OstinatoError: There is nothing beside a separator.
    """
    if separator is None:
        return text
    try:
        return separated(text, separator)
    except ValueError as error:
        raise OstinatoError(f"{where}: {error}") from None


def _item(number: int) -> str:
    return f"the labels, item {number}"


def spelled(
    labels: Sequence[Any] | None, count: int, separator: str | None = None, where: Callable[[int], str] = _item
) -> tuple[Label, ...] | None:
    """Labels in memory; "" where one is missing.

    Args:
        labels: One a sequence; or of each a list, a tuple or a set of several.
        count: Sequences there are.
        separator: Between several labels of one text.
        where: The place of each, for errors.

    Raises:
        OstinatoError: For another number of labels, or lists of labels that are none.
    """
    if labels is None:
        return None
    if len(labels) != count:
        raise OstinatoError(f"{len(labels)} labels for {count} sequences: give one for each")
    if any(isinstance(label, (*SEVERAL, np.ndarray)) for label in labels):
        return tuple(_several(label, where(number)) for number, label in enumerate(labels))
    texts = ("" if label is None or label != label else str(label).strip() for label in labels)
    return tuple(read_label(text, separator, where(number)) for number, text in enumerate(texts))


def _several(label: Any, where: str) -> tuple[str, ...]:
    if not isinstance(label, SEVERAL) or not all(isinstance(part, str) for part in label):
        raise OstinatoError(
            f"{where}: {label!r}, where a list of texts should be: give of each sequence the names of its labels, [] "
            "for none"
        )
    if not all(part.strip() for part in label):
        raise OstinatoError(f"{where}: a blank label: fill it in, or leave it out")
    return in_order(part.strip() for part in label)


def separated_column(table: Table, column: str, separator: str) -> tuple[Label, ...]:
    """The labels of a column whose cells hold several each.

    Raises:
        OstinatoError: With row and column, where there is nothing beside a separator.
    """
    codes, cells = table.distinct(column)
    read: list[tuple[str, ...]] = []
    for number, cell in enumerate(cells):
        try:
            read.append(separated(str(cell), separator))
        except ValueError as error:
            raise table.error(str(error), row=int(np.argmax(codes == number)), column=column) from None
    return tuple(read[code] for code in codes)


def flagged(table: Table, columns: Sequence[str]) -> tuple[Label, ...]:
    """The labels of columns of 0 and 1, one for each label.

    Raises:
        OstinatoError: With row and column, for a cell that holds anything else.
    """
    try:
        flags = table.numbers(columns)
    except OstinatoError as error:
        raise OstinatoError(f"{error}: write 1 where the row has this label, and else 0") from None
    wrong = np.argwhere((flags != 0) & (flags != 1))  # a missing one, too
    if wrong.size:
        row, place = map(int, wrong[0])
        cell = str(table.texts(columns[place])[row])
        what = f"{cell!r} where 0 or 1 should be" if cell else "nothing where 0 or 1 should be"
        raise table.error(f"{what}: whether the row has this label", row=row, column=columns[place])
    return tuple(tuple(columns[place] for place in np.flatnonzero(row).tolist()) for row in flags)


def listed_column(table: Table, column: str) -> tuple[Label, ...] | None:
    """The labels of a column whose cells are lists, as a DataFrame or a Parquet file may have them; else None.

    Raises:
        OstinatoError: With row and column, for a list that is none of labels.
    """
    cells = [list(cell) if isinstance(cell, np.ndarray) else cell for cell in table.frame[column]]
    if not any(isinstance(cell, SEVERAL) for cell in cells):
        return None
    return spelled(cells, len(cells), where=lambda row: f"{table.origin}, {table.place(row)}, column {column!r}")
