"""`ostinato demo`: a real series that comes with the package, from file to plot."""

from pathlib import Path
from typing import Annotated

import typer

from ostinato.cli.screen import screen
from ostinato.errors import OstinatoError


def demo(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="co2 (weekly carbon dioxide in the air) or sunspots (their number, yearly)."
        ),
    ] = "co2",
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder for the model, the plot and a copy of the data.")
    ] = Path("demo"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a training that was interrupted.")] = False,
) -> None:
    """See it work on a real series that comes with the package.

    Trains a forecaster, prints its scores next to those of simple baselines, saves the model, a plot and the data.

    Example:
      ostinato demo sunspots --out demo/
    """
    from ostinato.cli.train import program, train
    from ostinato.data import EMBEDDED, load_embedded
    from ostinato.tasks import Forecaster
    from ostinato.tasks.forecasting.recipes import DEMOS
    from ostinato.training import Process

    if name not in DEMOS:
        raise OstinatoError(f"no demo {name!r}: choose one of {', '.join(DEMOS)}")
    console = screen(quiet=not Process.from_environment().main)
    console.print(f"{EMBEDDED[name].description}.\nSource: {EMBEDDED[name].source}.\n")
    model, table = Forecaster(**DEMOS[name]), load_embedded(name)
    train(model, table, out, resume=resume)
    if console.quiet:
        return
    plot, data = out / "forecast.png", out / f"{name}.csv"
    model.plot(table, plot, actual=True)
    table.to_csv(data, index=False)
    console.print(f"Plot of the last {model.settings.horizon} steps: {plot}", soft_wrap=True)
    console.print(f"Forecast with: {program('predict', out, data)}", soft_wrap=True)
