"""The command line: commands, and how errors and Ctrl-C end them."""

import sys

import typer

from ostinato.cli import demo, evaluate, fit, info, predict
from ostinato.errors import OstinatoError
from ostinato.training import Interrupted

app = typer.Typer(
    name="ostinato",
    help="Recurrent neural networks from your own files: fit a model, see its honest score, use it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.add_typer(fit.app, name="fit")
app.command("predict")(predict.predict)
app.command("evaluate")(evaluate.evaluate)
app.command("demo")(demo.demo)
app.command("info")(info.info)


def main() -> None:
    """Runs the command; bad input ends it with one line on stderr and exit code 2, Ctrl-C with 130."""
    try:
        app()
    except OstinatoError as error:
        typer.secho(f"error: {error}", err=True, fg="red" if sys.stderr.isatty() else None)
        sys.exit(2)
    except Interrupted as interrupted:
        typer.echo(f"interrupted: {interrupted}", err=True)
        sys.exit(130)
