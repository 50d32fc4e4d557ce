"""Where recordings and their texts stand: a folder a label, a manifest, a Kaldi directory, files by name.

What is found is a list of rows, of which nothing is opened yet.
"""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pandas as pd

from ostinato.data.audio import AudioSpec
from ostinato.data.audio_files import AudioFile, archive_of, is_audio
from ostinato.data.json_lines import JSON_LINES, read_json_lines
from ostinato.data.long_table import LABEL_NAMES, named
from ostinato.data.packed import ending_of
from ostinato.data.table import Table, read_table
from ostinato.data.text import Text
from ostinato.errors import OstinatoError

AUDIO_NAMES = ("audio", "path", "file", "filename", "file_name", "audio_path", "audio_filepath", "wav", "clip")
SAID_NAMES = ("text", "sentence", "transcript", "transcription", "words")
CALLED_NAMES = (*LABEL_NAMES, "keyword", "word", "command", "digit")
_START, _END = ("start", "begin"), ("end", "stop")
_SPEAKER, _SPLIT = ("speaker", "speaker_id", "client_id"), ("split", "part", "subset")
WAV_SCP = "wav.scp"
"""The file that makes a folder a Kaldi directory."""

AudioSource = str | Path | pd.DataFrame | Table | Sequence[str | Path]


class Row(NamedTuple):
    """A recording, before it is opened.

    Attributes:
        file: Where it lies.
        name: What a table calls it.
        place: Where it was read.
        text: What is said, or its label; None where there is none.
        start: Second at which it begins.
        end: Second at which it ends; None for the end of the file.
        speaker: Who speaks, or empty.
        split: Its part, or empty.
        fault: What is wrong with the row itself; empty for nothing.
    """

    file: AudioFile
    name: str
    place: str
    text: str | None = None
    start: float = 0.0
    end: float | None = None
    speaker: str = ""
    split: str = ""
    fault: str = ""


class Found(NamedTuple):
    """What a source holds.

    Attributes:
        origin: What errors call it.
        rows: Its recordings.
        spec: How it was read.
        notes: What was left alone.
    """

    origin: str
    rows: list[Row]
    spec: AudioSpec
    notes: tuple[str, ...] = ()


def is_audio_source(source: object) -> bool:
    """Whether a folder, a table or the name of a file is one of recordings.

    A folder is where most files in it are named as those of audio are, a table where the first it names is.
    """
    if isinstance(source, Table):
        column = named(source, AUDIO_NAMES)
        return column is not None and any(is_audio(str(name)) for name in source.texts(column)[:1])
    if not isinstance(source, str | Path):
        return False
    path = Path(source)
    if path.is_dir():
        named_so = [is_audio(file) for file in path.rglob("*") if file.is_file() and file.name[0] != "."]
        return (path / WAV_SCP).is_file() or 2 * sum(named_so) > len(named_so)
    return is_audio(path)


def rows_of(source: AudioSource, spec: AudioSpec, *, texts: bool) -> Found:
    """The rows of a source, which is not opened yet.

    Args:
        source: A folder with a folder for each text, or a Kaldi directory (`wav.scp`, and `text`, `utt2spk`,
            `segments` as far as they are there); a manifest: CSV, TSV or JSON lines, whose files lie beside it or in a
            zip beside it; a DataFrame, whose files lie where it says; a file of audio; or a list of such.
        spec: How to read it.
        texts: Whether every row needs a text.

    Raises:
        OstinatoError: There are no such files, or a text is asked for and there is no place for one.
    """
    if isinstance(source, str | Path) and Path(source).is_dir():
        path = Path(source)
        if (path / WAV_SCP).is_file():
            return Found(str(path), _kaldi(path, texts), spec)
        return _folders(path, spec, texts)
    if isinstance(source, str | Path) and is_audio(source):
        source = [source]
    if isinstance(source, str | Path | pd.DataFrame | Table):
        table = _table(source, spec)
        spec = _found_columns(table, spec, texts)
        beside = Path(table.origin).parent if Path(table.origin).is_file() else Path()
        return Found(table.origin, list(_manifest(table, spec, beside)), spec)
    if texts:
        raise OstinatoError("the files: no texts: give a folder for each text, or a manifest")
    rows = [Row(AudioFile(Path(file)), str(file), f"item {number}") for number, file in enumerate(source)]
    return Found("the files", rows, spec)


