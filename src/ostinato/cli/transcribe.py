"""`ostinato transcribe`: recordings, or a microphone, in; texts out."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ostinato import tasks
from ostinato.errors import OstinatoError

if TYPE_CHECKING:
    from ostinato.tasks.transcription.stream import StreamText, TranscriberStream

Format = Literal["txt", "srt", "json"]

DAY = 86_400.0
"""Seconds that a file may last which is heard as a stream."""


def transcribe(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved transcriber.")],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="Recordings: WAV, FLAC, MP3, OGG, OPUS.")
    ] = None,
    mic: Annotated[bool, typer.Option("--mic", help="Write down what the microphone hears, until Ctrl-C.")] = False,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream", help="Hear files of any length as a microphone would, a text for each stretch of speech."
        ),
    ] = False,
    format: Annotated[
        Format,
        typer.Option(help="Plain text, subtitles (SubRip), or a line of JSON for each text, with times of words."),
    ] = "txt",
    n_best: Annotated[
        int, typer.Option(metavar="N", min=1, help="Also tell what else it might be: N texts, the likeliest first.")
    ] = 1,
    language_model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An ARPA file that judges what is written.")
    ] = None,
    lm_weight: Annotated[
        float | None,
        typer.Option(metavar="W", min=0, help="Of the language model; as training chose unless given."),
    ] = None,
    lexicon: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Words that alone may be written, one in each line.")
    ] = None,
    hot_words: Annotated[
        str | None, typer.Option(metavar="WORDS", help="Words or phrases to listen for, with commas between.")
    ] = None,
) -> None:
    """Write down what is said in files, one line for each; with several, the file's name and a tab before it.

    Example:
      ostinato transcribe model/ message.wav
      ostinato transcribe model/ calls/*.flac --format json > texts.jsonl
      ostinato transcribe model/ lecture.mp3 --stream --format srt > lecture.srt
      ostinato transcribe model/ --mic
    """
    if mic == bool(files):
        raise OstinatoError("give recordings to write down, or --mic")
    if format == "srt" and len(files or []) > 1:
        raise OstinatoError("--format srt: subtitles are of one recording: give one file")
    if n_best > 1 and (mic or stream or format == "srt"):
        raise OstinatoError("--n-best: other texts are told of whole recordings, as txt or json")
    transcriber = tasks.load(model)
    if not isinstance(transcriber, tasks.Transcriber):
        raise OstinatoError(f"{model} is a {type(transcriber).__name__}, not a Transcriber")
    files_given = {"language_model": language_model, "lexicon": lexicon}
    changes: dict[str, Any] = {name: str(path) for name, path in files_given.items() if path is not None}
    changes |= {} if lm_weight is None else {"lm_weight": lm_weight}
    changes |= {} if hot_words is None else {"hot_words": hot_words}
    if changes:
        transcriber.decode_with(**changes)
    if mic:
        _write_down(_at_microphone(transcriber.stream()), "microphone", format)
    elif stream:
        for file in files or []:
            _write_down(_in_file(transcriber, file), str(file), format)
    else:
        _whole(transcriber, files or [], format, n_best)


def _whole(transcriber: "tasks.Transcriber", files: list[Path], format: Format, n_best: int) -> None:
    from ostinato.tasks.transcription.formats import record, subtitles

    for file, found in zip(files, transcriber.transcribe(files, n_best=n_best), strict=True):
        best, *others = found
        if format == "json":
            typer.echo(record(str(file), best, others))
        elif format == "srt":
            typer.echo(subtitles(found), nl=False)
        else:
            named = "" if len(files) == 1 else f"{file}\t"
            for each in found:
                typer.echo(f"{named}{f'{each.confidence:.1%}' + chr(9) if n_best > 1 else ''}{each.text}")


def _write_down(heard: "Iterable[StreamText]", audio: str, format: Format) -> None:
    """Prints final texts as they come; subtitles at the end."""
    from ostinato.tasks.transcription.formats import record, subtitles

    transcripts = []
    try:
        for each in heard:
            if each.transcript is None:
                continue
            if format == "json":
                typer.echo(record(audio, each.transcript))
            elif format == "txt":
                typer.echo(f"{each.start:9.2f} s  {each.text}")
            transcripts.append(each.transcript)
    except KeyboardInterrupt:
        pass  # how a microphone is left
    if format == "srt":
        typer.echo(subtitles(transcripts), nl=False)


def _at_microphone(stream: "TranscriberStream") -> "Iterator[StreamText]":
    from ostinato.data.microphone import microphone

    for chunk in microphone(stream.rate):
        yield from stream.feed(chunk)


def _in_file(transcriber: "tasks.Transcriber", file: Path) -> "Iterator[StreamText]":
    """The texts of a file of any length, which is heard in chunks of a minute."""
    from ostinato.data.audio_checks import read_recordings

    spec = transcriber.settings.spec.model_copy(update={"max_audio_seconds": DAY})
    (clip,) = read_recordings([str(file)], spec, texts=False).clips
    stream, wave, minute = transcriber.stream(), clip.wave(), 60 * clip.rate
    for start in range(0, len(wave), minute):
        yield from stream.feed(wave[start : start + minute])
    yield from stream.flush()
