"""`ostinato chat`: talk to a trained Chatbot in the terminal."""

import sys
from collections.abc import Iterator
from pathlib import Path
from random import randrange
from typing import TYPE_CHECKING, Annotated

import typer

from ostinato import tasks
from ostinato.cli.file_options import Encoding
from ostinato.cli.settings import merged
from ostinato.cli.standard_input import input_lines
from ostinato.errors import OstinatoError

if TYPE_CHECKING:
    from ostinato.tasks.dialogue.conversation import Conversation

HELP = "/reset forgets what was said, /help shows this, /quit leaves; so do Ctrl-D and Ctrl-C."
PROMPT = "you: "


def chat(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved chatbot.")],
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, max=2**32 - 1, help="Seed: with the same one it replies alike again."),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(metavar="X", help="Below 1 the likely becomes likelier; as trained unless given.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Draw from the likeliest words only, as many as hold this probability."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Confidence below which it says that it has no answer; 0: always answer."),
    ] = None,
    encoding: Encoding = None,
) -> None:
    """Talk to a chatbot; its replies come word by word.

    A line is what you say; lines may also come from a pipe or a file.

    Example:
      ostinato chat model/ --temperature 0.7
    """
    bot = tasks.load(model)
    if not isinstance(bot, tasks.Chatbot):
        raise OstinatoError(f"{model} is a {type(bot).__name__}: chat needs a Chatbot")
    changed = merged({"temperature": temperature, "top_p": top_p, "threshold": threshold}, None)
    conversation = bot.conversation(seed=randrange(2**31) if seed is None else seed, **changed)
    typer.echo(f"{bot.summary()}\n{HELP}\n")
    try:
        for said in _heard(encoding):
            if said == "/quit":
                break
            _answer(conversation, said)
    except KeyboardInterrupt:
        typer.echo()
    typer.echo("Goodbye.")


def _heard(encoding: str | None) -> Iterator[str]:
    """What is said, line by line."""
    if sys.stdin is None or not sys.stdin.isatty():
        for line in input_lines(encoding):
            typer.echo(f"{PROMPT}{line.strip()}")
            yield line.strip()
        return
    while True:
        try:
            yield input(PROMPT).strip()
        except EOFError:
            typer.echo()
            return
        except UnicodeDecodeError:
            raise OstinatoError("what was said is not UTF-8 text") from None


def _answer(conversation: "Conversation", said: str) -> None:
    if not said:
        return
    if said == "/reset":
        conversation.reset()
        typer.echo("All that was said is forgotten.")
    elif said.startswith("/"):
        typer.echo(HELP if said == "/help" else f"There is no {said}: {HELP}")
    else:
        typer.echo("bot: ", nl=False)
        for piece in conversation.stream(said):
            typer.echo(piece, nl=False)
            sys.stdout.flush()
        typer.echo()
