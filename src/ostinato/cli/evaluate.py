"""`ostinato evaluate`: score a saved model."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ostinato.cli.file_options import Decimal, FileEncoding, Thousands
from ostinato.cli.outputs import check_file, check_plot, check_report
from ostinato.cli.screen import rows_shown, screen, show_details, show_scores, waiting
from ostinato.cli.settings import known_by

if TYPE_CHECKING:
    import pandas as pd

    from ostinato.tasks.estimator import Estimator


def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved model.")],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Data the model has not seen, as in training. A forecaster's file holds the rows it was fitted on, "
            "and goes on after them.",
        ),
    ],
    stride: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Forecasters: steps from one forecast to the next; as in training unless given."
        ),
    ] = None,
    encoding: FileEncoding = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
    new_series: Annotated[
        bool | None, typer.Option("--new-series", help="Forecasters: all series of DATA are new to the model.")
    ] = None,
    worst: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Classifiers, taggers, transcribers: also show the N rows with the greatest loss."
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Forecasters: also write the scores of each series, as a CSV file."),
    ] = None,
    background: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Classifiers that hear streams: also score keywords over a stream, with false alarms in sound without "
            "any: a folder, a manifest or a file. Repeatable.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --background: PNG of what is missed, over false alarms an hour."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="With --worst: write those rows as a CSV file; transcribers: or as a page, .html."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores, all of them, as JSON.")] = False,
) -> None:
    """Score a saved model next to simple baselines, on data it was not fitted on.

    A forecaster in a rolling backtest: from every row on, each model forecasts the horizon, and is compared with what
    came.

    Example:
      ostinato evaluate model/ sales.csv
      ostinato evaluate classifier/ reviews.csv --worst 20 --out worst.csv
    """
    from ostinato.errors import OstinatoError
    from ostinato.tasks import load

    if out is not None:
        if worst is None:
            raise OstinatoError("--out is where the rows of --worst are written: give --worst, too")
        check_file(out, data)
    if plot is not None:
        if background is None:
            raise OstinatoError("--plot draws what --background tells: give that, too")
        check_plot(plot)
    estimator = load(model, encoding=encoding, decimal=decimal, thousands=thousands)
    if report is not None:
        check_report(type(estimator), report, data)
    if background is not None and not hasattr(estimator, "spot"):
        raise OstinatoError(f"--background: a {type(estimator).__name__} hears no streams")
    with waiting("scoring"):
        spotting = None if background is None else estimator.spot(data, background)
        rows = None if worst is None else estimator.worst(data, worst)
        scores = estimator.evaluate(data, **known_by(estimator.evaluate, stride=stride, new_series=new_series))
    if rows is not None and out is not None:
        _write(estimator, rows, out)
    if report is not None:
        estimator.write(estimator.scores_by_series, report)
    if spotting is not None and plot is not None:
        spotting.plot(plot)
    if as_json:
        listed = {} if rows is None else {"worst": json.loads(rows.to_json(orient="records"))}
        streamed = {} if spotting is None else {"stream": spotting.to_dict()}
        typer.echo(json.dumps(scores.to_dict() | streamed | listed, indent=2))
        return
    console = screen()
    show_scores(console, f"{estimator.scores_title} {estimator.evaluated_on.format(data=data)}", scores)
    show_details(console, estimator, data)
    if spotting is not None:
        console.print("\nOver a stream:\n")
        console.print(spotting.rich())
    if report is not None:
        console.print(f"\nScores of each series: {report}", soft_wrap=True)
    if rows is not None:
        console.print(f"\nThe rows with the greatest loss{f', in {out}' if out else ''}:\n", soft_wrap=True)
        console.print(rows_shown(rows))


def _write(estimator: "Estimator[Any, Any, Any]", rows: "pd.DataFrame", out: Path) -> None:
    """The worst rows as a CSV file, or as a page."""
    from ostinato.errors import OstinatoError
    from ostinato.storage import written_whole  # not before: it brings torch, and a refusal does without

    if out.suffix.lower() != ".html":
        with written_whole(out) as temporary:
            rows.to_csv(temporary, index=False)
    elif hasattr(estimator, "write_page"):
        estimator.write_page(rows, out)
    else:
        raise OstinatoError(f"--out {out}: a {type(estimator).__name__} writes no page: give a .csv file")
