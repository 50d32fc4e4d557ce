"""`ostinato evaluate`: score a saved model."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ostinato.cli.screen import screen, show_scores


def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved model.")],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", help="File that holds the rows the model was fitted on, and goes on after them."
        ),
    ],
    stride: Annotated[int, typer.Option(metavar="N", min=1, help="Steps from one forecast to the next.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores, all of them, as JSON.")] = False,
) -> None:
    """Score a saved model next to simple baselines, on rows it was not fitted on.

    A rolling backtest: from every row on, each model forecasts the horizon, and is held against what came.

    Example:
      ostinato evaluate model/ sales.csv
    """
    from ostinato.tasks import load

    scores = load(model).evaluate(data, stride=stride)
    if as_json:
        typer.echo(json.dumps(scores.to_dict(), indent=2))
        return
    show_scores(screen(), "Backtest after the rows the model was fitted on", scores)
