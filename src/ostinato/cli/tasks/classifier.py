"""`ostinato fit classifier`, and its demo."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ostinato.cli.options import (
    DATA,
    MODEL,
    CellName,
    Doctor,
    Holdout,
    Out,
    Resume,
    Settings,
    TensorBoard,
    Test,
    Validation,
    held_out,
)
from ostinato.cli.screen import screen
from ostinato.cli.settings import merged

if TYPE_CHECKING:
    from ostinato.data.labelled_files import LabelledSource
    from ostinato.tasks import SequenceClassifier

NAMED = ("text", "label", "layout", "id", "time", "features", "tokenizer")
"""Settings that an option of their own explains."""


def fit(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="CSV or Parquet file with a text and a label in each row; or a folder with a folder of text files for "
            "each label; or with --layout lines a file of lines, label and text; or with --id a long table of numbers.",
        ),
    ],
    out: Out,
    resume: Resume = False,
    tensorboard: TensorBoard = False,
    doctor: Doctor = None,
    text: Annotated[
        str | None, typer.Option(metavar="COLUMN", rich_help_panel=DATA, help="Column of texts; found by name.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", rich_help_panel=DATA, help="Column of labels; found by name.")
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=DATA,
            help="table, lines (label, a space, text), folders or sequences; found, but for lines.",
        ),
    ] = None,
    id: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", rich_help_panel=DATA, help="Sequences of numbers: column that tells them apart."
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", rich_help_panel=DATA, help="Sequences of numbers: column that orders steps."),
    ] = None,
    features: Annotated[
        list[str] | None,
        typer.Option(
            "--feature",
            metavar="COLUMN",
            rich_help_panel=DATA,
            help="Sequences of numbers: a column to read; repeatable. Without it: all that have no other part.",
        ),
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", rich_help_panel=MODEL, help="What a text is cut into: word (unless given), char, byte, bpe."
        ),
    ] = None,
    cell: CellName = None,
    set_: Settings = None,
    validation: Validation = None,
    test: Test = None,
    holdout: Holdout = None,
) -> None:
    """Train a classifier: which label a text, or a sequence of numbers, has.

    Prints its scores on held-out data next to those of simple baselines, and saves it.

    Example:
      ostinato fit classifier reviews.csv --text review --label stars --out model/
    """
    from ostinato.cli.train import program
    from ostinato.tasks import SequenceClassifier
    from ostinato.training import DistributedContext

    share = held_out(holdout, test)
    options = {
        "text": text,
        "label": label,
        "layout": layout,
        "id": id,
        "time": time,
        "features": features,
        "tokenizer": tokenizer,
        "cell": cell,
        "doctor": doctor,
    }
    model = SequenceClassifier(**merged(options, set_))
    training = whole = model.read(data)
    scored: LabelledSource | None = test
    scored_on = f"Scores on {test}"
    if share:
        training, scored = whole.split(share, model.settings.seed)
        scored_on = f"Scores on the held-out {share:.0%}"
    _train(model, training, out, validation, scored, scored_on, resume=resume, tensorboard=tensorboard)
    console = screen(quiet=not DistributedContext.from_environment().main)
    console.print(f"Use it with: {program('predict', out, data)}", soft_wrap=True)
    if not whole.features:
        console.print(f"Ask it why: {program('explain', out, 'not bad at all')}", soft_wrap=True)


def demo(name: str, out: Path, resume: bool) -> None:
    """Trains on the embedded reviews, scores, saves the model and the data, and explains one sentence."""
    from ostinato.cli.train import program
    from ostinato.data.reviews import load_reviews
    from ostinato.tasks import SequenceClassifier
    from ostinato.tasks.classification.recipes import DEMOS
    from ostinato.training import DistributedContext

    console = screen(quiet=not DistributedContext.from_environment().main)
    reviews = load_reviews()
    parts = {part: reviews[reviews["part"] == part].drop(columns="part") for part in ("training", "test")}
    console.print(
        f"{len(reviews):,} short reviews that praise and blame in the same words, written for this package: "
        '"not dull at all" is praise. The test sentences are made to patterns that training does not have.\n'
    )
    model = SequenceClassifier(**DEMOS[name])
    _train(model, parts["training"], out, None, parts["test"], "Scores on patterns not seen", resume=resume)
    if console.quiet:
        return
    for part, rows in parts.items():
        rows.to_csv(out / f"{part}.csv", index=False)
    text = "the film looked dull at first and turned out to be far from boring"
    console.print("\nWords that speak for the label in blue, against it in orange:\n")
    console.print(model.explain(text).rich())
    console.print(f"\nAsk it about your own: {program('explain', out, 'hardly a good idea')}", soft_wrap=True)
    console.print(f"A table of predictions: {program('predict', out, out / 'test.csv')}", soft_wrap=True)


def _train(
    model: "SequenceClassifier",
    data: "LabelledSource",
    out: Path,
    validation: "LabelledSource | None",
    scored: "LabelledSource | None",
    scored_on: str,
    *,
    resume: bool = False,
    tensorboard: bool = False,
) -> None:
    from ostinato.cli.train import train_and_score
    from ostinato.training import DistributedContext

    train_and_score(model, data, out, validation, scored, scored_on, resume=resume, tensorboard=tensorboard)
    if scored is not None and DistributedContext.from_environment().main:
        console = screen()
        console.print()
        console.print(model.report(scored).rich())
        console.print()
