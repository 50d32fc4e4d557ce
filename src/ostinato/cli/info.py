"""`ostinato info`: what a saved model is, or what cells are compiled with here."""

from pathlib import Path
from typing import Annotated

import typer

from ostinato.cli.screen import screen, show_scores
from ostinato.errors import OstinatoError


def info(
    model: Annotated[Path | None, typer.Argument(metavar="MODEL", help="Folder of a saved model.")] = None,
    engine: Annotated[
        bool, typer.Option("--engine", help="Instead: the processor, compiler and cache, and whether cells compile.")
    ] = False,
) -> None:
    """Say what a saved model is: its task, size, settings and scores, and what it was made with.

    Example:
      ostinato info model/
      ostinato info --engine
    """
    if model is not None and not engine:
        _tell_of_model(model)
    elif engine and model is None:
        _tell_of_engine()
    else:
        raise OstinatoError("give the folder of a model, or --engine")


def _tell_of_engine() -> None:
    from ostinato.engine.ahead import surroundings

    console = screen()
    for what, text in surroundings().items():
        console.print(f"{what:10} {text}", soft_wrap=True)


def _tell_of_model(model: Path) -> None:
    from ostinato.manifest import kind_in
    from ostinato.tasks.registry import kinds

    verb = kinds()[kind_in(model, kinds())]  # before torch is imported: a folder that holds no model is told at once

    from ostinato.bundle import load_bundle
    from ostinato.cells import CELLS
    from ostinato.cli.command import as_typed
    from ostinato.cli.listing import settings_of
    from ostinato.cli.options import spellings_of
    from ostinato.tasks.registry import load
    from ostinato.tasks.score_table import ScoreTable

    bundle = load_bundle(model, kinds())
    console, cell = screen(), bundle.settings["cell"]
    if cell in CELLS:
        console.print(load(model).summary())
    else:
        console.print(
            f"{bundle.kind} with the cell {cell}, whose class a saved model does not hold: to use it, load it in "
            f"Python with {bundle.kind}.load(folder, cell=<that class>)."
        )
    console.print(f"Saved {bundle.created} with {', '.join(' '.join(pair) for pair in bundle.versions.items())}.\n")
    settings = verb.load().settings_class
    console.print(settings_of(settings.by_names_of_today(bundle.settings), settings))
    for note in bundle.notes:
        console.print(f"note: {as_typed(note, spellings_of(settings))}", soft_wrap=True)
    if bundle.metrics:
        console.print()
        show_scores(console, "Scores when it was saved", ScoreTable.from_dict(bundle.metrics))
