"""Labelled sequences from files: tables, lines of label and text, a folder per class, long tables, recordings."""

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from ostinato.data.arrow import ArrowStream, framed
from ostinato.data.audio import AudioSpec, Recordings
from ostinato.data.audio_checks import read_recordings
from ostinato.data.audio_sources import is_audio_source
from ostinato.data.delimited import NotATableError
from ostinato.data.file_format import refuse_halves
from ostinato.data.json_lines import JSON_LINES, read_json_lines
from ostinato.data.labelled import LabelledSequences, LabelledSpec
from ostinato.data.labels import Label, flagged, listed_column, read_label, separated_column
from ostinato.data.long_table import ID_NAMES, LABEL_NAMES, LongTable, named, whole_texts
from ostinato.data.packed import ending_of
from ostinato.data.table import Table, canonical, read_table
from ostinato.data.text import Text
from ostinato.errors import OstinatoError

LabelledSource = str | Path | pd.DataFrame | ArrowStream | Table | LabelledSequences | Recordings | Sequence[Any]
"""A path, a DataFrame (or one of polars or pyarrow), a list of texts or arrays, or such a list and one of labels as a
tuple."""

TEXT_NAMES = ("text", "sentence", "review", "content", "message", "comment", "tweet", "body", "document")

_PERHAPS_LINES = "(if it holds lines of label and text: layout=lines)"
_TAB, _WHITE = re.compile("\t"), re.compile("[ \t]")


def read_labelled(
    source: LabelledSource,
    spec: LabelledSpec | None = None,
    *,
    labels: bool = True,
    known: Collection[str] = (),
) -> LabelledSequences:
    """Reads labelled sequences.

    Args:
        source: See `LabelledSource`; a plain text file with ``spec.layout="lines"``.
        spec: How to read it.
        labels: Whether every sequence needs a label, and a text. Without, the labels that are there are read, in a file
            of lines the labels are taken off where every line begins with one of `known`, and blank texts are kept.
        known: Labels that may be there.

    Returns:
        The sequences; their `spec` has what was found filled in.

    Raises:
        OstinatoError: For anything wrong, with file, line and column.

    Example:
        >>> import pandas as pd
        >>> from ostinato.data import LabelledSpec, read_labelled
        >>> table = pd.DataFrame({"review": ["far from dull", "hardly good"], "stars": [5, 2]})
        >>> read_labelled(table, LabelledSpec(text="review", label="stars")).labels
        ('5', '2')
    """
    source, spec = framed(source), spec or LabelledSpec()
    if spec.labels and spec.label:
        raise OstinatoError(f"label={spec.label!r} and labels={','.join(spec.labels)}: give one column, or several")
    if twice := [name for place, name in enumerate(spec.labels) if name in spec.labels[:place]]:
        raise OstinatoError(f"labels={','.join(spec.labels)}: {twice[0]!r} is named twice: name each column once")
    if isinstance(source, LabelledSequences):
        read = source
    elif isinstance(source, Recordings) or spec.layout == "audio" or (spec.layout is None and is_audio_source(source)):
        read = _recordings(source, spec, labels)
    elif isinstance(source, str | Path) and (Path(source).is_dir() or spec.layout == "folders"):
        read = _folders(Path(source), spec, labels)
    elif isinstance(source, str | Path) and spec.layout == "lines":
        read = _lines(Path(source), spec, labels, known)
    elif isinstance(source, str | Path | pd.DataFrame | Table):
        table = _table(source, spec)
        audible = spec.layout is None and spec.text is None and is_audio_source(table)
        read = _recordings(table, spec, labels) if audible else _from_table(table, spec, labels)
    else:
        read = _memory(cast(Sequence[Any], source), spec.label_separator)
    if labels:
        read.require_labels()
    return read


def _recordings(source: Any, spec: LabelledSpec, needed: bool) -> LabelledSequences:
    asked = AudioSpec(
        audio=spec.audio,
        text=spec.label,
        transcripts=False,
        sample_rate=spec.sample_rate,
        skip_bad=spec.skip_bad,
        form=spec.form,
    )
    if spec.max_audio_seconds is not None:
        asked = asked.model_copy(update={"max_audio_seconds": spec.max_audio_seconds})
    if spec.labels:
        raise OstinatoError(f"labels={','.join(spec.labels)}: recordings have one column of labels: give label=...")
    read = read_recordings(source, asked, texts=needed)
    labels: tuple[Label, ...] | None = None if read.texts is None else tuple(map(canonical, read.texts))
    if labels is not None and spec.label_separator is not None:
        told = zip(read.texts or (), read.places, strict=True)
        labels = tuple(read_label(text, spec.label_separator, f"{read.origin}, {place}") for text, place in told)
    found = {"layout": "audio", "audio": read.spec.audio, "label": read.spec.text}
    rate = read.clips[0].rate
    return LabelledSequences(
        items=read.clips,
        labels=labels,
        names=read.names,
        places=read.places,
        origin=read.origin,
        spec=spec.model_copy(update=found | {"sample_rate": rate}),
        notes=read.notes,
    )


