"""`ostinato explain`: why a text got its label."""

from pathlib import Path
from typing import Annotated

import typer

from ostinato import tasks
from ostinato.cli.outputs import check_file
from ostinato.cli.screen import screen


def explain(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved classifier of texts.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="One text, in quotation marks.")],
    label: Annotated[
        str | None, typer.Option(metavar="NAME", help="The label to explain; the likeliest unless given.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw it, as an HTML page that needs nothing else.")
    ] = None,
) -> None:
    """Say which label a text gets, and what each of its words does to it.

    The contribution of a word is the change of the label's log-odds when the word is left out; the score after it is
    the label's probability when the text ends there.

    Example:
      ostinato explain model/ "not bad at all"
    """
    from ostinato.errors import OstinatoError

    if html is not None:
        check_file(html)
    estimator = tasks.load(model)
    if not isinstance(estimator, tasks.SequenceClassifier):
        raise OstinatoError(f"explain is for classifiers; {model} is a {type(estimator).__name__}")
    explanation = estimator.explain(text, label)
    console = screen()
    console.print(explanation.rich(), soft_wrap=True)
    console.print("\nblue speaks for the label, orange against it\n")
    console.print(explanation.table())
    if html is not None:
        explanation.save(html)
        console.print(f"\nPicture: {html}", soft_wrap=True)
