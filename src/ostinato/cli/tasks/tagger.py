"""`ostinato fit tagger`, and its demo."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ostinato.cli.screen import screen
from ostinato.cli.settings import merged
from ostinato.cli.tasks.options import (
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

if TYPE_CHECKING:
    from ostinato.data.tagged import TaggedSequences
    from ostinato.tasks import SequenceTagger
    from ostinato.tasks.sequence_tagger import TaggedSource

NAMED = ("format", "token_column", "tag_column", "id", "time", "label", "features", "decoder")
"""Settings that an option of their own explains."""

SHOWN = ["Jordan", "visited", "Paris", "in", "May", ",", "and", "May", "flew", "to", "Jordan", "."]
"""A sentence for the demo: two words that mean two things each."""


def fit(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Sentences: a text file of one word per line with its tag in a column beside it, and a blank line "
            "after each sentence (CoNLL), or a folder of such files. Numbers: a CSV or Parquet file, one row per step.",
        ),
    ],
    out: Out,
    resume: Resume = False,
    tensorboard: TensorBoard = False,
    doctor: Doctor = None,
    format: Annotated[
        str | None,
        typer.Option(metavar="NAME", rich_help_panel=DATA, help="Sentences: conll (unless given) or conllu."),
    ] = None,
    token_column: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=DATA,
            help="Sentences: column of the words, counted from 1; the first unless given, of conllu the second.",
        ),
    ] = None,
    tag_column: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=DATA,
            help="Sentences: column of the tags; the last unless given, of conllu the fourth.",
        ),
    ] = None,
    id: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", rich_help_panel=DATA, help="Numbers: column that tells the sequences apart."),
    ] = None,
    time: Annotated[
        str | None, typer.Option(metavar="COLUMN", rich_help_panel=DATA, help="Numbers: column that orders the steps.")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", rich_help_panel=DATA, help="Numbers: column of the tags; found by name."),
    ] = None,
    features: Annotated[
        list[str] | None,
        typer.Option(
            "--feature",
            metavar="COLUMN",
            rich_help_panel=DATA,
            help="Numbers: a column to tag by; repeatable. Without it: all that have no other part.",
        ),
    ] = None,
    decoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=MODEL,
            help="crf: the tags of a sequence are chosen together (unless given); softmax: each by itself.",
        ),
    ] = None,
    cell: CellName = None,
    set_: Settings = None,
    validation: Validation = None,
    test: Test = None,
    holdout: Holdout = None,
) -> None:
    """Train a tagger: a tag for every word of a sentence, or every step of a sequence of numbers.

    Prints its scores on held-out data next to those of simple baselines, and saves it.

    Example:
      ostinato fit tagger names.conll --test names-test.conll --out model/
    """
    from ostinato.cli.train import program
    from ostinato.tasks import SequenceTagger
    from ostinato.training import DistributedContext

    share = held_out(holdout, test)
    options = {
        "format": format,
        "token_column": token_column,
        "tag_column": tag_column,
        "id": id,
        "time": time,
        "label": label,
        "features": features,
        "decoder": decoder,
        "cell": cell,
        "doctor": doctor,
    }
    model = SequenceTagger(**merged(options, set_))
    training: TaggedSource = data
    scored: TaggedSequences | None = None if test is None else model.read(test)
    scored_on = f"Scores on {test}"
    if share:
        training, scored = model.read(data).split(share, model.settings.seed)
        scored_on = f"Scores on the held-out {share:.0%}"
    checked = None if validation is None else model.read(validation)
    _train(model, training, out, checked, scored, scored_on, resume=resume, tensorboard=tensorboard)
    console = screen(quiet=not DistributedContext.from_environment().main)
    console.print(f"Tag with: {program('predict', out, data)}", soft_wrap=True)


def _train(
    model: "SequenceTagger",
    data: "TaggedSource",
    out: Path,
    validation: "TaggedSequences | None",
    scored: "TaggedSequences | None",
    scored_on: str,
    *,
    resume: bool = False,
    tensorboard: bool = False,
) -> None:
    from ostinato.cli.tasks.train import train_and_score
    from ostinato.training import DistributedContext

    train_and_score(model, data, out, validation, scored, scored_on, resume=resume, tensorboard=tensorboard)
    if scored is not None and DistributedContext.from_environment().main:
        table = model.report(scored)
        shown = table.assign(**{name: (100 * table[name]).round(1) for name in ("precision", "recall", "f1")})
        screen().print(f"\nIn per cent, by kind:\n\n{shown.to_string(index=False)}\n")
