"""`ostinato predict`: use a saved model on a file."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ostinato.cli.outputs import check_file, check_plot

DIGITS = 7
"""Significant digits on standard output: as many as the network's 32-bit numbers hold."""


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved model.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="The past of each series, columns as in training.")],
    future: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The covariates known into the future, for the steps to forecast; without it they are looked for in "
            "DATA, in rows after the last target.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"CSV file to write, in full precision. Without it the forecast goes to standard output, rounded to "
            f"{DIGITS} digits.",
        ),
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="PNG file to draw the forecast into.")] = None,
) -> None:
    """Forecast what follows the end of each series in DATA.

    One row a series and step: its name, its time, the forecast, and a column for each quantile (q0.1, ...).

    Example:
      ostinato predict model/ sales.csv --out forecast.csv --plot forecast.png
    """
    import numpy as np

    from ostinato.tasks import load

    if out is not None:
        check_file(out, data, future)
    if plot is not None:
        check_plot(plot)
    estimator = load(model)
    forecast = estimator.predict(data, future=future)
    if out is None:
        rounded = partial(np.format_float_positional, precision=DIGITS, fractional=False, trim="-")
        typer.echo(forecast.to_csv(index=False, float_format=rounded), nl=False)
    else:
        forecast.to_csv(out, index=False)
    if plot is not None:
        estimator.plot(data, plot, future=future)
