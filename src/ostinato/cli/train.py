"""Fit, save, score: what `fit` and `demo` do with an estimator."""

import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import typer

from ostinato.bundle import refuse_foreign
from ostinato.cli.outputs import check_folder
from ostinato.cli.screen import screen, show_scores
from ostinato.errors import OstinatoError
from ostinato.tasks.estimator import checkpoints_of
from ostinato.tasks.score_table import ScoreTable
from ostinato.training import DistributedContext, Interrupted, TrainingLogger, latest


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
    check_folder(out)
    refuse_foreign(out)
    _check_checkpoints(out, resume)
    process = DistributedContext.from_environment()
    console = screen(quiet=not process.main)
    began = perf_counter()
    logger = TrainingLogger(out, tensorboard=tensorboard)
    try:
        fit(logger)
    except Interrupted as interrupted:
        if process.main:
            typer.echo(f"interrupted after optimiser step {interrupted.step}; a checkpoint is saved", err=True)
            typer.echo(f"go on with: {_resuming(process)}", err=True)
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


def program(*arguments: str | Path) -> str:
    """A command line for this program that a shell understands, as it was started itself."""
    started = Path(sys.argv[0])
    found = shutil.which("ostinato")
    if started.name == "__main__.py":
        words = [sys.executable, "-m", "ostinato"]
    elif found is not None and started.exists() and started.samefile(found):
        words = ["ostinato"]
    else:
        words = [str(started)]
    return shlex.join([*words, *map(str, arguments)])


def _resuming(process: DistributedContext) -> str:
    if process.world_size > 1:
        return "the same torchrun command and --resume"
    return program(*(argument for argument in sys.argv[1:] if argument != "--resume"), "--resume")


def _check_checkpoints(out: Path, resume: bool) -> None:
    checkpoints = checkpoints_of(out)
    found = latest(checkpoints)
    if resume and found is None:
        raise OstinatoError(f"nothing to resume: {checkpoints} holds no checkpoint; train without --resume")
    if found is not None and not resume:
        raise OstinatoError(
            f"{checkpoints} holds checkpoints of a training that was interrupted: go on with --resume, or remove it"
        )
