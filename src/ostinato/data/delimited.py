"""Delimited text (CSV, TSV): bytes -> named columns of text, with the line every record starts at.

The scan over the bytes is numpy arithmetic: it knows each record's line and number of fields before pandas splits the
fields, so a ragged line or a stray quotation mark is an error with a line number and never a shifted value.
"""

import csv
import io
import re
from textwrap import shorten
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.data.file_format import USUAL, FileFormat
from ostinato.errors import OstinatoError

_DELIMITERS = b"\t;,"  # in order of preference: a comma may also be a decimal sign, a tab is nothing else
_CHUNK = 500_000  # records that are split at once
_STRIPPED = 100_000  # records in which a name may recur with other spaces about it
_BLOCK = 2**24  # bytes that are looked at at once
_NEWLINE, _QUOTE, _SPACE, _TAB = b'\n" \t'


class NotATableError(OstinatoError):
    """Text that does not lie as a table's does: perhaps it is none."""


class Delimited(NamedTuple):
    """The records of a delimited file.

    Attributes:
        frame: text columns.
        lines: the line of each record (the file's first: line 1).
        delimiter: what separates fields.
        quoted: whether quotation marks around a field belong to the file and not to the text.
    """

    frame: pd.DataFrame
    lines: npt.NDArray[np.int64]
    delimiter: str
    quoted: bool


class _Scan(NamedTuple):
    """What the bytes say before they are split: where records start, their lines, their numbers of fields."""

    quoted: bool
    delimiter: str
    starts: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64]
    fields: npt.NDArray[np.int64]

    @property
    def ragged(self) -> npt.NDArray[np.int64]:
        """The records that have another number of fields than the header."""
        return np.flatnonzero(self.fields != self.fields[0])


def parse_delimited(data: bytes, origin: str, form: FileFormat = USUAL) -> Delimited:
    """Split `data` into named columns of text. The delimiter (comma, semicolon or tab) is found from the lines.

    Args:
        data: the file's bytes, with or without a byte-order mark; lines end with LF, CRLF or CR.
        origin: the name used in errors.
        form: how the file is written.

    Returns:
        The records. Blank lines are skipped, except in a file of one column, where a blank line is a missing value.
        Last columns that have no name are left out where they hold nothing, and else called "column 3".

    Raises:
        OstinatoError: empty, or of another encoding.
        NotATableError: a header that looks like data, a header only, ragged lines, stray quotation marks, columns
            without a name before others or with the same one.
    """
    data = _checked_text(data, origin, form)
    raw = np.frombuffer(data, np.uint8)
    quoted, delimiter, first_byte, lines, columns = _checked_scan(raw, origin, form)
    parts = pd.read_csv(
        io.BytesIO(data[first_byte:]),
        sep=delimiter,
        header=None,
        names=list(range(columns)),
        index_col=False,
        dtype=object,
        na_filter=False,
        skip_blank_lines=columns > 1,
        chunksize=_CHUNK,  # of a whole file pandas would hold the places of all fields
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
    )
    cells = pd.concat(parts, ignore_index=True)
    if len(cells) != len(lines):
        raise OstinatoError(f"{origin}: the file is damaged: {len(lines)} records by its lines, {len(cells)} read")
    if form.header is False:
        cells.columns = pd.Index([str(place) for place in range(1, cells.shape[1] + 1)])
        return Delimited(cells, lines, delimiter, quoted)
    cells, names = _named(cells, f"{origin}, line {lines[0]}", certain=form.header is True)
    cells.columns = pd.Index(names)
    return Delimited(cells, lines[1:], delimiter, quoted)


def _checked_scan(
    raw: npt.NDArray[np.uint8], origin: str, form: FileFormat
) -> tuple[bool, str, int, npt.NDArray[np.int64], int]:
    """Whether fields are quoted, what separates them, the first byte of a record, all lines, the number of columns.

    Raises:
        NotATableError: A ragged line, or nothing below a header.
    """
    scan = _scan_as_told(raw, origin, form)
    quoted, delimiter, starts, lines, fields = scan
    first = "the first line" if form.header is False else "the header"
    if scan.ragged.size:
        row = scan.ragged[0]
        told = " or quote the field that holds a" if quoted else ", which must not hold a"
        raise NotATableError(
            f"{origin}, line {lines[row]}: {fields[row]} fields where {first} has {fields[0]} "
            f"(fields are separated by {delimiter!r}): mend the line{told} {delimiter!r}"
        )
    if len(starts) < 2 and form.header is not False:
        raise NotATableError(f"{origin}: a header and no rows below it: add rows of data")
    return quoted, delimiter, int(starts[0]), lines, int(fields[0])


