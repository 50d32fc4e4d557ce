"""Fit, save, score: what `fit` and `demo` do with an estimator."""

import shlex
import shutil
import sys
from pathlib import Path
from time import perf_counter

import typer

from ostinato.bundle import refuse_foreign
from ostinato.cli.outputs import check_folder
from ostinato.cli.screen import screen, show_scores
from ostinato.data.table import Source
from ostinato.errors import OstinatoError
from ostinato.tasks import Forecaster
from ostinato.training import Interrupted, Process, Report, latest


def train(
    model: Forecaster,
    data: Source,
    out: Path,
    *,
    validation: Source | None = None,
    holdout: float = 0.2,
    stride: int = 1,
    resume: bool = False,
    tensorboard: bool = False,
) -> None:
    """Fits, saves and scores, and tells what happens; under `torchrun` the first process alone tells.

    Raises:
        OstinatoError: For a folder that cannot hold the model, before any work; and for anything wrong with the data.
        typer.Exit: Ctrl-C or SIGTERM, after telling how to go on.
    """
    check_folder(out)
    refuse_foreign(out)
    _check_checkpoints(out, resume)
    process = Process.from_environment()
    console = screen(quiet=not process.main)
    began = perf_counter()
    report = Report(out, tensorboard=tensorboard)
    try:
        model.fit(data, validation, holdout=holdout, folder=out, resume=resume, report=report)
    except Interrupted as interrupted:
        if process.main:
            typer.echo(f"interrupted after optimiser step {interrupted.step}; a checkpoint is saved", err=True)
            typer.echo(f"go on with: {_resuming(process)}", err=True)
        raise typer.Exit(130) from None
    if not process.main:
        return
    model.save(out)  # now, so that nothing that befalls the backtest can lose it
    for note in model.notes:
        console.print(f"note: {note}")
    console.print(f"{model.summary()} Trained in {perf_counter() - began:.0f} s.")
    if holdout:
        console.print()
        scores = model.evaluate(data, stride=stride)
        show_scores(console, f"Backtest on the held-out {holdout:.0%} of each series", scores)
        model.save(out)
    console.print(f"\nSaved to {out}", soft_wrap=True)


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


def _resuming(process: Process) -> str:
    if process.world > 1:
        return "the same torchrun command and --resume"
    return program(*(argument for argument in sys.argv[1:] if argument != "--resume"), "--resume")


def _check_checkpoints(out: Path, resume: bool) -> None:
    checkpoints = out / "checkpoints"
    found = latest(checkpoints)
    if resume and found is None:
        raise OstinatoError(f"nothing to resume: {checkpoints} holds no checkpoint; train without --resume")
    if found is not None and not resume:
        raise OstinatoError(
            f"{checkpoints} holds checkpoints of a training that was interrupted: go on with --resume, or remove it"
        )
