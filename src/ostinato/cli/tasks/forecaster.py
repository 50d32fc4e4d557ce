"""`ostinato fit forecaster`, and its demos."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ostinato.cli.screen import screen
from ostinato.cli.settings import merged
from ostinato.cli.tasks.options import DATA, MODEL, SCORE, CellName, Doctor, Out, Resume, Settings, TensorBoard

if TYPE_CHECKING:
    from ostinato.data.table import Source
    from ostinato.tasks import Forecaster

NAMED = ("target", "horizon", "window", "time", "id", "past", "future", "static", "returns")
"""Settings that an option of their own explains."""


def fit(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="CSV or Parquet file, in time order: one column per series, or long with a column that names them.",
        ),
    ],
    out: Out,
    resume: Resume = False,
    tensorboard: TensorBoard = False,
    doctor: Doctor = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            rich_help_panel=DATA,
            help="Column to forecast; repeat it for several. Without it: y, or every column of numbers.",
        ),
    ] = None,
    time: Annotated[
        str | None, typer.Option(metavar="COLUMN", rich_help_panel=DATA, help="Time column; found by name or content.")
    ] = None,
    id: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", rich_help_panel=DATA, help="Column that names the series in a long file; or unique_id."
        ),
    ] = None,
    past: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", rich_help_panel=DATA, help="Covariate known in the past only; repeatable."),
    ] = None,
    future: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", rich_help_panel=DATA, help="Covariate known into the future; repeatable."),
    ] = None,
    static: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", rich_help_panel=DATA, help="Covariate constant in each series; repeatable."),
    ] = None,
    horizon: Annotated[
        int | None,
        typer.Option(metavar="N", rich_help_panel=MODEL, help="Steps to forecast; 24 unless given."),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=MODEL,
            help="Past steps the network sees; two seasons or two horizons, the longer, unless given.",
        ),
    ] = None,
    cell: CellName = None,
    returns: Annotated[
        str | None,
        typer.Option(metavar="NAME", rich_help_panel=MODEL, help="log: model log returns, as suits prices."),
    ] = None,
    set_: Settings = None,
    validation: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=SCORE,
            help="Rows that go on where DATA ends, to choose when to stop; without it the end of DATA does.",
        ),
    ] = None,
    holdout: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            rich_help_panel=SCORE,
            help="Share of each series' end kept back for the score table; 0.2 unless given, 0 with --validation.",
        ),
    ] = None,
    stride: Annotated[
        int,
        typer.Option(metavar="N", min=1, rich_help_panel=SCORE, help="Steps from one scored forecast to the next."),
    ] = 1,
) -> None:
    """Train a forecaster: quantiles of the next steps of one series, or of thousands with one model.

    Prints its scores on the held-out end of each series next to those of simple baselines, and saves it.

    Example:
      ostinato fit forecaster sales.csv --target y --horizon 24 --out model/
    """
    from ostinato.cli.train import program
    from ostinato.tasks import Forecaster
    from ostinato.training import DistributedContext

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
        "doctor": doctor,
    }
    if holdout is None:
        holdout = 0.2 if validation is None else 0.0
    _train(
        Forecaster(**merged(options, set_)),
        data,
        out,
        validation=validation,
        holdout=holdout,
        stride=stride,
        resume=resume,
        tensorboard=tensorboard,
    )
    console = screen(quiet=not DistributedContext.from_environment().main)
    console.print(f"Forecast with: {program('predict', out, data)}", soft_wrap=True)


def demo(name: str, out: Path, resume: bool) -> None:
    """Trains on an embedded series, scores, saves the model, a plot and the data."""
    from ostinato.cli.train import program
    from ostinato.demos.data import EMBEDDED, load_embedded
    from ostinato.demos.registry import DEMOS
    from ostinato.tasks import Forecaster
    from ostinato.training import DistributedContext

    console = screen(quiet=not DistributedContext.from_environment().main)
    console.print(f"{EMBEDDED[name].description}.\nSource: {EMBEDDED[name].source}.\n")
    settings = DEMOS[name].load().settings  # type: ignore[union-attr]
    model, table = Forecaster(**settings), load_embedded(name)
    _train(model, table, out, resume=resume)
    if console.quiet:
        return
    plot, data = out / "forecast.png", out / f"{name}.csv"
    model.plot(table, plot, actual=True)
    table.to_csv(data, index=False)
    console.print(f"Plot of the last {model.settings.horizon} steps: {plot}", soft_wrap=True)
    console.print(f"Forecast with: {program('predict', out, data)}", soft_wrap=True)


def _train(
    model: "Forecaster",
    data: "Source",
    out: Path,
    *,
    validation: "Source | None" = None,
    holdout: float = 0.2,
    stride: int = 1,
    resume: bool = False,
    tensorboard: bool = False,
) -> None:
    from ostinato.cli.tasks.train import train

    train(
        model,
        out,
        lambda logger: model.fit(
            data, validation=validation, holdout=holdout, folder=out, resume=resume, logger=logger
        ),
        (lambda: model.evaluate(data, stride=stride)) if holdout else None,
        scored_on=f"Backtest on the held-out {holdout:.0%} of each series",
        resume=resume,
        tensorboard=tensorboard,
    )
