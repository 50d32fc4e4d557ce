"""`ostinato demo`: real data that come with the package, from file to result."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from ostinato.errors import OstinatoError

DEMOS = {
    "co2": ("forecaster", "weekly carbon dioxide in the air"),
    "sunspots": ("forecaster", "their number, yearly"),
    "sentiment": ("classifier", "reviews that praise or blame"),
    "tags": ("tagger", "names in sentences"),
    "language": ("language", "Python's own source, to write some more"),
    "chat": ("chatbot", "what is said at the counter of a music shop"),
    "translation": ("translator", "dates in English to other languages"),
    "memory": ("memory", "who remembers how long: cells and their gradients"),
}
"""Which task a demo is of, and what its data are."""


def demo(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="; ".join(f"{name}: {about}" for name, (_, about) in DEMOS.items()) + "."),
    ] = "co2",
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder for the model, what it makes and a copy of the data.")
    ] = Path("demo"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a training that was interrupted.")] = False,
) -> None:
    """See it work on real data that come with the package.

    Trains a model, prints its scores next to those of simple baselines, saves the model and the data.

    Example:
      ostinato demo sunspots --out demo/
    """
    if name not in DEMOS:
        raise OstinatoError(f"no demo {name!r}: choose one of {', '.join(DEMOS)}")
    import_module(f"ostinato.cli.tasks.{DEMOS[name][0]}").demo(name, out, resume)
