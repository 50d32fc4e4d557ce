"""Tables: a file or a DataFrame that knows where each of its values came from, so that every error can say it."""

import difflib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.data.arrow import ArrowStream, from_arrow, require_pyarrow, to_pandas
from ostinato.data.delimited import parse_delimited
from ostinato.data.file_format import USUAL, FileFormat
from ostinato.data.numerals import (
    COMMA,
    POINT,
    Marks,
    candidates,
    fitting,
    only_two_ways,
    plain_numbers,
    to_numbers,
    two_ways,
)
from ostinato.data.packed import ending_of, read_whole
from ostinato.errors import OstinatoError

_MISSING = ["", "na", "n/a", "nan", "null", "none", "<na>", "nat"]
_TRUTH = {"true": 1.0, "false": 0.0}
_SAMPLE = 1000  # texts of a column that mostly decide for all of it


@dataclass(frozen=True, eq=False)
class Table:
    """Named columns with an origin.

    Attributes:
        frame: the columns, rows counted from 0. Columns of a CSV file hold text; others hold what they were given as.
        origin: the file's name, or "the DataFrame".
        lines: for text files, the line each row starts at as an editor shows it (the header is line 1).
        delimiter: for text files, what separates fields.
        decimal: the decimal sign, "." or ","; None: found for each column of text from all its values.
        thousands: the mark between thousands; None: found likewise.

    Example:
        >>> import pandas as pd
        >>> from ostinato.data import read_table
        >>> table = read_table(pd.DataFrame({"y": ["1.5", "two"]}))
        >>> table.numbers(["y"])
        Traceback (most recent call last):
            ...
        ostinato.errors.OstinatoError: the DataFrame, row 1, column 'y': 'two' is not a number
    """

    frame: pd.DataFrame
    origin: str
    lines: npt.NDArray[np.int64] | None = None
    delimiter: str = ","
    decimal: str | None = None
    thousands: str | None = None

    def __post_init__(self) -> None:
        """Makes sure that the marks are some."""
        candidates(self.decimal, self.thousands)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def columns(self) -> list[str]:
        """The column names in the table's order."""
        return [str(name) for name in self.frame.columns]

    def error(self, what: str, *, row: int | None = None, column: str | None = None) -> OstinatoError:
        """The error to raise about a place in this table: `"sales.csv, line 7, column 'y': ..."`."""
        where = self.origin
        if row is not None:
            where += f", {self.place(row)}"
        if column is not None:
            where += f", column {column!r}"
        return OstinatoError(f"{where}: {what}")

    def place(self, row: int) -> str:
        """How a reader finds a row: its line in a text file, its position (from 0) in a DataFrame or Parquet file."""
        return f"row {row}" if self.lines is None else f"line {self.lines[row]}"

    def require(self, *columns: str) -> None:
        """Raise OstinatoError unless all columns are here; the error lists those available and the nearest name."""
        available = self.columns
        for column in columns:
            if column not in available:
                near = difflib.get_close_matches(column, available, n=1, cutoff=0.6) or [
                    name for name in available if name.casefold() == column.casefold()
                ]
                hint = f"; did you mean {near[0]!r}?" if near else ""
                listed = ", ".join(available[:20]) + (", ..." if len(available) > 20 else "")
                raise self.error(f"no column {column!r}{hint} (columns: {listed})")

    def numbers(self, columns: Sequence[str]) -> npt.NDArray[np.float64]:
        """The columns as numbers.

        Args:
            columns: names of columns of numbers or of text that reads as numbers; true and false count as 1 and 0.

        Returns:
            float64 of shape (rows, columns); NaN where a value is missing (empty, NA, NaN, null, None).

        Raises:
            OstinatoError: a missing column, text that is not a number, an infinite value (with row and column).
        """
        self.require(*columns)
        values = np.full((len(self), len(columns)), np.nan)
        typed = [i for i, name in enumerate(columns) if _holds_numbers(self.frame[name])]
        if typed:
            block = self.frame[[columns[i] for i in typed]]
            values[:, typed] = block.to_numpy(dtype=np.float64, na_value=np.nan)
        untyped = [i for i in range(len(columns)) if i not in set(typed)]
        if untyped:
            names = [columns[i] for i in untyped]
            values[:, untyped] = self._numbers_from_text(names)
        huge = np.argwhere(np.abs(values) > np.finfo(np.float32).max)
        if huge.size:
            row, place = huge[0]
            kind = "an infinite value" if np.isinf(values[row, place]) else "a value too large for a 32-bit float"
            raise self.error(f"{kind}: correct it or leave it empty", row=int(row), column=columns[place])
        return values

    def texts(self, column: str) -> npt.NDArray[np.object_]:
        """The column as stripped text, of shape (rows,); "" where a value is missing."""
        codes, texts = self.distinct(column)
        return texts[codes]

    def distinct(self, column: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]:
        """The column's distinct stripped texts and which of them each row holds.

        Returns:
            The position of each row's text among the texts, shape (rows,), and the texts in order of appearance, "" for
            a missing value.
        """
        self.require(column)
        try:
            codes, values = pd.factorize(self.frame[column], use_na_sentinel=False)
        except TypeError:
            raise self.error("holds lists or other objects: give numbers, text or dates", column=column) from None
        try:
            stripped = _as_text(pd.Series(values, dtype=object)).to_numpy(dtype=object)
        except UnicodeEncodeError:
            what = "half of a surrogate pair, which is no character: mend the text"
            raise self.error(what, column=column) from None
        if bool((stripped == values).all()):  # they are distinct already
            return codes.astype(np.int64, copy=False), stripped
        merged, texts = pd.factorize(stripped)
        return merged[codes].astype(np.int64), np.asarray(texts, dtype=object)

    def identities(self, column: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]:
        """As `distinct`, for texts that name something: each in its one canonical form, see `canonical`."""
        codes, texts = self.distinct(column)
        merged, names = pd.factorize(pd.Series([canonical(text) for text in texts], dtype=object))
        return merged[codes].astype(np.int64), np.asarray(names, dtype=object)

    def number_columns(self, columns: Sequence[str]) -> list[str]:
        """Those of `columns` that hold at least one number; the rest of them hold text, dates or nothing."""
        held = self.frame[list(columns)]
        return [name for name in columns if _holds_numbers(held[name]) or self._reads_as_numbers(name)]

    def is_numeric(self, column: str) -> bool:
        """Whether all that the column holds are numbers."""
        if _holds_numbers(self.frame[column]):
            return True
        unread = self.texts(column)[self._parse([column])[1][:, 0]]
        return all(two_ways(text) for text in unread)

    def _reads_as_numbers(self, column: str) -> bool:
        values, bad = self._parse([column])
        return not bool(np.isnan(values).all()) or any(two_ways(text) for text in self.texts(column)[bad[:, 0]])

    def notes_on_numbers(self, columns: Sequence[str]) -> list[str]:
        """Statements about the columns whose texts would be another number with other marks."""
        notes = []
        for column in columns:
            parts = "," if self._marks.get(column, COMMA) == POINT else "."
            texts = self._spellings(column) if column in self._marks else []
            text = next((text for text in texts if parts in text and two_ways(text)), None)
            if text is not None:
                notes.append(f"{text!r} in {column} is read as {text.replace(parts, '')}")
        return notes

    @cached_property
    def _marks(self) -> dict[str, Marks | None]:
        """The marks of columns that are not as a programming language writes numbers, as far as they have been read."""
        return {}

    @cached_property
    def _likely(self) -> tuple[Marks, ...]:
        """The marks of the columns that can be read in one way only."""
        found = set()
        for column in self.columns:
            texts = [text for text in self._spellings(column) if text.casefold() not in {*_MISSING, *_TRUTH}]
            fit = fitting(texts, self._candidates)
            if texts and len(fit) == 1 and not np.isnan(to_numbers(texts, fit[0])).any():
                found.add(fit[0])
        return tuple(found)

    @property
    def _candidates(self) -> tuple[Marks, ...]:
        return candidates(self.decimal, self.thousands)

    def _spellings(self, column: str) -> list[str]:
        """The distinct texts of a column, without spaces about them."""
        if _holds_numbers(self.frame[column]):
            return []
        return list({value.strip(): None for value in self.frame[column] if isinstance(value, str)})

    def _find_marks(self, column: str) -> Marks | None:
        """The marks of a column of text, None where it can be read in two ways and nothing tells which."""
        texts = self._spellings(column)
        fit = fitting(texts, self._candidates)
        if len(fit) == 1 or not any(map(two_ways, texts)):
            return fit[0]
        if self.delimiter == ",":  # where commas separate fields, points are decimal signs
            return fit[0]
        return self._likely[0] if len(self._likely) == 1 else None

    def _numbers_from_text(self, columns: list[str]) -> npt.NDArray[np.float64]:
        values, bad = self._parse(columns)
        if not bad.any():
            return values
        row, place = map(int, np.argwhere(bad)[0])
        text = str(self.frame[columns[place]].iloc[row]).strip()
        if two_ways(text) and self._marks.get(columns[place], POINT) is None:
            whole, part = re.split("[.,]", text)
            readings = f"{whole}{part} or {whole}.{part}"
            what = f"{text!r} can be read as {readings}: say which, decimal='.' or decimal=',' (--decimal)"
            raise self.error(what, row=row, column=columns[place])
        raise self.error(f"{text!r} is not a number", row=row, column=columns[place])

    def _parse(self, columns: list[str]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Columns of text as numbers, and where one is neither a number nor a sign for a missing value."""
        raw = self.frame[columns].to_numpy(dtype=object)
        values = plain_numbers(pd.Series(raw.ravel(), dtype=object)).reshape(raw.shape)
        bad = np.zeros(raw.shape, np.bool_)
        for place, column in enumerate(columns):
            unread = np.isnan(values[:, place])
            words = _as_text(pd.Series(raw[unread, place], dtype=object)).str.casefold()
            values[unread, place] = words.map(_TRUTH)
            bad[unread, place] = ~words.isin([*_MISSING, *_TRUTH])
            if bad[:, place].any() or self._may_mislead(raw[:, place]):
                spelled = np.array([isinstance(value, str) for value in raw[:, place]])
                spelled[unread] &= bad[unread, place]
                values[spelled, place] = self._spelled(column, raw[spelled, place])
                bad[spelled, place] = np.isnan(values[spelled, place])
        return values, bad

    def _spelled(self, column: str, values: npt.NDArray[np.object_]) -> npt.NDArray[np.float64]:
        """Texts of a column to numbers; NaN where one is none, or can be read in two ways and nothing tells which."""
        texts = [value.strip() for value in values]
        first = fitting(texts[:_SAMPLE], self._candidates)
        if len(first) == 1 and not np.isnan(numbers := to_numbers(texts, first[0])).any():
            self._marks[column] = first[0]  # nothing else reads the first of them
            return numbers
        marks = self._marks[column] = self._find_marks(column)
        if marks is not None:
            return to_numbers(texts, marks)
        return to_numbers(["" if two_ways(text) else text for text in texts], POINT)

    def _may_mislead(self, texts: npt.NDArray[np.object_]) -> bool:
        """Whether a column may hold other numbers than a programming language would read in it."""
        if self.decimal is None and self.thousands is None:
            return self.delimiter != "," and only_two_ways(texts)
        return "." not in {marks.decimal for marks in self._candidates}


def canonical(name: str) -> str:
    """A name's one form: whole numbers without the ".0" of a column of floats, composed characters.

    Example:
        >>> from ostinato.data.table import canonical
        >>> canonical("7.0"), canonical("7.5"), canonical("v7.0")
        ('7', '7.5', 'v7.0')
    """
    return re.sub(r"^([+-]?\d+)\.0+$", r"\1", unicodedata.normalize("NFC", name))


Source = str | Path | pd.DataFrame | pd.Series | ArrowStream | Table


def read_table(source: Source, form: FileFormat = USUAL) -> Table:
    """Read a table. A Table is returned as it is, but for marks that it lacks.

    Args:
        source: a CSV file (fields separated by comma, semicolon or tab; a header line, unless the form says that there
            is none), a Parquet file (its name ends in .parquet or .pq; needs `ostinato[parquet]`), either packed
            with gzip, too (.csv.gz), or a DataFrame. An index of a DataFrame that has a name or holds dates becomes a
            column; any other index is left out. Frames of other libraries are read by Arrow's interface (polars,
            pyarrow; needs `ostinato[parquet]`). A Series is a table of one column, called by its name or "y".
        form: how a CSV file is written: its encoding, whether fields are quoted, whether there is a header; and which
            mark is the decimal sign of numbers in text, and which parts thousands, where their columns do not tell.

    Raises:
        OstinatoError: no such file, a directory, not a table, damaged: the message names the file and the line; one
            mark for both; something else than these.

    Example:
        >>> import pandas as pd
        >>> from ostinato.data import read_table
        >>> table = pd.DataFrame({"date": ["2024-01-01", "2024-01-02"], "sales": [1.5, 2.5]})
        >>> table.to_csv("sales.csv", sep=";", decimal=",")
        >>> read_table("sales.csv").numbers(["sales"]).ravel().tolist()
        [1.5, 2.5]
    """
    table = _read(source, form)
    return replace(table, decimal=table.decimal or form.decimal, thousands=table.thousands or form.thousands)


def _read(source: Source, form: FileFormat) -> Table:
    if isinstance(source, Table):
        return source
    if isinstance(source, pd.DataFrame):
        return read_frame(source)
    if isinstance(source, pd.Series):
        return read_frame(source.to_frame("y" if source.name is None else source.name), "the Series")
    if isinstance(source, ArrowStream):
        return read_frame(from_arrow(source), f"the {type(source).__name__}")
    if not isinstance(source, str | Path):
        raise OstinatoError(f"give a CSV or Parquet file or a DataFrame, not {type(source).__name__}")
    path = Path(source)
    if path.is_dir():
        raise OstinatoError(f"{path}: a directory: give a CSV or Parquet file")
    held = [_bytes_of(path)]  # handed on, not kept: they may fill half of the memory
    if ending_of(path) in (".parquet", ".pq") or held[0].startswith(b"PAR1"):
        return _from_parquet(held.pop(), str(path))
    parsed = parse_delimited(held.pop(), str(path), form)
    return Table(parsed.frame, str(path), parsed.lines, parsed.delimiter)


def _bytes_of(path: Path) -> bytes:
    try:
        return read_whole(path)
    except FileNotFoundError:
        raise OstinatoError(f"{path}: no such file") from None
    except OstinatoError:  # which is a ValueError
        raise
    except (OSError, ValueError) as error:
        raise OstinatoError(f"{path}: cannot be read: {error}") from None


def read_frame(frame: pd.DataFrame, origin: str = "the DataFrame") -> Table:
    """A table of a DataFrame, see `read_table`; errors call it by its origin."""
    if frame.columns.nlevels > 1:
        raise OstinatoError(f"{origin}: columns have {frame.columns.nlevels} levels: give each column one name")
    index = frame.index
    named = any(name is not None for name in index.names)
    dated = isinstance(index, pd.DatetimeIndex | pd.PeriodIndex)
    columns = frame.columns.map(str)
    frame = frame.set_axis(columns, axis=1)
    if named or dated:
        names = [str(name) if name is not None else "index" for name in index.names]
        kept = index.to_frame(index=False).set_axis(names, axis=1)
        frame = pd.concat([kept, frame.reset_index(drop=True)], axis=1)
    return _checked(frame.reset_index(drop=True), origin)


def _from_parquet(data: bytes, origin: str) -> Table:
    require_pyarrow(origin, "Parquet files")
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(data))
        table.validate(full=True)
        frame = to_pandas(table)
    except (pyarrow.ArrowException, OSError, ValueError, TypeError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OstinatoError(f"{origin}: not a readable Parquet file: {reason}") from None
    return _checked(frame, origin)


def _checked(frame: pd.DataFrame, origin: str) -> Table:
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise OstinatoError(f"{origin}: two columns are named {str(repeated[0])!r}: rename one")
    if not len(frame.columns):
        raise OstinatoError(f"{origin}: no columns: give a table with named columns")
    if not len(frame):
        raise OstinatoError(f"{origin}: no rows: give a table with rows of data")
    return Table(frame, origin)


def _holds_numbers(column: "pd.Series[Any]") -> bool:
    dtype = column.dtype
    real = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype)
    return bool(real or pd.api.types.is_bool_dtype(dtype))


def _as_text(column: "pd.Series[Any]") -> "pd.Series[Any]":
    return column.astype(object).where(column.notna(), "").astype(str).str.strip()
