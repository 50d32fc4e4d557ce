"""`ostinato fit`: train a model on a file."""

import shlex
import sys
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from rich.console import Console

from ostinato.cli.settings import SetOption, merged
from ostinato.data.table import Source
from ostinato.tasks import Forecaster
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.training import Interrupted, Process, Report

app = typer.Typer(help="Train a model on a file, score it on its held-out end, save it.", no_args_is_help=True)

SETTINGS_HELP = "\n\n".join(
    f"`{name}`: {field.description} Default: {field.get_default(call_default_factory=True)}."
    for name, field in ForecasterSettings.model_fields.items()
)


@app.callback()
def fit() -> None:
    """Train a model on a file, score it on its held-out end, save it."""


@app.command(epilog="**All settings** (use `--set`):\n\n" + SETTINGS_HELP)
def forecaster(
    data: Annotated[Path, typer.Argument(help="CSV or Parquet file: long (unique_id, ds, y) or one column a series.")],
    out: Annotated[Path, typer.Option(help="Folder to save the model in.")],
    target: Annotated[list[str] | None, typer.Option(help="Column to forecast; repeat it for several.")] = None,
    horizon: Annotated[int | None, typer.Option(help="Steps to forecast.")] = None,
    window: Annotated[int | None, typer.Option(help="Past steps the network sees.")] = None,
    time: Annotated[str | None, typer.Option(help="Time column.")] = None,
    id: Annotated[str | None, typer.Option(help="Column that names the series.")] = None,
    past: Annotated[list[str] | None, typer.Option(help="Covariate known only in the past.")] = None,
    future: Annotated[list[str] | None, typer.Option(help="Covariate known into the future.")] = None,
    static: Annotated[list[str] | None, typer.Option(help="Covariate constant in each series.")] = None,
    returns: Annotated[str | None, typer.Option(help="`log` models log returns: for prices.")] = None,
    cell: Annotated[str | None, typer.Option(help="Recurrent cell: gru, lstm, elman, ... (see `--set cell`).")] = None,
    validation: Annotated[
        Path | None, typer.Option(help="File that goes on where DATA ends, to choose when to stop.")
    ] = None,
    holdout: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of each series' end kept back for the score table; 0: none.")
    ] = 0.2,
    stride: Annotated[int, typer.Option(min=1, help="Steps between the origins of the score table's backtest.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in OUT.")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write OUT/tensorboard.")] = False,
    set_: SetOption = None,
) -> None:
    """Train a forecaster.

    Example: `ostinato fit forecaster sales.csv --target y --horizon 24 --out model/`
    """
    options = {
        "target": target,
        "horizon": horizon,
        "window": window,
        "time": time,
        "id": id,
        "past": past,
        "future": future,
        "static": static,
        "returns": returns,
        "cell": cell,
    }
    model = Forecaster(**merged(options, set_))
    train(
        model, data, out, validation=validation, holdout=holdout, stride=stride, resume=resume, tensorboard=tensorboard
    )
    if Process.from_environment().main:
        typer.echo(f"Forecast with: {shlex.join(['ostinato', 'predict', str(out), str(data)])}")


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
    """Fits, scores and saves, telling the user what happens; Ctrl-C says how to go on."""
    main = Process.from_environment().main
    console = Console(quiet=not main)
    began = perf_counter()
    try:
        model.fit(
            data,
            validation,
            holdout=holdout,
            folder=out,
            resume=resume,
            report=Report(out, tensorboard=tensorboard),
        )
    except Interrupted as stopped:
        command = shlex.join(["ostinato", *(part for part in sys.argv[1:] if part != "--resume"), "--resume"])
        saved = f"a checkpoint is saved; go on with: {command}" if stopped.checkpoint else "nothing was saved"
        typer.echo(f"interrupted after optimiser step {stopped.step}: {saved}", err=True)
        raise typer.Exit(130) from None
    if not main:
        return
    for note in model.notes:
        console.print(f"note: {note}", highlight=False)
    console.print(f"{model.summary()} Trained in {perf_counter() - began:.0f} s.", highlight=False)
    if holdout:
        table = model.evaluate(data, stride=stride)
        console.print(f"Backtest on the held-out {holdout:.0%} of each series, {table.forecasts} forecasts:")
        console.print(table.rich())
        console.print(table.verdict(), highlight=False)
    model.save(out)
    console.print(f"Saved to {out}", highlight=False, soft_wrap=True)
