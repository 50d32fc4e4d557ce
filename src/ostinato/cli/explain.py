"""`ostinato explain`: why a text got its label, or a series its forecast."""

from pathlib import Path
from typing import Annotated

import typer

from ostinato import tasks
from ostinato.cli.file_options import Decimal, FileEncoding, Thousands
from ostinato.cli.outputs import check_file, check_plot
from ostinato.cli.screen import screen
from ostinato.cli.settings import known_by
from ostinato.cli.standard_input import file_of


def explain(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="Folder of a saved classifier of texts or forecaster.")
    ],
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="One text, in quotation marks; for a forecaster the file to forecast from, or - for standard input.",
        ),
    ],
    label: Annotated[
        str | None, typer.Option(metavar="NAME", help="Classifiers: the label to explain; the likeliest unless given.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Classifiers: also draw it, as an HTML page that needs nothing else."),
    ] = None,
    id: Annotated[
        str | None, typer.Option(metavar="NAME", help="Forecasters: the series to explain, where there are several.")
    ] = None,
    future: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Forecasters: the covariates known into the future, as for predict."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Forecasters: CSV file to write, with every lag, covariate and step."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Forecasters: PNG file to draw into.")] = None,
    encoding: FileEncoding = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
) -> None:
    """Say why a text gets its label, or a series its forecast.

    Of a text, the contribution of a word is the change of the label's log-odds when the word is left out; the score
    after it is the label's probability when the text ends there. Of a forecast, contributions of lags and covariates
    add up to what it is above that of a window in which nothing happens.

    Example:
      ostinato explain classifier/ "not bad at all"
      ostinato explain forecaster/ sales.csv --plot why.png
    """
    from ostinato.errors import OstinatoError

    if html is not None:
        check_file(html)
    if out is not None:
        check_file(out, future)
    if plot is not None:
        check_plot(plot)
    estimator = tasks.load(model, encoding=encoding, decimal=decimal, thousands=thousands)
    if isinstance(estimator, tasks.SequenceClassifier):
        known_by(estimator.explain, id=id, future=future, out=out, plot=plot)
        _explain_text(estimator, what, label, html)
    elif isinstance(estimator, tasks.Forecaster):
        known_by(estimator.explain, label=label, html=html)
        _explain_forecast(estimator, Path(what), id, future, out, plot)
    else:
        raise OstinatoError(f"explain is for classifiers and forecasters; {model} is a {type(estimator).__name__}")


def _explain_text(classifier: "tasks.SequenceClassifier", text: str, label: str | None, html: Path | None) -> None:
    explanation = classifier.explain(text, label)
    console = screen()
    console.print(explanation.rich(), soft_wrap=True)
    console.print("\nblue speaks for the label, orange against it\n")
    console.print(explanation.table())
    if html is not None:
        explanation.save(html)
        console.print(f"\nPicture: {html}", soft_wrap=True)


def _explain_forecast(
    forecaster: "tasks.Forecaster", data: Path, id: str | None, future: Path | None, out: Path | None, plot: Path | None
) -> None:
    if out is not None:
        check_file(out, data)
    with file_of(data) as source:
        explanation = forecaster.explain(source, id=id, future=future)
    console = screen()
    console.print(f"{explanation.headline()}:\n", soft_wrap=True)
    console.print(explanation.rich())
    if out is not None:
        forecaster.write(explanation.table(by_step=True), out)
    if plot is not None:
        explanation.plot(plot)
        console.print(f"\nPicture: {plot}", soft_wrap=True)
