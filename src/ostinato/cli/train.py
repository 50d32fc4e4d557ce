"""Fit, save, score: what `fit` and `demo` do with an estimator."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console, RenderableType

from ostinato.bundle import refuse_foreign
from ostinato.cli.command import as_typed
from ostinato.cli.options import spellings_of
from ostinato.cli.outputs import check_folder
from ostinato.cli.screen import screen, show_details, show_scores, waiting
from ostinato.errors import OstinatoError
from ostinato.manifest import saved_in
from ostinato.tasks.estimator import NextStep
from ostinato.tasks.place import alone_in, checkpoints_of
from ostinato.training import DistributedContext, Interrupted, TrainingLogger, latest

if TYPE_CHECKING:
    from ostinato.tasks import Estimator


@contextmanager
def training_in(out: Path, *, resume: bool, force: bool) -> Iterator[None]:
    """Where a model may be trained into a folder, and by nobody else; looked at before any work.

    Args:
        out: The folder.
        resume: Whether a training that was interrupted there is to go on.
        force: Whether a model that is saved there may be replaced.

    Raises:
        OstinatoError: It cannot be written to; or holds other things, a model, or checkpoints that would be lost; or
            holds none to go on from; or another training is at work there.
    """
    check_folder(out)
    refuse_foreign(out)
    with alone_in(out):
        _check_checkpoints(out, resume)
        if (saved := saved_in(out)) and not resume and not force:
            raise OstinatoError(f"{out} holds {saved}: give another folder, or --force to replace it")
        yield


def train(
    model: "Estimator[Any, Any, Any]",
    data: Any,
    out: Path,
    validation: Any,
    unseen: Any,
    scored_on: str,
    *,
    warm_start: "Estimator[Any, Any, Any] | None" = None,
    resume: bool = False,
    tensorboard: bool = False,
    refit: bool = False,
    report: Path | None = None,
) -> None:
    """Fits, saves and scores, and tells what happens; under `torchrun` the first process alone tells.

    Args:
        model: What is fitted.
        data: To fit it on.
        out: The folder to save it in; see `training_in`.
        validation: Data that choose when to stop; None leaves that to the model.
        unseen: Data to score it on; None for no score.
        scored_on: What those are, in words.
        warm_start: What training goes on from.
        resume: Whether to go on with a training that was interrupted.
        tensorboard: Whether to write for TensorBoard.
        refit: Whether to train anew on all data in the end.
        report: Where scores of each series are written; None for nowhere.

    Raises:
        OstinatoError: For anything wrong with the data.
        typer.Exit: Ctrl-C or SIGTERM, after telling how to go on.
    """
    process = DistributedContext.from_environment()
    console = screen(quiet=not process.main)
    began = perf_counter()
    logger = TrainingLogger(out, tensorboard=tensorboard)
    try:
        model.fit(data, validation=validation, warm_start=warm_start, folder=out, resume=resume, logger=logger)
    except Interrupted as interrupted:
        if process.main:
            usable = ""
            if interrupted.usable:
                model.save(out)
                usable = f", and the best model so far, unscored, in {out}"
            typer.echo(f"interrupted after optimiser step {interrupted.step}; a checkpoint is saved{usable}", err=True)
            typer.echo(f"go on with: {resuming(process)}", err=True)
        raise typer.Exit(130) from None
    if process.main:
        _score(model, out, unseen, scored_on, console, began, report)
    if refit:
        _refit(model, out, unseen, console)
    console.print(f"\nSaved to {out}", soft_wrap=True)


def _refit(model: "Estimator[Any, Any, Any]", out: Path, everything: Any, console: Console) -> None:
    """Trains the model that was scored anew on all data, and saves that one."""
    process = DistributedContext.from_environment()
    if wanting := model.settings.steered_by_scores:
        console.print(f"note: not trained anew on all rows: {wanting[0]} needs rows kept from training", soft_wrap=True)
        return
    console.print("\nTraining anew on all rows (--no-refit keeps the model that was scored).", soft_wrap=True)
    began = perf_counter()
    try:
        model.refit(everything, logger=TrainingLogger())
    except Interrupted:
        if process.main:
            typer.echo(f"interrupted; {out} holds the model that was scored", err=True)
        raise typer.Exit(130) from None
    if process.main:
        model.save(out)
    console.print(f"Trained anew in {perf_counter() - began:.0f} s; the scores are those above.", soft_wrap=True)


def _score(
    model: "Estimator[Any, Any, Any]",
    out: Path,
    unseen: Any,
    scored_on: str,
    console: Console,
    began: float,
    report: Path | None,
) -> None:
    """Saves a model that was just fitted, and scores it where there is something to score it on."""
    model.save(out)  # now, so that nothing that befalls the scoring can lose it
    for note in model.notes:
        console.print(f"note: {as_typed(note, spellings_of(model.settings_class))}", soft_wrap=True)
    console.print(f"{model.summary()} Trained in {perf_counter() - began:.0f} s.", soft_wrap=True)
    if unseen is not None:
        with waiting("scoring"):
            scores = model.evaluate(unseen)
        model.save(out)
        console.print()
        show_scores(console, scored_on, scores)
        show_details(console, model, unseen)
        if report is not None:
            model.write(model.scores_by_series, report)  # type: ignore[attr-defined]
            console.print(f"\nScores of each series: {report}", soft_wrap=True)


def cross_validate(model: "Estimator[Any, Any, Any]", data: Any, folds: int) -> None:
    """Prints the mean scores of as many models as there are folds."""
    scores = model.cross_validate(data, folds=folds)
    console = screen(quiet=not DistributedContext.from_environment().main)
    show_scores(console, f"{model.scores_title} by cross-validation", scores.mean)
    console.print(f"{scores.spread()}\n")


def hold_out(model: "Estimator[Any, Any, Any]", records: Any, share: float) -> tuple[Any, Any, str]:
    """What to fit on, what to score on, and what that is in words."""
    training, scored = model.hold_out(records, share)
    return training, scored, f"{model.scores_title} on {model.held_out(records, share)}"


def show(console: Console, shown: RenderableType | NextStep) -> None:
    """Prints a command as it must be typed here; a line as it stands; anything else laid out to the width."""
    if isinstance(shown, NextStep):
        shown = f"{shown.label}: {program(*shown.arguments)}"
    console.print(shown, soft_wrap=isinstance(shown, str))


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


def resuming(process: DistributedContext) -> str:
    """The command line that goes on with this training."""
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
