"""Delimited text (CSV, TSV): bytes -> named columns of text, with the line every record starts at.

The scan over the bytes is numpy arithmetic: it knows each record's line and number of fields before pandas splits the
fields, so a ragged line or a stray quotation mark is an error with a line number and never a shifted value.
"""

import io
import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.errors import OstinatoError

_DELIMITERS = b"\t;,"  # in order of preference: a comma may also be a decimal sign, a tab is nothing else
_NEWLINE, _QUOTE, _SPACE, _TAB = b'\n" \t'


class Delimited(NamedTuple):
    """The records of a delimited file: text columns, the line of each record (header: line 1), and the delimiter."""

    frame: pd.DataFrame
    lines: npt.NDArray[np.int64]
    delimiter: str


def parse_delimited(data: bytes, origin: str) -> Delimited:
    """Split `data` into named columns of text. The delimiter (comma, semicolon or tab) is found from the lines.

    Args:
        data: the file's bytes: UTF-8 with or without a byte-order mark; lines end with LF, CRLF or CR.
        origin: the name used in errors.

    Returns:
        The records. Blank lines are skipped, except in a file of one column, where a blank line is a missing value.

    Raises:
        OstinatoError: empty, not UTF-8, no header, header only, ragged lines, stray quotation marks, columns without a
            name or with the same one.
    """
    data = _checked_text(data, origin)
    raw = np.frombuffer(data, np.uint8)
    outside = _outside_quotes(raw)
    starts, ends, lines = _records(raw, outside)
    delimiter, fields = _sniff(raw, outside, starts, ends)
    _check_quotes(raw, delimiter, origin)
    if fields[0] > 1:
        full = (fields > 1) | ~_blank(raw, starts, ends)
        starts, lines, fields = starts[full], lines[full], fields[full]
    ragged = np.flatnonzero(fields != fields[0])
    if ragged.size:
        row = ragged[0]
        raise OstinatoError(
            f"{origin}, line {lines[row]}: {fields[row]} fields where the header has {fields[0]} "
            f"(fields are separated by {delimiter!r}): mend the line or quote the field that holds a {delimiter!r}"
        )
    if len(starts) < 2:
        raise OstinatoError(f"{origin}: a header and no rows below it: add rows of data")
    cells = pd.read_csv(
        io.BytesIO(data[int(starts[0]) :]),
        sep=delimiter,
        header=None,
        names=list(range(int(fields[0]))),
        index_col=False,
        dtype=object,
        na_filter=False,
        skip_blank_lines=bool(fields[0] > 1),
        low_memory=False,
    )
    if len(cells) != len(starts):
        raise OstinatoError(f"{origin}: the file is damaged: {len(starts)} records by its lines, {len(cells)} read")
    names = [str(name).strip() for name in cells.iloc[0]]
    cells = cells.iloc[1:].reset_index(drop=True)
    if not names[0] and len(names) > 1:  # the row index that other tools write without a name
        names[0] = "index"
        if bool((cells[0].to_numpy() == np.arange(len(cells)).astype(str).astype(object)).all()):
            cells, names = cells.drop(columns=0), names[1:]
    _check_names(names, f"{origin}, line {lines[0]}")
    cells.columns = pd.Index(names)
    return Delimited(cells, lines[1:], delimiter)


def _checked_text(data: bytes, origin: str) -> bytes:
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n")
    if not data.strip():
        raise OstinatoError(f"{origin}: the file is empty: give a header line and rows of data")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise OstinatoError(
            f"{origin}, line {line}: byte 0x{data[error.start]:02X} is not UTF-8 text: save the file as UTF-8"
        ) from None
    if (nul := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, nul) + 1
        raise OstinatoError(f"{origin}, line {line}: a NUL byte: the file is damaged or is not a text file")
    return data


def _outside_quotes(raw: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """True where a byte is not inside a quoted field. A doubled mark closes and opens again, as CSV means it."""
    quotes = raw == _QUOTE
    return np.asarray(np.cumsum(quotes, dtype=np.uint8) % 2 == 0) if quotes.any() else ~quotes


def _check_quotes(raw: npt.NDArray[np.uint8], delimiter: str, origin: str) -> None:
    """Every quotation mark must open or close a whole field, so that the scan and the parser split alike."""
    quotes = np.flatnonzero(raw == _QUOTE)
    opening, closing = quotes[::2], quotes[1::2]
    edges = np.frombuffer(b'\n"' + delimiter.encode(), np.uint8)
    stray_open = opening[(opening > 0) & ~np.isin(raw[opening - 1], edges)]
    after = np.minimum(closing + 1, len(raw) - 1)
    stray_close = closing[(closing + 1 < len(raw)) & ~np.isin(raw[after], edges)]
    stray = np.concatenate([stray_open, stray_close, opening[len(closing) :]])
    if stray.size:
        line = int(np.count_nonzero(raw[: stray.min()] == _NEWLINE)) + 1
        raise OstinatoError(
            f"{origin}, line {line}: a quotation mark that neither opens nor closes a whole field: "
            'quote the field and double the marks inside it ("")'
        )


def _records(
    raw: npt.NDArray[np.uint8], outside: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where each record starts and ends (bytes) and its line as an editor counts, from the first that is not blank."""
    newline = raw == _NEWLINE
    breaks = np.flatnonzero(newline & outside)
    starts = np.concatenate([[0], breaks + 1]).astype(np.int64)
    ends = np.concatenate([breaks, [len(raw)]]).astype(np.int64)
    lines = np.searchsorted(np.flatnonzero(newline), starts) + 1
    header = int(np.argmin(_blank(raw, starts, ends)))
    return starts[header:], ends[header:], lines[header:]


def _sniff(
    raw: npt.NDArray[np.uint8],
    outside: npt.NDArray[np.bool_],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
) -> tuple[str, npt.NDArray[np.int64]]:
    """The delimiter whose number in the header most lines share, and the number of fields of every record."""

    def per_record(delimiter: int) -> npt.NDArray[np.int64]:
        places = np.flatnonzero((raw == delimiter) & outside)
        return np.searchsorted(places, ends) - np.searchsorted(places, starts)

    counts = {chr(delimiter): per_record(delimiter) for delimiter in _DELIMITERS}
    shared = {name: int(np.count_nonzero(count == count[0])) for name, count in counts.items() if count[0]}
    best = max(shared, key=lambda name: shared[name], default=",")
    return best, counts[best] + 1


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


def _check_names(names: list[str], where: str) -> None:
    if all(re.match(r"[+-]?[.,]?\d", name) for name in names):
        raise OstinatoError(f"{where}: {', '.join(names[:5])} look like data: the first line must name the columns")
    seen: set[str] = set()
    for number, name in enumerate(names, start=1):
        if not name:
            raise OstinatoError(f"{where}: column {number} has no name: name it in the header")
        if name in seen:
            raise OstinatoError(f"{where}: two columns are named {name!r}: rename one")
        seen.add(name)
