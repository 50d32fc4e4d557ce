"""`ostinato fit chatbot`, and its demo."""

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

NAMED = ("speaker", "context_turns", "tokenizer", "hidden_size", "epochs", "threshold", "seed")
"""Settings that an option of their own explains."""

ASKED = (
    "Hello.",
    "How much is a cello?",
    "Can I rent one?",
    "Who teaches the harp here?",
    "Which planet has the most moons?",
    "Thank you.",
)
"""What is said at the end of the demo; the last question but one is not about a music shop."""


def fit(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help='Dialogues, a file or folder of them: .jsonl with {"turns": ["...", "..."]} a line, two columns '
            "separated by a tab (said, reply), or one turn per line and a blank line between dialogues; .gz too.",
        ),
    ],
    out: Out,
    resume: Resume = False,
    tensorboard: TensorBoard = False,
    doctor: Doctor = None,
    speaker: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=DATA,
            help="Learn only the replies of this speaker, where the dialogues name speakers.",
        ),
    ] = None,
    context_turns: Annotated[
        int | None,
        typer.Option(metavar="N", rich_help_panel=MODEL, help="Turns it reads before it replies; 3 unless given."),
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(metavar="NAME", rich_help_panel=MODEL, help="What it writes: bpe (pieces of words), word, char."),
    ] = None,
    cell: CellName = None,
    hidden_size: Annotated[
        int | None, typer.Option(metavar="N", rich_help_panel=MODEL, help="Units of each recurrent layer.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", rich_help_panel=MODEL, help="Passes over the training dialogues.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            rich_help_panel=MODEL,
            help="Confidence below which it says that it has nothing to say; 0.05 unless given, 0: it always replies.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", rich_help_panel=MODEL, help="Seed of all that is drawn.")
    ] = None,
    set_: Settings = None,
    validation: Validation = None,
    test: Test = None,
    holdout: Holdout = None,
) -> None:
    """Train a chatbot on recorded dialogues.

    Prints its scores on dialogues it has not seen next to those of simple baselines, and saves it.

    Example:
      ostinato fit chatbot dialogues.jsonl --out model/
    """
    from ostinato.cli.tasks.train import train_and_score
    from ostinato.cli.train import program
    from ostinato.data.dialogues import Dialogues
    from ostinato.tasks import Chatbot
    from ostinato.training import DistributedContext

    options = {
        "speaker": speaker,
        "context_turns": context_turns,
        "tokenizer": tokenizer,
        "cell": cell,
        "hidden_size": hidden_size,
        "epochs": epochs,
        "threshold": threshold,
        "seed": seed,
        "doctor": doctor,
    }
    model = Chatbot(**merged(options, set_))
    share = held_out(holdout, test)
    training, unseen = Dialogues.of(data), None if test is None else Dialogues.of(test)
    if share:
        training, unseen = training.split(share, model.settings.seed)
    train_and_score(
        model,
        training,
        out,
        None if validation is None else Dialogues.of(validation),
        unseen,
        f"Scores on {test}" if test is not None else f"Scores on the held-out {share:.0%} of the dialogues",
        resume=resume,
        tensorboard=tensorboard,
    )
    console = screen(quiet=not DistributedContext.from_environment().main)
    console.print(f"Talk to it with: {program('chat', out)}", soft_wrap=True)
