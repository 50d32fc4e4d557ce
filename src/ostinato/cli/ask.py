"""`ostinato ask`: orders in, replies out."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ostinato import tasks
from ostinato.errors import OstinatoError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from ostinato.tasks.assistant import Assistant


def ask(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved assistant.")],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="Recordings: WAV, FLAC, MP3, OGG, OPUS.")
    ] = None,
    mic: Annotated[bool, typer.Option("--mic", help="Listen to the microphone, until Ctrl-C.")] = False,
    threshold: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Confidence below which an order is not taken; as trained unless given."),
    ] = None,
    say: Annotated[
        Path | None, typer.Option(metavar="WAV", help="Speak the reply into a file (one FILE; ostinato[voice]).")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON: intent, slots, confidence, taken, reply, heard.")
    ] = False,
) -> None:
    """Ask an assistant: the reply to what is said in files or at the microphone, or what was not understood.

    Example:
      ostinato ask model/ order.wav
      ostinato ask model/ --mic
    """
    if mic == bool(files):
        raise OstinatoError("give recordings to answer, or --mic")
    if say is not None and (files is None or len(files) != 1):
        raise OstinatoError("--say WAV speaks the reply to one file: give one")
    if say is not None and say.suffix.lower() != ".wav":
        raise OstinatoError(f"{say}: replies are spoken into WAV files: give a .wav file")
    assistant = tasks.load(model)
    if not isinstance(assistant, tasks.Assistant):
        raise OstinatoError(f"{model} is a {type(assistant).__name__}, not an Assistant")
    if threshold is not None:
        assistant.set_params(threshold=threshold)
    told = _at_microphone(assistant) if mic else _rows(assistant.predict(files))
    for row in told:
        if as_json:
            typer.echo(json.dumps(row | {"slots": json.loads(row["slots"])}, ensure_ascii=False))
        else:
            typer.echo(row["reply"] if mic or len(files or []) == 1 else f"{row['audio']}\t{row['reply']}")
        if say is not None:
            _speak(row["reply"], assistant.settings.language, say)


def _at_microphone(assistant: "Assistant") -> "Iterator[dict[str, Any]]":
    """The answer to each order, as soon as it is said."""
    from ostinato.data import Recordings
    from ostinato.data.microphone import microphone
    from ostinato.tasks.assisting.utterances import utterances

    rate = assistant.settings.sample_rate
    assert rate is not None  # fitting has found it
    for wave in utterances(microphone(rate), rate):
        yield from _rows(assistant.predict(Recordings.of_waves([wave], rate)))


def _rows(table: "pd.DataFrame") -> "list[dict[str, Any]]":
    return [dict(zip(table.columns, row, strict=True)) for row in table.itertuples(index=False)]


def _speak(text: str, language: str, path: Path) -> None:
    import soundfile

    from ostinato.data.voice import RATE, Voice, speak

    (wave,) = speak([text], [Voice("en-us" if language == "en" else language)])
    try:
        soundfile.write(path, wave, RATE)
    except soundfile.LibsndfileError as error:
        raise OstinatoError(f"{path}: cannot be written: {error}") from None