def _table(source: str | Path | pd.DataFrame | Table, spec: AudioSpec) -> Table:
    if isinstance(source, str | Path):
        path = Path(source)
        if ending_of(path) in JSON_LINES:
            return read_json_lines(path, spec.form)
        if ending_of(path) == ".zip":
            raise OstinatoError(f"{path}: a zip: give the table beside it that names its members")
    return read_table(source, spec.form)


def _folders(path: Path, spec: AudioSpec, texts: bool) -> Found:
    every = [(file, file.relative_to(path)) for file in Text.of(path).paths]
    files = [(file, inside) for file, inside in every if is_audio(file)]
    if not files:
        raise OstinatoError(f"{path}: the folder holds no file of audio")
    stray = [file for file, inside in files if len(inside.parts) == 1]
    if texts and stray:
        raise OstinatoError(f"{stray[0]}: a file beside the folders of the labels: move it into one, or away")
    rows = [
        Row(AudioFile(file), str(inside), str(inside), None if stray else inside.parts[0]) for file, inside in files
    ]
    others = [str(inside) for file, inside in every if not is_audio(file)]
    if not others:
        return Found(str(path), rows, spec)
    left = f"{len(others):,} of {len(every):,} files are no audio by their names, and left alone, such as {others[0]}"
    return Found(str(path), rows, spec, (left,))


def _found_columns(table: Table, spec: AudioSpec, texts: bool) -> AudioSpec:
    audio = spec.audio or named(table, AUDIO_NAMES)
    if audio is None:
        raise table.error(f"no column is named as files of audio are ({', '.join(AUDIO_NAMES)}): say which, audio=...")
    usual = SAID_NAMES if spec.transcripts else CALLED_NAMES
    text = spec.text or named(table, usual)
    if text is None and texts:
        what, setting = ("texts", "text") if spec.transcripts else ("labels", "label")
        raise table.error(f"no column is named as {what} are ({', '.join(usual)}): say which, {setting}=...")
    if not texts and text not in table.columns:
        text = None
    table.require(audio, *(() if text is None else (text,)))
    return spec.model_copy(update={"audio": audio, "text": text or spec.text})


def _manifest(table: Table, spec: AudioSpec, beside: Path) -> Iterator[Row]:
    assert spec.audio is not None
    others = [name for name in table.columns if name not in (spec.audio, spec.text)]
    left = Table(table.frame[others], table.origin, table.lines, table.delimiter, table.decimal, table.thousands)
    speaker, split, start, end = (named(left, usual) for usual in (_SPEAKER, _SPLIT, _START, _END))
    nothing = [""] * len(table)
    files = table.texts(spec.audio).tolist()
    said = table.texts(spec.text).tolist() if spec.text in table.columns else None
    speakers = nothing if speaker is None else table.texts(speaker).tolist()
    splits = nothing if split is None else table.texts(split).tolist()
    starts, ends = (None if name is None else table.numbers([name])[:, 0].tolist() for name in (start, end))
    zips = _Beside(beside, table.origin)
    for row, name in enumerate(files):
        first = 0.0 if starts is None or starts[row] != starts[row] else starts[row]
        last = None if ends is None or ends[row] != ends[row] else ends[row]
        yield Row(
            file=zips.file(name),
            name=name,
            place=table.place(row),
            text=None if said is None else said[row],
            start=first,
            end=last,
            speaker=speakers[row],
            split=splits[row],
            fault=_fault(name, first, last),
        )


