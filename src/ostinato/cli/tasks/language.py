"""`ostinato fit language-model`, and its demo."""

from pathlib import Path
from typing import Annotated

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

NAMED = ("tokenizer", "reverse", "lowercase")
"""Settings that an option of their own explains."""


def fit(
    data: Annotated[
        Path, typer.Argument(metavar="TEXT", help="UTF-8 text file of any size, or a folder of such files.")
    ],
    out: Out,
    resume: Resume = False,
    tensorboard: TensorBoard = False,
    doctor: Doctor = None,
    lowercase: Annotated[
        bool, typer.Option("--lowercase", rich_help_panel=DATA, help="Make capitals small letters.")
    ] = False,
    reverse: Annotated[
        bool,
        typer.Option(
            "--reverse", rich_help_panel=DATA, help="Read the text from its end, to write what comes before an ending."
        ),
    ] = False,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=MODEL,
            help="What the text is read and written in: char (unless given), byte, word, bpe.",
        ),
    ] = None,
    cell: CellName = None,
    set_: Settings = None,
    validation: Validation = None,
    test: Test = None,
    holdout: Holdout = None,
) -> None:
    """Train a language model: what comes next in a text.

    It scores texts, writes them, and suggests words. Prints its scores on the held-out end of the text next to those of
    simple baselines, and saves it.

    Example:
      ostinato fit language-model shakespeare.txt --out model/
    """
    from ostinato.cli.tasks.train import train_and_score
    from ostinato.cli.train import program
    from ostinato.data.corpus import Passage
    from ostinato.tasks import LanguageModel
    from ostinato.training import DistributedContext

    share = held_out(holdout, test)
    options = {
        "tokenizer": tokenizer,
        "cell": cell,
        "lowercase": lowercase or None,
        "reverse": reverse or None,
        "doctor": doctor,
    }
    model = LanguageModel(**merged(options, set_))
    training, scored, scored_on = Passage.of(data), None if test is None else Passage.of(test), f"Scores on {test}"
    if share:
        training, scored = training.split(share)
        scored_on = f"Scores on the held-out {share:.0%}"
    train_and_score(model, training, out, validation, scored, scored_on, resume=resume, tensorboard=tensorboard)
    console = screen(quiet=not DistributedContext.from_environment().main)
    console.print(f"Let it write: {program('generate', out, '--prompt', 'The ')}", soft_wrap=True)


def demo(name: str, out: Path, resume: bool) -> None:
    """Trains on the source of Python's own standard library, scores, saves the model, writes and suggests."""
    from ostinato.cli.tasks.train import train_and_score
    from ostinato.cli.train import program
    from ostinato.data.python_source import python_source
    from ostinato.tasks import LanguageModel
    from ostinato.tasks.language.recipes import DEMO
    from ostinato.training import DistributedContext

    console = screen(quiet=not DistributedContext.from_environment().main)
    source = python_source()
    console.print(
        f"{len(source.text.paths)} modules of this Python's standard library, {source.text.paths[0].name} to "
        f"{source.text.paths[-1].name}, read character by character. This takes two minutes or so.\n"
    )
    training, scored = source.split(0.1)
    model = LanguageModel(**DEMO)
    train_and_score(model, training, out, None, scored, "Scores on the last 10 % of the source", resume=resume)
    if console.quiet:
        return
    prompt = "    def "
    console.print(f"\nWhat it writes after {prompt!r}:\n")
    console.print(prompt + "".join(model.generate(prompt, length=300, temperature=0.6, seed=0)), soft_wrap=True)
    for text in ("        return ", "    if isinstance(val"):
        words = ", ".join(f"{word} {share:.0%}" for word, share in model.suggest(text, k=4))
        console.print(f"\nWhat it suggests after {text!r}: {words}", soft_wrap=True)
    console.print(f"\nLet it write: {program('generate', out, '--prompt', 'import ')}", soft_wrap=True)
    console.print(f"Ask for words: {program('suggest', out, 'for key in ')}", soft_wrap=True)
