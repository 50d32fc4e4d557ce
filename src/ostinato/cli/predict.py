"""`ostinato predict`: use a saved model on a file."""

from pathlib import Path
from typing import Annotated

import typer

from ostinato.tasks import load


def predict(
    model: Annotated[Path, typer.Argument(help="Folder of a saved model.")],
    data: Annotated[Path, typer.Argument(help="File with the past of each series, columns as in training.")],
    future: Annotated[
        Path | None, typer.Option(help="File with the covariates known into the future, for the forecast steps.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="CSV file to write; standard output unless given.")] = None,
    plot: Annotated[Path | None, typer.Option(help="PNG file to draw the forecast into.")] = None,
) -> None:
    """Forecast what follows the end of each series in DATA.

    Example: `ostinato predict model/ sales.csv --out forecast.csv --plot forecast.png`
    """
    estimator = load(model)
    forecast = estimator.predict(data, future=future)
    if out is None:
        typer.echo(forecast.to_csv(index=False), nl=False)
    else:
        forecast.to_csv(out, index=False)
    if plot is not None:
        estimator.plot(data, plot, future=future)