def _named(cells: pd.DataFrame, where: str, *, certain: bool) -> tuple[pd.DataFrame, list[str]]:
    """The records below the header, and the columns' names.

    Raises:
        NotATableError: Names are missing, or twice there, or all look like data and it is not certain that they are
            names.
    """
    spelled = [str(name) for name in cells.iloc[0]]
    names = [name.strip() for name in spelled]
    cells = cells.iloc[1:].reset_index(drop=True)
    if not certain and _look_like_data(spelled, cells):
        told = ", ".join(shorten(name, 30, placeholder="...") for name in names[:5])
        raise NotATableError(
            f"{where}: {told} look like data: the first line must name the columns; without such a line say "
            "header=False (--no-header), and they are called 1, 2, 3, ...; if these are names, header=True (--header)"
        )
    if not names[0] and len(names) > 1:  # the row index that other tools write without a name
        names[0] = "index"
        if bool((cells[0].to_numpy() == np.arange(len(cells)).astype(str).astype(object)).all()):
            cells, names = cells.drop(columns=0), names[1:]
    cells, names = _last_columns(cells, names)
    _check_names(names, where)
    return cells, names


def _look_like_data(spelled: list[str], cells: pd.DataFrame) -> bool:
    """Whether the first line seems to be a record as those below it.

    Each of its fields is a number, a date, a sentence, empty, or a value that its column holds again; and they are all
    of the first two kinds, or one is of the last.
    """
    names = [name.strip() for name in spelled]
    figures = [re.match(r"[+-]?[.,]?\d", name) is not None for name in names]
    if all(figures):
        return True
    vague = [figure or len(name.split()) > 3 or not name for figure, name in zip(figures, names, strict=True)]
    vague[0] &= bool(names[0])  # a row index has no name

    def recurs(place: int) -> bool:
        if not names[place]:
            return False
        column = cells[place]
        return bool((column == spelled[place]).any() or (column.iloc[:_STRIPPED].str.strip() == names[place]).any())

    places = range(len(names))
    return len(names) > 1 and all(vague[place] or recurs(place) for place in places) and any(map(recurs, places))


def _checked_text(data: bytes, origin: str, form: FileFormat) -> bytes:
    """The text as UTF-8, every line end as one newline."""
    data = form.decode(data, origin).encode().replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n")
    if not data.strip():
        raise OstinatoError(f"{origin}: the file is empty: give a header line and rows of data")
    if (nul := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, nul) + 1
        raise OstinatoError(f"{origin}, line {line}: a NUL byte: the file is damaged or is not a text file")
    return data


def _scan_as_told(raw: npt.NDArray[np.uint8], origin: str, form: FileFormat) -> _Scan:
    """The scan with quoting or without, as the format says, or as the file itself does."""
    if form.quoting == "none" or not _places(raw, _QUOTE).size:
        return _scan(raw, quoted=form.quoting != "none")
    quoted = _scan(raw, quoted=True)
    stray = _stray_quote(raw, quoted.delimiter)
    if form.quoting is None:
        plain = _scan(raw, quoted=False)
        # Of a file separated by tabs, each mark is text, unless all that open a field close one and the records fit.
        # Where they fit either way, a field that a line end runs through was two lines with a mark each.
        through = len(plain.fields) != len(quoted.fields)
        if plain.delimiter == "\t" and (stray is not None or quoted.ragged.size or (through and not plain.ragged.size)):
            return plain
    if stray is not None:
        line = int(np.count_nonzero(raw[:stray] == _NEWLINE)) + 1
        raise NotATableError(
            f"{origin}, line {line}: a quotation mark that neither opens nor closes a whole field: "
            "quote the field and double the marks inside it (\"\"), or say quoting='none' where marks are text"
        )
    return quoted


def _scan(raw: npt.NDArray[np.uint8], *, quoted: bool) -> _Scan:
    quotes = _places(raw, _QUOTE) if quoted else np.zeros(0, np.int64)
    starts, ends, lines = _records(raw, quotes)
    delimiter, fields = _sniff(raw, quotes, starts, ends)
    if fields[0] > 1:
        full = (fields > 1) | ~_blank(raw, starts, ends)
        starts, lines, fields = starts[full], lines[full], fields[full]
    return _Scan(quoted, delimiter, starts, lines, fields)


