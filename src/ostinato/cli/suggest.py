"""`ostinato suggest`: the next word, as a keyboard suggests it."""

from pathlib import Path
from typing import Annotated

import typer

from ostinato import tasks
from ostinato.errors import OstinatoError


def suggest(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved language model.")],
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT", help="What was typed so far, in quotation marks. A space at its end begins a new word."
        ),
    ],
    k: Annotated[int, typer.Option("-k", metavar="N", min=1, help="Suggestions at most.")] = 5,
) -> None:
    """Suggest the next word, or the rest of one that is half typed.

    Example:
      ostinato suggest model/ "the weather is " -k 3
    """
    estimator = tasks.load(model)
    if not isinstance(estimator, tasks.LanguageModel):
        raise OstinatoError(f"suggest is for language models; {model} is a {type(estimator).__name__}")
    found = estimator.suggest(text, k)
    if not found:
        raise OstinatoError(
            f"no known word begins as {text.split()[-1]!r} does" if text.split() else "no word is known"
        )
    for word, probability in found:
        typer.echo(f"{probability:6.1%}  {word}")
