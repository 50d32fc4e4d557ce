"""What a demonstration is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from rich.console import RenderableType

from ostinato.tasks.estimator import NextStep

Shown: TypeAlias = RenderableType | NextStep
"""What a story tells: a line as it stands, a command to go on with, or a rich renderable laid out to the width."""


class Materials(NamedTuple):
    """Data of a demonstration.

    Attributes:
        data: To learn from.
        test: To score on; None for the share of `data` that the verb holds out by itself.
        validation: To choose when to stop; None for a part of `data`.
    """

    data: Any
    test: Any = None
    validation: Any = None


@dataclass(frozen=True)
class Demo:
    """A model trained on data that come with the package, scored, saved and shown at work.

    Attributes:
        verb: Its name in `ostinato.tasks.registry`.
        settings: Of the estimator, chosen without a look at what is scored.
        materials: Makes the data.
        intro: Says what they are.
        story: Shows the trained model at work and leaves copies of the data in the folder where it is saved.
        scored_on: What it is scored on, as a title; empty for the verb's own.
    """

    verb: str
    settings: dict[str, Any]
    materials: Callable[[], Materials]
    intro: Callable[[Materials], str]
    story: Callable[[Any, Materials, Path], Iterator[Shown]]
    scored_on: str = ""


@dataclass(frozen=True)
class Experiment:
    """A demonstration that leaves no model: in one process, and too short to be resumed.

    Attributes:
        story: Works, tells what is found, and leaves files in a folder that it makes.
    """

    story: Callable[[Path], Iterator[Shown]]
