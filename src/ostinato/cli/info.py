"""`ostinato info`: what a saved model is."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ostinato.tasks import load


def info(model: Annotated[Path, typer.Argument(help="Folder of a saved model.")]) -> None:
    """Say what a saved model is: its task, settings, size and scores."""
    estimator = load(model)
    console = Console()
    console.print(estimator.summary(), highlight=False)
    table = Table("setting", "value", "meaning")
    for name, field in type(estimator.settings).model_fields.items():
        table.add_row(name, str(getattr(estimator.settings, name)), field.description)
    console.print(table)
    if estimator.metrics is not None:
        console.print(estimator.metrics.rich())
        console.print(estimator.metrics.verdict(), highlight=False)