def _places(raw: npt.NDArray[np.uint8], byte: int) -> npt.NDArray[np.int64]:
    """Where a byte stands; the file is looked at in blocks, so that no mask of all of it is made."""
    blocks = range(0, len(raw), _BLOCK)
    return np.concatenate([np.flatnonzero(raw[start : start + _BLOCK] == byte) + start for start in blocks])


def _outside(places: npt.NDArray[np.int64], quotes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The places that lie in no quoted field. A doubled mark closes and opens again, as CSV means it."""
    return places[np.searchsorted(quotes, places) % 2 == 0] if quotes.size else places


def _stray_quote(raw: npt.NDArray[np.uint8], delimiter: str) -> int | None:
    """The first mark that neither opens nor closes a whole field, so that scan and parser would split unlike."""
    quotes = _places(raw, _QUOTE)
    opening, closing = quotes[::2], quotes[1::2]
    edges = np.frombuffer(b'\n"' + delimiter.encode(), np.uint8)
    stray_open = opening[(opening > 0) & ~np.isin(raw[opening - 1], edges)]
    after = np.minimum(closing + 1, len(raw) - 1)
    stray_close = closing[(closing + 1 < len(raw)) & ~np.isin(raw[after], edges)]
    stray = np.concatenate([stray_open, stray_close, opening[len(closing) :]])
    return int(stray.min()) if stray.size else None


def _records(
    raw: npt.NDArray[np.uint8], quotes: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where each record starts and ends (bytes) and its line as an editor counts, from the first that is not blank."""
    newlines = _places(raw, _NEWLINE)
    breaks = _outside(newlines, quotes)
    starts = np.concatenate([[0], breaks + 1]).astype(np.int64)
    ends = np.concatenate([breaks, [len(raw)]]).astype(np.int64)
    lines = np.searchsorted(newlines, starts) + 1
    header = int(np.argmin(_blank(raw, starts, ends)))
    return starts[header:], ends[header:], lines[header:]


def _sniff(
    raw: npt.NDArray[np.uint8],
    quotes: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
) -> tuple[str, npt.NDArray[np.int64]]:
    """The delimiter whose number in the header most lines share, and the number of fields of every record."""

    def per_record(delimiter: int) -> npt.NDArray[np.int64]:
        places = _outside(_places(raw, delimiter), quotes)
        return np.searchsorted(places, ends) - np.searchsorted(places, starts)

    best, counts, most = ",", None, 0
    for delimiter in _DELIMITERS:
        count = per_record(delimiter)
        shared = int(np.count_nonzero(count == count[0])) if count[0] else 0
        if shared > most or (counts is None and chr(delimiter) == best):
            best, counts, most = chr(delimiter), count, shared
    assert counts is not None
    return best, counts + 1


def _blank(
    raw: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """True where a record holds nothing but spaces and tabs."""
    empty = starts == ends
    starters = raw[np.minimum(starts, len(raw) - 1)]
    if not (empty | (starters == _SPACE) | (starters == _TAB)).any():
        return np.asarray(empty)
    ink = np.flatnonzero((raw != _SPACE) & (raw != _TAB) & (raw != _NEWLINE))
    return np.asarray(np.searchsorted(ink, ends) == np.searchsorted(ink, starts))


def _last_columns(cells: pd.DataFrame, names: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """The columns without the last ones that have neither name nor values, as spreadsheets write them."""
    named = max((place for place, name in enumerate(names, 1) if name), default=len(names))
    held = [*range(named), *(place for place in range(named, len(names)) if cells.iloc[:, place].str.strip().any())]
    return cells.iloc[:, held], [names[place] or (f"column {place + 1}" if place >= named else "") for place in held]


def _check_names(names: list[str], where: str) -> None:
    seen: set[str] = set()
    for number, name in enumerate(names, start=1):
        if not name:
            mend = "name it in the header, or say header=False (--no-header) where there is none"
            raise NotATableError(f"{where}: column {number} has no name: {mend}")
        if name in seen:
            raise NotATableError(f"{where}: two columns are named {name!r}: rename one")
        seen.add(name)