def _fault(name: str, start: float, end: float | None) -> str:
    if not name:
        return "no file is named"
    if start < 0 or (end is not None and end <= start):
        return f"begins at second {start:g} and ends at {'the end' if end is None else format(end, 'g')}"
    return ""


class _Beside:
    """The files beside a manifest, and those in the zips there, which are looked into once.

    Args:
        folder: Of the manifest.
        origin: The manifest's name, whose stem the zip may have.
    """

    def __init__(self, folder: Path, origin: str) -> None:
        self.folder = folder
        named_so = folder / f"{Path(origin).stem}.zip"
        self.zips = [named_so] if named_so.is_file() else sorted(folder.glob("*.zip"))
        self.members: dict[str, Path] | None = None

    def file(self, name: str) -> AudioFile:
        """Where the file of this name lies; that beside the manifest where there is none."""
        plain = self.folder / name
        if not self.zips or plain.is_file():
            return AudioFile(plain)
        if self.members is None:
            self.members = {member: path for path in reversed(self.zips) for member in _members(path)}
        member = str(PurePosixPath(name.replace("\\", "/")))
        return AudioFile(self.members[member], member) if member in self.members else AudioFile(plain)


def _members(path: Path) -> list[str]:
    try:
        return archive_of(path).namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise OstinatoError(f"{path}: not a readable zip: {error}") from None


def _kaldi(path: Path, texts: bool) -> list[Row]:
    """The utterances of a Kaldi directory: https://kaldi-asr.org/doc/data_prep.html."""
    files = {key: _scp(path, key, rest, line) for line, key, rest in _lines(path / WAV_SCP)}
    said, speakers = (
        {key: rest for _, key, rest in _lines(path / name)} if (path / name).is_file() else None
        for name in ("text", "utt2spk")
    )
    if said is None and texts:
        raise OstinatoError(f"{path}: no file 'text' with a text for each utterance")
    utterances: list[tuple[str, str, float, float | None, str, str]] = [
        (key, key, 0.0, None, "", f"utterance {key}") for key in files
    ]
    if (path / "segments").is_file():
        utterances = [_segment(path, key, rest, line) for line, key, rest in _lines(path / "segments")]
    return [
        Row(
            file=files.get(recording, AudioFile(path / recording)),
            name=key,
            place=place,
            text=None if said is None else said.get(key, ""),
            start=start,
            end=end,
            speaker="" if speakers is None else speakers.get(key, ""),
            fault=fault or ("" if recording in files else f"{WAV_SCP} has no recording {recording!r}"),
        )
        for key, recording, start, end, fault, place in utterances
    ]


def _scp(path: Path, key: str, rest: str, line: int) -> AudioFile:
    if rest.endswith("|"):
        raise OstinatoError(
            f"{path / WAV_SCP}, line {line}: a pipe, {rest[:60]!r}: commands are not run: name the file that it reads"
        )
    given = Path(rest)
    near = path / given
    return AudioFile(near if given.is_absolute() or near.is_file() or not given.is_file() else given)


def _segment(path: Path, key: str, rest: str, line: int) -> tuple[str, str, float, float | None, str, str]:
    place = f"segments, line {line}"
    try:
        recording, start, end = rest.split()
        first, last = float(start), float(end)
    except ValueError:
        raise OstinatoError(
            f"{path / 'segments'}, line {line}: not an utterance, a recording, its begin and end"
        ) from None
    last_or_none = None if last == -1 else last  # Kaldi's sign for the end of the recording
    return key, recording, first, last_or_none, _fault(recording, first, last_or_none), place


def _lines(path: Path) -> Iterator[tuple[int, str, str]]:
    """The number, the first word and the rest of each filled line, whose first words differ."""
    seen: dict[str, int] = {}
    for number, line in enumerate(Text.of(path).lines(), 1):
        key, _, rest = line.strip().partition(" ")
        if not key:
            continue
        if key in seen:
            raise OstinatoError(f"{path}, line {number}: {key!r} again, as in line {seen[key]}: remove one of the two")
        seen[key] = number
        yield number, key, rest.strip()