def _memory(source: Sequence[Any], separator: str | None) -> LabelledSequences:
    pair = isinstance(source, tuple) and len(source) == 2 and not isinstance(source[0], str)
    items, labels = source if pair else (source, None)
    if isinstance(items, np.ndarray) and items.ndim < 2:
        items = items.tolist()
    if len(items) and not isinstance(items[0], str):
        return LabelledSequences.of_arrays(items, labels, separator)
    return LabelledSequences.of_texts(items, labels, separator)


def _table(source: str | Path | pd.DataFrame | Table, spec: LabelledSpec) -> Table:
    if isinstance(source, str | Path) and ending_of(Path(source)) in JSON_LINES:
        return read_json_lines(Path(source), spec.form)
    try:
        return read_table(source, spec.form)
    except NotATableError as error:
        if spec.layout is None:
            raise OstinatoError(f"{error} {_PERHAPS_LINES}") from None
        raise


def _from_table(table: Table, spec: LabelledSpec, labels: bool) -> LabelledSequences:
    layout = spec.layout
    if layout is None:
        ids = named(table, ID_NAMES) is not None and named(table, TEXT_NAMES) is None and spec.text is None
        layout = "sequences" if spec.id or spec.features or ids else "table"
    read = _sequences if layout == "sequences" else _texts
    return read(table, spec.model_copy(update={"layout": layout}), labels)


def _label_columns(table: Table, spec: LabelledSpec, needed: bool) -> tuple[str, ...]:
    """The column of labels, or those of 0 and 1 for one label each; none where there is none and none is needed."""
    column = spec.label or named(table, LABEL_NAMES)
    columns = spec.labels or (() if column is None else (column,))
    if not columns and needed:
        perhaps = f" {_PERHAPS_LINES}" if table.lines is not None and len(table.columns) <= 2 else ""
        raise table.error(f"no column is named as labels are ({', '.join(LABEL_NAMES)}): say which, label=...{perhaps}")
    if not needed and not set(columns) <= set(table.columns):
        return ()
    table.require(*columns)
    return columns


def _texts(table: Table, spec: LabelledSpec, needed: bool) -> LabelledSequences:
    columns = _label_columns(table, spec, needed)
    others = [name for name in table.columns if name not in columns]
    text = spec.text or named(table, TEXT_NAMES) or (others[0] if len(others) == 1 else None)
    if text is None:
        raise table.error(f"no column is named as texts are ({', '.join(TEXT_NAMES)}): say which, text=...")
    if spec.text not in (None, *table.columns) and len(table.columns) == 1 and table.lines is not None:
        what = f"the first line, {table.columns[0]!r}, is no column {spec.text!r}: write {spec.text} above the texts"
        raise table.error(what)
    if text in columns:
        raise table.error("the column is to be both text and label: name two columns", column=text)
    texts = [str(value) for value in table.texts(text)]
    if needed and "" in texts:
        raise table.error("the text is empty: fill it in or leave the row out", row=texts.index(""), column=text)
    for row, value in enumerate(texts):
        refuse_halves(value, f"{table.origin}, {table.place(row)}")
    return LabelledSequences(
        items=tuple(texts),
        labels=_labels(table, spec, columns, needed),
        names=tuple(texts),
        places=tuple(table.place(row) for row in range(len(table))),
        origin=table.origin,
        spec=spec.model_copy(update={"text": text, "label": _found_label(spec, columns)}),
    )


def _found_label(spec: LabelledSpec, columns: tuple[str, ...]) -> str | None:
    return columns[0] if columns and not spec.labels else spec.label


def _labels(table: Table, spec: LabelledSpec, columns: tuple[str, ...], needed: bool) -> tuple[Label, ...] | None:
    """Of each row. Where they are not needed, none if one is missing, or if there may be several."""
    if not columns or (not needed and spec.several):
        return None
    if spec.labels:
        return flagged(table, columns)
    if (listed := listed_column(table, columns[0])) is not None:
        return listed
    if not needed and "" in table.texts(columns[0]):
        return None
    if spec.label_separator:
        return separated_column(table, columns[0], spec.label_separator)
    return tuple(whole_texts(table, columns[0], "label"))


