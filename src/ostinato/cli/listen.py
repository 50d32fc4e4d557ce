"""`ostinato listen`: keywords, as they are heard in a stream."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ostinato import tasks
from ostinato.errors import OstinatoError

if TYPE_CHECKING:
    from ostinato.tasks.classification.keyword_stream import Detection, KeywordStream


def listen(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="Folder of a classifier that was fitted with --streaming.")
    ],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="Recordings of any length: WAV, FLAC, MP3, OGG, OPUS.")
    ] = None,
    mic: Annotated[bool, typer.Option("--mic", help="Listen to the microphone, until Ctrl-C.")] = False,
    threshold: Annotated[
        float | None,
        typer.Option(metavar="P", help="How sure a keyword must be, 0 to 1; unless given what training chose."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON for each: keyword, seconds, confidence, audio.")
    ] = False,
) -> None:
    """Hear keywords in files or at the microphone, and print each as soon as it is told: when, what, how sure.

    Example:
      ostinato listen model/ evening.flac
      ostinato listen model/ --mic
    """
    if mic == bool(files):
        raise OstinatoError("give recordings to listen to, or --mic")
    classifier = tasks.load(model)
    if not isinstance(classifier, tasks.SequenceClassifier):
        raise OstinatoError(f"{model} is a {type(classifier).__name__}, not a SequenceClassifier")
    stream = classifier.stream(threshold=threshold)
    if mic:
        for told in _at_microphone(stream):
            typer.echo(_line(told, None, as_json))
    for file in files or []:
        for told in _in_file(stream, file):
            typer.echo(_line(told, file if as_json or len(files or []) > 1 else None, as_json))


def _at_microphone(stream: "KeywordStream") -> "Iterator[Detection]":
    from ostinato.data.microphone import microphone

    for chunk in microphone(stream.rate):
        yield from stream.feed(chunk)


def _in_file(stream: "KeywordStream", file: Path) -> "Iterator[Detection]":
    """The keywords of a file, which is read in chunks of a minute."""
    from ostinato.tasks.classification.distractors import read_background

    (clip,) = read_background([str(file)], stream.rate)
    wave, minute = clip.wave(), 60 * stream.rate
    for start in range(0, len(wave), minute):
        yield from stream.feed(wave[start : start + minute])
    yield from stream.flush()


def _line(told: "Detection", file: Path | None, as_json: bool) -> str:
    """What is printed of a keyword."""
    if as_json:
        return json.dumps(told._asdict() | ({} if file is None else {"audio": str(file)}), ensure_ascii=False)
    named = "" if file is None else f"{file}\t"
    return f"{named}{told.seconds:9.2f} s  {told.keyword}  {told.confidence:.1%}"
