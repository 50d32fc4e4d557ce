"""`ostinato demo`: a real series that comes with the package, from file to plot."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ostinato.cli.fit import train
from ostinato.data import EMBEDDED, load_embedded
from ostinato.errors import OstinatoError
from ostinato.tasks import Forecaster
from ostinato.tasks.forecasting.recipes import DEMOS


def demo(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(DEMOS)}.")] = "co2",
    out: Annotated[Path, typer.Option(help="Folder for model and plot.")] = Path("demo"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in OUT.")] = False,
) -> None:
    """Train a forecaster on a real series that comes with the package; print its scores, save the model and a plot.

    Example: `ostinato demo co2 --out demo/`
    """
    if name not in DEMOS:
        raise OstinatoError(f"no demo {name!r}; there are: {', '.join(DEMOS)}")
    console = Console()
    console.print(f"{EMBEDDED[name].description} ({EMBEDDED[name].source})", highlight=False)
    model = Forecaster(**DEMOS[name])
    table = load_embedded(name)
    train(model, table, out, resume=resume)
    plot, data = out / "forecast.png", out / f"{name}.csv"
    model.plot(table, plot, actual=True)
    table.to_csv(data, index=False)
    console.print(f"Plot of the last {model.settings.horizon} steps: {plot}", highlight=False)
    console.print(f"Forecast with: ostinato predict {out} {data}", highlight=False, soft_wrap=True)