def _sequences(table: Table, spec: LabelledSpec, needed: bool) -> LabelledSequences:
    id_ = spec.id or named(table, ID_NAMES)
    if id_ is None:
        raise table.error(f"no column is named as ids are ({', '.join(ID_NAMES)}): say which, id=...")
    columns = _label_columns(table, spec, needed)
    long = LongTable.read(table, id_, spec.time, columns, spec.features)
    labels = _labels(table, spec, columns, needed)
    return LabelledSequences(
        items=long.values,
        labels=None if labels is None else tuple(_constant_labels(table, columns, labels, long)),
        names=long.ids,
        places=tuple(f"{id_} {name!r}" for name in long.ids),
        origin=table.origin,
        features=long.columns["features"],
        spec=spec.model_copy(update=long.columns | {"label": _found_label(spec, columns)}),
    )


def _constant_labels(
    table: Table, columns: tuple[str, ...], labels: tuple[Label, ...], long: LongTable
) -> Iterator[Label]:
    for name, rows in zip(long.ids, map(np.sort, long.rows), strict=True):
        first = labels[rows[0]]
        for row in rows:
            if labels[row] != first:
                what = f"{labels[row]!r}, while {name!r} has {first!r} in another row: a sequence has the same in all"
                raise table.error(what, row=int(row), column=columns[0] if len(columns) == 1 else None)
        yield first


def _lines(path: Path, spec: LabelledSpec, needed: bool, known: Collection[str]) -> LabelledSequences:
    _refuse_columns(path, spec)
    strip = str.rstrip if spec.label_separator else str.strip  # a line that begins with white space has no label
    lines = [(number, strip(line)) for number, line in enumerate(Text.of(path, form=spec.form).lines(), 1)]
    filled = [(number, line) for number, line in lines if line]
    if not filled:
        raise OstinatoError(f"{path}: the file is empty: give lines of label and text")
    mark = _TAB if all("\t" in line for _, line in filled) else _WHITE
    parted = {number: _parted(line, mark) for number, line in filled}
    labelled = needed or all(_are_known(label, spec, known) and text for label, text in parted.values())
    for number, (_, text) in parted.items():
        if labelled and not text:
            raise OstinatoError(f"{path}, line {number}: no text after the label: write label, a space, the text")
    kept = filled if needed else lines  # what is only read to be predicted has its blank lines, too
    parts = [parted.get(number, ("", "")) for number, _ in kept]
    texts = tuple(text for _, text in parts) if labelled else tuple(line.strip() for _, line in kept)
    places = tuple(f"line {number}" for number, _ in kept)
    labels = (
        read_label(label, spec.label_separator, f"{path}, {place}")
        for (label, _), place in zip(parts, places, strict=True)
    )
    return LabelledSequences(
        items=texts,
        labels=tuple(labels) if labelled else None,
        names=texts,
        places=places,
        origin=str(path),
        spec=spec,
    )


def _parted(line: str, mark: re.Pattern[str]) -> tuple[str, str]:
    """Label and text of a line; the text is empty where there is none."""
    label, *rest = mark.split(line, 1)
    return label.strip(), "".join(rest).strip()


def _are_known(text: str, spec: LabelledSpec, known: Collection[str]) -> bool:
    """Whether a text is a known label; with a separator, whether all that it holds are, if any."""
    labels = text.split(spec.label_separator) if spec.label_separator else [text]
    return not text or all(label.strip() in known for label in labels)


def _refuse_columns(path: Path, spec: LabelledSpec) -> None:
    if spec.labels:
        raise OstinatoError(f"{path}: no table, and labels={','.join(spec.labels)} are columns of one")


def _folders(path: Path, spec: LabelledSpec, needed: bool) -> LabelledSequences:
    if spec.layout not in (None, "folders"):
        what = "a file of lines" if spec.layout == "lines" else "a table"
        raise OstinatoError(f"{path}: a folder, where {what} should be, as layout={spec.layout!r} says: give a file")
    _refuse_columns(path, spec)
    files = [(file, file.relative_to(path)) for file in Text.of(path).paths]
    stray = [file for file, inside in files if len(inside.parts) == 1]
    if needed and stray:
        raise OstinatoError(f"{stray[0]}: a file beside the folders of the classes: move it into one, or away")
    texts = ["".join(Text((file,), form=spec.form).pieces()).strip() for file, _ in files]
    if "" in texts:
        raise OstinatoError(f"{files[texts.index('')][0]}: the text is empty: fill it in or remove the file")
    return LabelledSequences(
        items=tuple(texts),
        labels=None
        if stray
        else tuple(read_label(inside.parts[0], spec.label_separator, str(file)) for file, inside in files),
        names=tuple(str(inside) for _, inside in files),
        places=tuple(str(inside) for _, inside in files),
        origin=str(path),
        spec=spec.model_copy(update={"layout": "folders"}),
    )
