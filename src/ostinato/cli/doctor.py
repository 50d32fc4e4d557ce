"""`ostinato doctor`: see whether gradients vanish or explode in a saved model, why, and what helps."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ostinato.cli.file_options import FileEncoding
from ostinato.cli.outputs import check_file
from ostinato.cli.screen import screen


def doctor(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved model.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Data as in training; a sample of it is looked at.")],
    html: Annotated[
        Path, typer.Option(metavar="FILE", help="The report with its pictures, a page that needs nothing else.")
    ] = Path("doctor.html"),
    encoding: FileEncoding = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print verdict and figures as JSON instead.")] = False,
) -> None:
    """Look into a saved model: gradients through time, memory, gates, dynamics; a verdict, and what helps.

    Example:
      ostinato doctor model/ shakespeare.txt --html doctor.html
    """
    from ostinato.diagnostics.page import write_page
    from ostinato.tasks import load

    check_file(html, data)
    found = load(model, encoding=encoding).examine(data)
    write_page(found, html, f"{model.name} on {data.name}")
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2))
        return
    console = screen()
    console.print(str(found), soft_wrap=True)
    console.print(f"\nReport: {html}", soft_wrap=True)
