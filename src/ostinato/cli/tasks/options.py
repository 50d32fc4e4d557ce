"""Options that the `ostinato fit` commands share."""

from pathlib import Path
from typing import Annotated

import typer

from ostinato.errors import OstinatoError

DATA, MODEL, SCORE = "Options: the data", "Options: the model", "Options: stopping and scoring"
"""Titles of the groups of options in the help."""

Out = Annotated[Path, typer.Option(metavar="FOLDER", help="Folder to save the model in.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a training that was interrupted.")]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Write FOLDER/tensorboard besides FOLDER/metrics.jsonl.")
]
Doctor = Annotated[
    str | None,
    typer.Option(
        "--doctor",
        metavar="[watch|fix]",
        help="Measure gradients through time while training, and warn early; fix also applies the safe remedies.",
    ),
]
CellName = Annotated[
    str | None,
    typer.Option(metavar="NAME", rich_help_panel=MODEL, help="Recurrent cell, one of those listed below."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        rich_help_panel=MODEL,
        help="Any other setting of those listed below, as often as needed: --set epochs=20 --set num_layers=2.",
    ),
]
Validation = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", rich_help_panel=SCORE, help="Data that choose when to stop; without it a share of DATA does."
    ),
]
Test = Annotated[
    Path | None,
    typer.Option(metavar="FILE", rich_help_panel=SCORE, help="Data for the score table; not with --holdout."),
]
Holdout = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        rich_help_panel=SCORE,
        help="Share of DATA kept from training for the score table; 0.1 unless given, 0 with --test.",
    ),
]


def held_out(holdout: float | None, test: object) -> float:
    """The share of the data to keep from training.

    Args:
        holdout: as asked for; None where it was not.
        test: other data to score on; None for none.

    Raises:
        OstinatoError: Both are given, or the share is out of range.
    """
    if test and holdout:
        raise OstinatoError("give --test or --holdout, not both: either is what the model is scored on")
    share = (0.0 if test else 0.1) if holdout is None else holdout
    if not 0 <= share < 1:
        raise OstinatoError(f"--holdout must be a share of at least 0 and below 1, got {share:g}")
    return share
