"""Pairs of texts, one a translation of the other: files or objects in memory -> checked pairs."""

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from ostinato.data.arrow import ArrowStream, framed
from ostinato.data.file_format import USUAL, FileFormat, refuse_halves
from ostinato.data.folds import Foldable
from ostinato.data.json_lines import json_objects
from ostinato.data.packed import ending_of
from ostinato.data.table import read_table
from ostinato.data.text import Text
from ostinato.errors import OstinatoError

PairSource = str | Path | tuple[str | Path, str | Path] | pd.DataFrame | ArrowStream | Sequence[Sequence[str]]
"""A file of pairs; a tuple of two files, line n of one a translation of line n of the other; a DataFrame; a list of
``(source, target)`` or ``(source, target, language)``."""

TABLES = (".csv", ".parquet", ".pq")
JSON_LINES = (".jsonl", ".ndjson")

_NO_TEXT = re.compile(r"\d+$|CC[- ]?(BY|0)\b|Public domain\b", re.IGNORECASE)


class PairColumns(NamedTuple):
    """What columns of a table, or keys of JSON lines, are called.

    Attributes:
        source: The text to translate.
        target: Its translation.
        language: The language of the translation, where there are several.
    """

    source: str = "source"
    target: str = "target"
    language: str = "language"


COLUMNS = PairColumns()


class Record(NamedTuple):
    """One row of a file: where it stands, its texts as far as asked for, its language."""

    place: str
    source: str
    target: str
    language: str | None


