"""`ostinato translate`: texts in, translations out."""

from pathlib import Path
from typing import Annotated

import typer

from ostinato import tasks
from ostinato.cli.file_options import Encoding
from ostinato.cli.outputs import check_plot
from ostinato.cli.standard_input import texts_or_lines
from ostinato.errors import OstinatoError


def translate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved translator.")],
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Texts to translate; without any, or with -, the lines of standard input."),
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="LANGUAGE", help="Language to write, where the model knows several.")
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Beginnings the search keeps; 1 is fastest. As trained unless given."),
    ] = None,
    n_best: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, help="Translations of each text, each with its score before it; higher is better."
        ),
    ] = 1,
    encoding: Encoding = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PNG file to draw into what the translation of the one TEXT looked at."),
    ] = None,
) -> None:
    """Translate texts with a saved translator, one line for each; a blank text gives a blank line.

    Example:
      ostinato translate model/ "Ein Hund." --plot attention.png
      ostinato translate model/ < texts.txt > translations.txt
    """
    if plot is not None:
        check_plot(plot)
        if texts is None or len(texts) != 1:
            raise OstinatoError("--plot draws the translation of one text: give one TEXT")
    translator = tasks.load(model)
    if not isinstance(translator, tasks.Translator):
        raise OstinatoError(f"{model} is a {type(translator).__name__}, not a Translator")
    if plot is not None and translator.settings.attention is None:
        raise OstinatoError(f"--plot: {model} was trained with attention=None: there is nothing to look at")
    for chunk in texts_or_lines(texts, encoding):
        best = translator.translations(chunk, n_best, to=to, beam_size=beam)
        for one in (one for each in best for one in each):
            typer.echo(one.text if n_best == 1 else f"{one.score:.3f}\t{one.text}")
        if plot is not None:
            translator.plot_attention(best[0][0], plot)
