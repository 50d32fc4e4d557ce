"""`ostinato evaluate`: score a saved model."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ostinato.tasks import load


def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder of a saved model.")],
    data: Annotated[Path, typer.Argument(help="File that goes on after the rows the model was fitted on.")],
    stride: Annotated[int, typer.Option(min=1, help="Steps between the origins of the backtest.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Score a saved model next to simple baselines, in a rolling-origin backtest on rows it was not fitted on.

    Example: `ostinato evaluate model/ sales.csv`
    """
    estimator = load(model)
    table = estimator.evaluate(data, stride=stride)
    if as_json:
        typer.echo(json.dumps(table.to_dict(), indent=2))
        return
    console = Console()
    console.print(f"Backtest after the rows the model was fitted on, {table.forecasts} forecasts:")
    console.print(table.rich())
    console.print(table.verdict(), highlight=False)
