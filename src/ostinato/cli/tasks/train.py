"""Fit, save, score: what the commands that are not generic yet do with an estimator."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import typer

from ostinato.cli.screen import screen, show_scores
from ostinato.cli.train import check_place, resuming
from ostinato.tasks.score_table import ScoreTable
from ostinato.training import DistributedContext, Interrupted, TrainingLogger


def train(
    model: Any,
    out: Path,
    fit: Callable[[TrainingLogger], object],
    score: Callable[[], ScoreTable] | None,
    *,
    scored_on: str,
    resume: bool = False,
    tensorboard: bool = False,
) -> None:
    """Fits, saves and scores, and tells what happens; under `torchrun` the first process alone tells.

    Args:
        model: what is fitted.
        out: the folder to save it in.
        fit: fits it, and shows progress on the logger it is given.
        score: scores it on data that it has not seen; None where there are none.
        scored_on: what data those are, in words.
        resume: whether `fit` goes on with a training that was interrupted.
        tensorboard: whether to write for TensorBoard.

    Raises:
        OstinatoError: For a folder that cannot hold the model, before any work; and for anything wrong with the data.
        typer.Exit: Ctrl-C or SIGTERM, after telling how to go on.
    """
    check_place(out, resume=resume, force=True)
    process = DistributedContext.from_environment()
    console = screen(quiet=not process.main)
    began = perf_counter()
    logger = TrainingLogger(out, tensorboard=tensorboard)
    try:
        fit(logger)
    except Interrupted as interrupted:
        if process.main:
            typer.echo(f"interrupted after optimiser step {interrupted.step}; a checkpoint is saved", err=True)
            typer.echo(f"go on with: {resuming(process)}", err=True)
        raise typer.Exit(130) from None
    if not process.main:
        return
    model.save(out)  # now, so that nothing that befalls the scoring can lose it
    for note in model.notes:
        console.print(f"note: {note}")
    console.print(f"{model.summary()} Trained in {perf_counter() - began:.0f} s.")
    if score is not None:
        console.print()
        show_scores(console, scored_on, score())
        model.save(out)
    console.print(f"\nSaved to {out}", soft_wrap=True)


def train_and_score(
    model: Any,
    data: Any,
    out: Path,
    validation: Any,
    unseen: Any,
    scored_on: str,
    *,
    resume: bool = False,
    tensorboard: bool = False,
) -> None:
    """`train` on data of any kind, and a score on data of the same kind; None for no score.

    Raises:
        OstinatoError: As `train`.
        typer.Exit: As `train`.
    """
    train(
        model,
        out,
        lambda logger: model.fit(data, validation=validation, folder=out, resume=resume, logger=logger),
        None if unseen is None else lambda: model.evaluate(unseen),
        scored_on=scored_on,
        resume=resume,
        tensorboard=tensorboard,
    )
