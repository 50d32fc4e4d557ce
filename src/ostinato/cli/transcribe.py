"""`ostinato transcribe`: recordings in, texts out."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ostinato import tasks
from ostinato.errors import OstinatoError


def transcribe(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved transcriber.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Recordings: WAV, FLAC, MP3, OGG, OPUS.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON for each file: audio, text, confidence.")
    ] = False,
) -> None:
    """Write down what is said in files, one line for each; with several, the file's name and a tab before it.

    Example:
      ostinato transcribe model/ message.wav
      ostinato transcribe model/ calls/*.flac --json > texts.jsonl
    """
    transcriber = tasks.load(model)
    if not isinstance(transcriber, tasks.Transcriber):
        raise OstinatoError(f"{model} is a {type(transcriber).__name__}, not a Transcriber")
    for told in transcriber.predict(files).to_dict("records"):
        if as_json:
            typer.echo(json.dumps(told, ensure_ascii=False))
        else:
            typer.echo(told["text"] if len(files) == 1 else f"{told['audio']}\t{told['text']}")
