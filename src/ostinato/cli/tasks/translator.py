"""`ostinato fit translator`, and its demo."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ostinato.cli.screen import screen
from ostinato.cli.settings import merged
from ostinato.cli.tasks.options import (
    DATA,
    MODEL,
    SCORE,
    CellName,
    Doctor,
    Holdout,
    Resume,
    Settings,
    TensorBoard,
    held_out,
)
from ostinato.errors import OstinatoError

if TYPE_CHECKING:
    from ostinato.data.pairs import PairSource, ParallelTexts
    from ostinato.tasks import Translator

NAMED = ("tokenizer", "lowercase")
"""Settings that an option of their own explains."""


def fit(
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="Pairs: a tab-separated file (text, translation; or columns source, target and language, if the first "
            "line names them), CSV or JSON lines with those names. Or --source and --target.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Folder to save the model in.")] = None,
    resume: Resume = False,
    tensorboard: TensorBoard = False,
    doctor: Doctor = None,
    source: Annotated[
        Path | None, typer.Option(metavar="FILE", rich_help_panel=DATA, help="Texts, one a line, in place of DATA.")
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option(metavar="FILE", rich_help_panel=DATA, help="Their translations: line n is that of line n."),
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=MODEL,
            help="What texts are cut into: bpe, pieces of words (unless given); word, char or byte.",
        ),
    ] = None,
    lowercase: Annotated[
        bool, typer.Option("--lowercase", rich_help_panel=MODEL, help="Make all texts lower-case.")
    ] = False,
    cell: CellName = None,
    set_: Settings = None,
    validation: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=SCORE,
            help="Pairs that choose when to stop; without them a random tenth of DATA does. Twice for two files whose "
            "lines correspond.",
        ),
    ] = None,
    test: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", rich_help_panel=SCORE, help="Pairs that are scored at the end; twice as for --validation."
        ),
    ] = None,
    holdout: Holdout = None,
) -> None:
    """Train a translator: a network that reads a text and writes another, learned from pairs.

    Prints its scores on pairs it has not seen next to those of simple baselines, and saves it.

    Example:
      ostinato fit translator pairs.tsv --out model/
    """
    from ostinato.cli.train import program
    from ostinato.data.pairs import ParallelTexts
    from ostinato.tasks import Translator
    from ostinato.training import DistributedContext

    if out is None:
        raise OstinatoError("say where to save the model: --out model/")
    settings = merged({"tokenizer": tokenizer, "lowercase": lowercase or None, "cell": cell, "doctor": doctor}, set_)
    model = Translator(**settings)
    pairs = ParallelTexts.of(_training(data, source, target), model.settings.columns)
    share = held_out(holdout, test)
    scored: PairSource | ParallelTexts | None = _files(test, "--test")
    about = f"Scores on {' and '.join(map(str, test or []))}"
    if share:
        pairs, scored = pairs.split(share, model.settings.seed)
        about = f"Scores on the held-out {share:.0%} of the pairs"
    checked = _files(validation, "--validation")
    _train(model, pairs, out, checked, scored, about, resume=resume, tensorboard=tensorboard)
    console = screen(quiet=not DistributedContext.from_environment().main)
    console.print(f"Translate with: {program('translate', out, *_way(model), pairs.sources[0])}", soft_wrap=True)


def _training(data: Path | None, source: Path | None, target: Path | None) -> "PairSource":
    """The one file or the two."""
    if data is not None and source is None and target is None:
        return data
    if data is None and source is not None and target is not None:
        return source, target
    raise OstinatoError("give a file of pairs, DATA, or two files whose lines correspond, --source and --target")


def _files(given: list[Path] | None, option: str) -> "PairSource | None":
    """What an option that may come twice names."""
    if not given:
        return None
    if len(given) > 2:
        raise OstinatoError(f"{option}: {len(given)} files: give one of pairs, or two whose lines correspond")
    return given[0] if len(given) == 1 else (given[0], given[1])


def _way(model: "Translator") -> list[str]:
    languages = model.languages
    return ["--to", languages[0]] if len(languages) > 1 else []


def _train(
    model: "Translator",
    pairs: "ParallelTexts",
    out: Path,
    validation: Any,
    unseen: Any,
    scored_on: str,
    **options: bool,
) -> None:
    from ostinato.cli.tasks.train import train_and_score
    from ostinato.tasks.translation.scores import check_scorer

    if unseen is not None:
        check_scorer()
    train_and_score(model, pairs, out, validation, unseen, scored_on, **options)
