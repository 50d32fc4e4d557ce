"""`ostinato predict`: use a saved model on a file."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ostinato.cli.file_options import Decimal, FileEncoding, Thousands
from ostinato.cli.outputs import check_file, check_plot
from ostinato.cli.settings import known_by
from ostinato.cli.standard_input import file_of
from ostinato.errors import OstinatoError
from ostinato.tasks.registry import load


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved model.")],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="What to predict from, as in training: the past of each series, texts; - for standard input.",
        ),
    ],
    future: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Forecasters: the covariates known into the future, for the steps to forecast; without it they are "
            "looked for in DATA, in rows after the last target.",
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Forecasters: so many sample paths of each series instead of quantiles."),
    ] = None,
    total: Annotated[
        Literal["horizon", "series", "both"] | None,
        typer.Option(help="Forecasters: sums over each series' steps, over all series at each step, or over both."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV file to write, in full precision; for taggers of words a name may end in .conll. Without it the "
            "table goes to standard output, rounded to the digits that tell its numbers apart.",
        ),
    ] = None,
    encoding: FileEncoding = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Forecasters, transcribers: PNG file to draw.")
    ] = None,
) -> None:
    """Apply a saved model to a file, and write a table.

    A forecaster's has one row per series and step: its name, its time, the forecast, and a column for each quantile
    (q0.1, ...).

    Example:
      ostinato predict model/ sales.csv --out forecast.csv --plot forecast.png
    """
    if out is not None:
        check_file(out, data, future)
    if plot is not None:
        check_plot(plot)
    with file_of(data) as source:
        estimator = load(model, encoding=encoding, decimal=decimal, thousands=thousands)
        if plot is not None and not hasattr(estimator, "plot"):
            raise OstinatoError(f"--plot: a {type(estimator).__name__} draws no predictions")
        if out is not None:
            estimator.check_output(out)
        known = known_by(estimator.predict, future=future)
        table = estimator.predict(source, **known, **known_by(estimator.predict, samples=samples, total=total))
        if plot is not None:
            estimator.plot(source, plot, **known)
    if new := getattr(estimator, "new_series", ()):
        listed = f"{', '.join(new[:3])}{', ...' * (len(new) > 3)}"
        are = "series is" if len(new) == 1 else "series are"
        told = f"{len(new):,} {are} new to the model ({listed}): forecast by the past given here alone (zero-shot)"
        typer.echo(f"note: {told}", err=True)
    if out is None:
        from ostinato.cli.digits import rounded_csv  # not before: it brings pandas

        typer.echo(rounded_csv(table), nl=False)
    else:
        estimator.write(table, out)
