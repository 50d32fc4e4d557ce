"""`ostinato detect`: observations that a saved forecaster did not expect."""

from pathlib import Path
from typing import Annotated

import typer

from ostinato import tasks
from ostinato.cli.file_options import Decimal, FileEncoding, Thousands
from ostinato.cli.outputs import check_file, check_plot
from ostinato.cli.standard_input import file_of


def detect(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved forecaster.")],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="The rows it was fitted on, and those after them, which are judged; - for standard input.",
        ),
    ],
    level: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Of the interval to lie outside of: 0.95. [default: the model's widest]"),
    ] = None,
    threshold: Annotated[
        float, typer.Option(metavar="SCORE", help="Above which an observation is an anomaly; the interval ends at 1.")
    ] = 1.0,
    all_rows: Annotated[bool, typer.Option("--all", help="Write all observations, not only the anomalies.")] = False,
    new_series: Annotated[bool, typer.Option("--new-series", help="All series of DATA are new to the model.")] = False,
    future: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The covariates known into the future, for a horizon after the end of DATA, as for predict.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV file to write, in full precision, instead of standard output."),
    ] = None,
    encoding: FileEncoding = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PNG file to draw the series, intervals and anomalies into.")
    ] = None,
) -> None:
    """Find the observations that lie outside the interval that was forecast for them one step before.

    The score says how far outside: 0 is at the median, 1 at the end of the interval, 2 twice as far.

    Example:
      ostinato detect model/ sales.csv --plot anomalies.png
    """
    from ostinato.errors import OstinatoError

    if out is not None:
        check_file(out, data, future)
    if plot is not None:
        check_plot(plot)
    with file_of(data) as source:
        estimator = tasks.load(model, encoding=encoding, decimal=decimal, thousands=thousands)
        if not isinstance(estimator, tasks.Forecaster):
            raise OstinatoError(f"detect is for forecasters; {model} is a {type(estimator).__name__}")
        table = estimator.detect(
            source, level=level, threshold=threshold, new_series=new_series, future=future, plot=plot
        )
    from ostinato.cli.digits import rounded_csv  # not before: they bring torch and pandas
    from ostinato.tasks.forecasting.detect import Interval, verdict

    shown = table if all_rows else table[table["anomaly"]]
    if out is None:
        typer.echo(rounded_csv(shown), nl=False)
    else:
        estimator.write(shown, out)
    typer.echo(verdict(table, Interval.of(estimator.settings, level).level, threshold), err=True)
