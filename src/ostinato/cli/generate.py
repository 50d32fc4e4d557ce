"""`ostinato generate`: let a language model write."""

from pathlib import Path
from typing import Annotated

import typer

from ostinato import tasks
from ostinato.errors import OstinatoError


def generate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved language model.")],
    prompt: Annotated[
        str,
        typer.Option(metavar="TEXT", help="Text to go on from; a model trained with --reverse leads up to it."),
    ] = "",
    length: Annotated[
        int, typer.Option(metavar="N", min=0, help="Units to write at most: characters, bytes, words or pieces.")
    ] = 200,
    temperature: Annotated[
        float, typer.Option(metavar="X", help="Above 0; below 1 the likely becomes likelier, above 1 bolder.")
    ] = 1.0,
    top_k: Annotated[int | None, typer.Option(metavar="N", help="Draw from the so many likeliest units only.")] = None,
    top_p: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Draw from the likeliest units only, as many as hold this probability."),
    ] = 1.0,
    stop: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Text at which to stop; it is not written. Repeatable.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="The same seed writes the same text again.")
    ] = None,
) -> None:
    """Let a language model write; the text comes as it is written.

    Example:
      ostinato generate model/ --prompt "ROMEO:" --length 300 --temperature 0.8
    """
    estimator = tasks.load(model)
    if not isinstance(estimator, tasks.LanguageModel):
        raise OstinatoError(f"generate is for language models; {model} is a {type(estimator).__name__}")
    pieces = estimator.generate(
        prompt, length=length, temperature=temperature, top_k=top_k, top_p=top_p, stop=stop, seed=seed
    )
    backward = estimator.settings.reverse
    if not backward:
        typer.echo(prompt, nl=False)
    for piece in pieces:
        typer.echo(piece, nl=False)
    typer.echo(prompt if backward else "")
