"""What a benchmark is, and what one run of it is given."""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ostinato import OstinatoError
from ostinato.tasks.score_table import ScoreTable
from ostinato.training import TrainingLogger

T = TypeVar("T")
Figures = Mapping[str, float]


class Row(NamedTuple):
    """What was measured of one thing.

    Attributes:
        name: Of the thing: a model, a baseline, a cell at a size.
        figures: Metric -> figure; seconds are named so, shares lie between 0 and 1.
        failure: Why there is no figure; empty where there are.
    """

    name: str
    figures: Figures
    failure: str = ""


@dataclass(frozen=True)
class Benchmark:
    """A benchmark, before its module is imported.

    Attributes:
        what: A line on what is measured.
        measure: ``module:function`` beside this file, from a `Run` to rows.
        minutes: About how long one seed takes on two cores.
        settings: Of the estimator, as a recipe has them.
        options: Its own choices and their defaults; those of `--set` must be of the same kind.
        data: The files it reads, below the folder that OSTINATO_DATA names.
        parts: What it can score, the usual first; none where nothing is split.
        seeds: The usual ones; none where the same numbers are drawn always.
        num_threads: The usual number of CPU threads.
        published: Figures of others to stand beside, by whose they are, as shares and seconds too.
        metrics: Those of the page, in the order of its columns.
        routine: Whether it belongs to a run of all.
    """

    what: str
    measure: str
    minutes: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    num_threads: int = 2
    published: Mapping[str, Figures] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    routine: bool = True

    def load(self) -> Callable[["Run"], Iterator[Row]]:
        """The function that measures."""
        module, function = self.measure.split(":")
        return getattr(import_module(module), function)  # type: ignore[no-any-return]

    def part(self, asked: str | None) -> str | None:
        """What is scored, the usual part unless another is asked for.

        Raises:
            OstinatoError: There is no such part.
        """
        if asked is not None and asked not in self.parts:
            raise OstinatoError(f"no part {asked!r} to score: {' or '.join(self.parts) or 'nothing is split here'}")
        return asked or next(iter(self.parts), None)

    def seeded(self, asked: Sequence[int] | None) -> Sequence[int | None]:
        """The seeds to run with, the usual ones unless others are asked for.

        Raises:
            OstinatoError: There is nothing to seed.
        """
        if asked and not self.seeds:
            raise OstinatoError("--seeds: the same numbers are drawn always; leave it out")
        return asked or self.seeds or (None,)

    def chosen(self, changes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Settings and options with changes.

        Raises:
            OstinatoError: For an option of another kind, or where there are no settings of that name.
        """
        for name in {"seed", "num_threads"} & changes.keys():
            raise OstinatoError(f"--set {name}: give it as --{'seeds' if name == 'seed' else 'num-threads'}")
        own = {name: value for name, value in changes.items() if name in self.options}
        for name, value in own.items():
            if type(value) is not type(self.options[name]):
                raise OstinatoError(f"--set {name}={value}: give something like {self.options[name]}")
        others = {name: value for name, value in changes.items() if name not in own}
        if others and not self.settings:
            known = ", ".join(self.options) or "none"
            raise OstinatoError(f"--set {next(iter(others))}: no such option; there is {known}")
        return {**self.settings, **others}, {**self.options, **own}


def data_file(name: str) -> Path:
    """A file below the folder of public data.

    Raises:
        OstinatoError: OSTINATO_DATA is not set, or the file is not there.
    """
    folder = os.environ.get("OSTINATO_DATA")
    if not folder:
        raise OstinatoError(f"set OSTINATO_DATA to the folder with the public data sets, for {name}")
    path = Path(folder) / name
    if not path.exists():
        raise OstinatoError(f"{path} is missing: OSTINATO_DATA must name the folder with the public data sets")
    return path


@dataclass
class Run:
    """One run of a benchmark: one seed, from settings to rows.

    Attributes:
        settings: Of the estimator; the run's seed and threads are among them.
        options: The benchmark's own.
        part: What is scored; None where nothing is split.
        seed: None where the same numbers are drawn always.
        first: Whether it is the first of its seeds: what no seed changes is measured once.
        folder: Where the model and its metrics.jsonl are kept; None for nowhere.
        notes: What was said.
    """

    settings: dict[str, Any]
    options: dict[str, Any]
    part: str | None
    seed: int | None
    num_threads: int
    first: bool = True
    folder: Path | None = None
    notes: list[str] = field(default_factory=list)

    def say(self, text: object) -> None:
        """Prints what is no figure, and keeps it."""
        print(text, flush=True)
        self.notes.append(str(text))

    def train(self, estimator: Callable[..., T], training: Any, validation: Any, **changes: Any) -> tuple[T, float]:
        """A trained model, and the seconds that it took; one with changed settings is not kept."""
        folder = None if changes else self.folder
        logger = None if folder is None else TrainingLogger(folder)
        began = time.perf_counter()
        model: Any = estimator(**self.settings | changes)
        model.fit(training, validation=validation, folder=folder, logger=logger)
        seconds = time.perf_counter() - began
        if folder is not None:
            model.save(folder)
        if not changes:
            self.say(f"{model.summary()} Trained in {seconds:.0f} s.")
        return model, seconds


def rows_of(table: ScoreTable, prefix: str = "", **own: float) -> Iterator[Row]:
    """A row for each model of a table; `own` are more figures of the judged one."""
    for name, scores in table.rows.items():
        yield Row(prefix + name, {**scores, **(own if name == table.model else {})})


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What comes of some work, and its seconds."""
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def median_seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """The median over some repeats, after one that is not counted."""
    work()
    return statistics.median(timed(work)[1] for _ in range(repeats))