@dataclass(frozen=True)
class ParallelTexts(Foldable):
    """Texts and their translations. White space counts as one space, as none at the ends.

    Attributes:
        sources: The texts.
        targets: Their translations.
        languages: The language of each translation; None where none is named.
        origin: What errors call it.
        notes: What was left out.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    languages: tuple[str, ...] | None
    origin: str
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, data: "PairSource | ParallelTexts", columns: PairColumns = COLUMNS, form: FileFormat = USUAL
    ) -> "ParallelTexts":
        """Reads pairs.

        Args:
            data: A file: tab-separated, with named columns in the first line or without and then two of them, beside
                which numbers and licences may stand, as in files of Tatoeba; CSV or Parquet with named columns; JSON
                lines. Or what else `PairSource` names.
            columns: The names.
            form: How files are written.

        Raises:
            OstinatoError: For anything wrong, with file and line. Pairs with an empty side are left out and noted.
        """
        if isinstance(data, ParallelTexts):
            return data
        notes: list[str] = []
        origin, records = _records(framed(data), columns, form, notes)
        kept: list[Record] = []
        empty: list[str] = []
        for record in records:
            source, target = (_spaced(text, f"{origin}, {record.place}") for text in (record.source, record.target))
            if source and target:
                kept.append(record._replace(source=source, target=target))
            else:
                empty.append(record.place)
        if not kept:
            raise OstinatoError(f"{origin}: holds no pair of texts: give texts and their translations")
        named = [record for record in kept if record.language]
        if named and len(named) < len(kept):
            nameless = next(record for record in kept if not record.language)
            raise OstinatoError(f"{origin}, {nameless.place}: no language, where other pairs have one: name it")
        if empty:
            notes.append(f"{origin}: pairs with an empty side left out: {len(empty)} ({empty[0]} first)")
        return cls(
            tuple(record.source for record in kept),
            tuple(record.target for record in kept),
            tuple(str(record.language) for record in kept) if named else None,
            origin,
            tuple(notes),
        )

    def __len__(self) -> int:
        return len(self.sources)

    def take(self, rows: Iterable[int]) -> "ParallelTexts":
        """Some of the pairs, by their numbers."""
        rows = list(rows)
        languages = self.languages
        return replace(
            self,
            sources=tuple(self.sources[row] for row in rows),
            targets=tuple(self.targets[row] for row in rows),
            languages=None if languages is None else tuple(languages[row] for row in rows),
        )

    def fold_keys(self) -> Sequence[Hashable]:
        return self.sources

    def split(self, share: float, seed: int) -> tuple["ParallelTexts", "ParallelTexts"]:
        """Two parts; pairs with the same source stand in the same one, so that neither knows any of the other.

        Args:
            share: Of the sources that go to the second part, above 0 and below 1; each part gets at least one.
            seed: Of the choice.

        Raises:
            OstinatoError: For a share out of range, or fewer than two different sources.
        """
        if not 0 < share < 1:
            raise OstinatoError(f"share must be above 0 and below 1, got {share}")
        numbers = {source: number for number, source in enumerate(dict.fromkeys(self.sources))}
        if len(numbers) < 2:
            raise OstinatoError(f"{self.origin}: fewer than two different sources, too few for two parts: give more")
        count = min(max(round(share * len(numbers)), 1), len(numbers) - 1)
        chosen = set(np.random.default_rng(seed).permutation(len(numbers))[:count].tolist())
        second = [numbers[source] in chosen for source in self.sources]
        return (
            self.take(row for row, is_second in enumerate(second) if not is_second),
            self.take(row for row, is_second in enumerate(second) if is_second),
        )


def read_sources(
    data: str | Path | pd.DataFrame | ArrowStream | Sequence[str],
    columns: PairColumns = COLUMNS,
    form: FileFormat = USUAL,
) -> tuple[list[str], list[str] | None]:
    """Texts to translate; blank ones too, so that each stands where it stood.

    Args:
        data: A list of texts; a table or JSON lines with the source's column; a tab-separated file with named columns,
            or where each line has a tab, without, its first column; any other file, one text per line.
        columns: The names.
        form: How files are written.

    Returns:
        The texts, and the language to translate each into where a column names it.

    Raises:
        OstinatoError: For anything wrong, with file and line.
    """
    data = framed(data)
    if not isinstance(data, str | Path | pd.DataFrame):
        return list(Text.of(cast(Sequence[str], data)).texts), None
    if isinstance(data, pd.DataFrame) or ending_of(Path(data)) in (*TABLES, *JSON_LINES):
        records = list(_records(data, columns, form, [], needed=(columns.source,))[1])
    else:
        lines = list(_lines(Path(data), form))
        first = lines[0].split("\t") if lines else []
        numbered = form.header is False and len(first) > 1
        if columns.source not in first and not numbered:
            pairs = all("\t" in line for line in lines if line.strip())  # as training reads them, source first
            return [line.split("\t")[0] if pairs else line for line in lines], None
        wanted = (columns.source,)
        if numbered:
            records = list(_table(Path(data), columns, form, wanted))
        else:
            records = list(_tab_separated(Path(data), columns, form, [], wanted))
    for record in records:
        refuse_halves(record.source, record.place)
    languages = [record.language or "" for record in records]
    return [record.source for record in records], languages if any(languages) else None


def _records(
    data: PairSource,
    columns: PairColumns,
    form: FileFormat,
    notes: list[str],
    needed: Sequence[str] | None = None,
) -> tuple[str, Iterator[Record]]:
    needed = columns[:2] if needed is None else needed
    if isinstance(data, pd.DataFrame):
        return "the DataFrame", _table(data, columns, form, needed)
    if isinstance(data, str | Path):
        path = Path(data)
        if ending_of(path) in TABLES or form.quoting == "csv" or form.header is not None:
            return str(path), _table(path, columns, form, needed)
        if ending_of(path) in JSON_LINES:
            return str(path), _json_lines(path, columns, form, needed)
        return str(path), _tab_separated(path, columns, form, notes, needed)
    if isinstance(data, tuple) and len(data) == 2 and isinstance(data[0], str | Path):
        first, second = (Path(str(part)) for part in data)
        return f"{first} and {second}", _parallel(first, second, form)
    return "the pairs", _in_memory(cast(Sequence[Sequence[str]], data))


def _in_memory(pairs: Sequence[Sequence[str]]) -> Iterator[Record]:
    for number, pair in enumerate(pairs):
        if isinstance(pair, str) or len(pair) not in (2, 3) or not all(isinstance(text, str) for text in pair):
            raise OstinatoError(f"the pairs, row {number}: give (source, target) or (source, target, language) texts")
        yield Record(f"row {number}", pair[0], pair[1], pair[2] if len(pair) == 3 else None)


def _parallel(first: Path, second: Path, form: FileFormat) -> Iterator[Record]:
    sources, targets = list(_lines(first, form)), list(_lines(second, form))
    if len(sources) != len(targets):
        raise OstinatoError(
            f"{first} has {len(sources):,} lines and {second} {len(targets):,}: line n of one must be the translation "
            "of line n of the other"
        )
    for number, (source, target) in enumerate(zip(sources, targets, strict=True), 1):
        yield Record(f"line {number}", source, target, None)


def _tab_separated(
    path: Path, columns: PairColumns, form: FileFormat, notes: list[str], needed: Sequence[str]
) -> Iterator[Record]:
    lines = enumerate((line.split("\t") for line in _lines(path, form)), 1)
    filled = [(number, fields) for number, fields in lines if any(field.strip() for field in fields)]
    if not filled:
        return
    first, width = filled[0][0], len(filled[0][1])
    for number, fields in filled:
        if len(fields) != width:
            raise OstinatoError(
                f"{path}, line {number}: {len(fields)} fields separated by tabs instead of {width}: mend it"
            )
    header = [field.strip() for field in filled[0][1]]
    if set(needed) <= set(header):
        del filled[0]
    else:
        texts = _texts_of([fields for _, fields in filled])
        if len(texts) != 2:
            word = "field" if width == 1 else "fields"
            raise OstinatoError(
                f"{path}, line {first}: {width} {word} separated by tabs, and no first line that names the "
                f"columns {' and '.join(needed)}: name the columns there, or keep two of them"
            )
        if width > 2:
            others = " and ".join(str(place + 1) for place in range(width) if place not in texts)
            notes.append(f"{path}: column {others} left out: numbers or licences")
        header = [""] * width
        for place, name in zip(texts, columns, strict=False):
            header[place] = name
    for number, fields in filled:
        row = dict(zip(header, fields, strict=True))
        language = row.get(columns.language, "").strip()
        yield Record(f"line {number}", row[columns.source], row.get(columns.target, ""), language or None)


def _texts_of(rows: list[list[str]]) -> list[int]:
    """The columns that hold texts: of more than two, not those of numbers, or of licences, as Tatoeba has them."""
    places = range(len(rows[0]))
    if len(places) <= 2:
        return list(places)
    return [place for place in places if not all(_NO_TEXT.match(row[place].strip()) for row in rows)]


def _json_lines(path: Path, columns: PairColumns, form: FileFormat, needed: Sequence[str]) -> Iterator[Record]:
    _refuse_folder(path)
    for number, row in json_objects(path, form):
        for key in columns:
            value = row.get(key)
            if value is None and key in needed:
                raise OstinatoError(f"{path}, line {number}: no {key!r} (keys: {', '.join(map(str, row))})")
            if value is not None and not isinstance(value, str):
                raise OstinatoError(f"{path}, line {number}: {key!r} is {value!r}, not a text")
        yield Record(
            f"line {number}", row[columns.source], row.get(columns.target) or "", row.get(columns.language) or None
        )


def _table(
    data: Path | pd.DataFrame, columns: PairColumns, form: FileFormat, needed: Sequence[str]
) -> Iterator[Record]:
    table = read_table(data, form)
    table.require(*needed)
    texts = {name: table.texts(name).tolist() for name in columns if name in table.columns}
    nothing = [""] * len(table)
    for row in range(len(table)):
        source, target, language = (texts.get(name, nothing)[row] for name in columns)
        yield Record(table.place(row), source, target, language or None)


def _lines(path: Path, form: FileFormat) -> Iterator[str]:
    _refuse_folder(path)
    return Text.of(path, form=form).lines()


def _refuse_folder(path: Path) -> None:
    if path.is_dir():
        raise OstinatoError(f"{path}: a directory: give a file")


def _spaced(text: str, where: str) -> str:
    """A checked text, its runs of white space as one space."""
    refuse_halves(text, where)
    return " ".join(text.split())
