"""The command line: its commands, and how errors end them.

Torch, pandas and matplotlib are imported inside the commands that need them, so that help comes at once.
"""

import os
import sys
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ostinato import __version__
from ostinato.cli import (
    ask,
    bench,
    chat,
    demo,
    detect,
    doctor,
    evaluate,
    explain,
    fit,
    generate,
    info,
    listen,
    predict,
    suggest,
    tag,
    transcribe,
    translate,
)
from ostinato.cli.command import Command
from ostinato.errors import OstinatoError


class Commands(TyperGroup):
    """The commands in the order in which a newcomer meets them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [
            "demo",
            "fit",
            "predict",
            "detect",
            "tag",
            "translate",
            "transcribe",
            "listen",
            "ask",
            "chat",
            "evaluate",
            "generate",
            "suggest",
            "explain",
            "doctor",
            "info",
            "bench",
        ]


app = typer.Typer(
    name="ostinato",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(fit.app, name="fit")
app.command("predict", cls=Command, no_args_is_help=True)(predict.predict)
app.command("detect", cls=Command, no_args_is_help=True)(detect.detect)
app.command("tag", cls=Command, no_args_is_help=True)(tag.tag)
app.command("translate", cls=Command, no_args_is_help=True)(translate.translate)
app.command("transcribe", cls=Command, no_args_is_help=True)(transcribe.transcribe)
app.command("listen", cls=Command, no_args_is_help=True)(listen.listen)
app.command("ask", cls=Command, no_args_is_help=True)(ask.ask)
app.command("chat", cls=Command, no_args_is_help=True)(chat.chat)
app.command("evaluate", cls=Command, no_args_is_help=True)(evaluate.evaluate)
app.command("explain", cls=Command, no_args_is_help=True)(explain.explain)
app.command("generate", cls=Command, no_args_is_help=True)(generate.generate)
app.command("suggest", cls=Command, no_args_is_help=True)(suggest.suggest)
app.command("demo", cls=Command)(demo.demo)
app.command("doctor", cls=Command, no_args_is_help=True)(doctor.doctor)
app.command("info", cls=Command, no_args_is_help=True)(info.info)
app.command("bench", cls=Command, no_args_is_help=True)(bench.bench)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"ostinato {__version__}")
        raise typer.Exit


@app.callback()
def ostinato(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Recurrent neural networks from your own files: fit a model, see its honest score, use it.

    A first look, without data of your own: ostinato demo
    """


def main() -> None:
    """Runs the command; bad input ends it with one line on stderr and exit code 2, Ctrl-C with 130."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a name of a file may be any bytes, a terminal may know few characters
            stream.reconfigure(errors="surrogateescape" if stream.encoding.lower() == "utf-8" else "backslashreplace")
    try:
        sys.exit(app(standalone_mode=False))
    except OstinatoError as error:
        _fail(str(error))
    except OSError as error:  # a full disk, say
        _fail(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error))
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        # No message: the command was called without arguments, and its help is shown already.
        if message := error.format_message():
            _fail(f"{message} (see: {context.command_path} --help)" if context else message)
        sys.exit(2)


def _fail(message: str) -> None:
    main = os.environ.get("LOCAL_RANK", "0") == "0"  # torchrun's other processes would only say it again
    if main and sys.stderr is not None:  # it may be closed
        line = " ".join(part.strip() for part in message.splitlines())
        typer.secho(f"error: {line}", err=True, fg="red" if sys.stderr.isatty() else None)
    sys.exit(2)
