"""Trials as a table for the terminal, as a CSV file and in words."""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ostinato.demos.memory.trial import Trial
from ostinato.storage import written_whole

T = TypeVar("T")

COLUMNS = ("task", "cell", "lag", "score", "baseline", "solved", "rate_before", "rate_after", "steps", "seconds")

ARRIVES = 0.01
"""Share of a gradient that must be left after all steps of the lag to call it arrived."""

SOLVED_MARK = "✓"


def table(trials: Sequence[Trial]) -> Table:
    """The trials of one task: a row a cell, a column a lag.

    Of each the score, marked when solved, and by how many per cent the gradient changes on each step back, before and
    after training; "none" where no gradient comes back.

    Args:
        trials: Of one task, every cell at every lag.
    """
    lags, cells = _in_order(trial.lag for trial in trials), _in_order(trial.cell for trial in trials)
    found = {(trial.cell, trial.lag): trial for trial in trials}
    drawn = Table(box=SIMPLE_HEAD, padding=(0, 1), show_edge=False, pad_edge=False)
    drawn.add_column("cell")
    for lag in lags:
        drawn.add_column(f"T = {lag}", justify="right")
    for cell in cells:
        drawn.add_row(cell, *(_entry(found[cell, lag]) for lag in lags))
    return drawn


def _entry(trial: Trial) -> str:
    mark = SOLVED_MARK if trial.solved else " "
    return f"{trial.score:.2f} {mark}\n{_change(trial.rate_before)} → {_change(trial.rate_after)}"


def _change(rate: float) -> str:
    """What a step does to the gradient, in per cent."""
    return "none" if math.isnan(rate) else f"{100 * math.expm1(rate):+.1f}"


def write_csv(trials: Sequence[Trial], path: Path) -> None:
    """Writes a row a trial.

    Raises:
        OstinatoError: The file cannot be written.
    """
    frame = pd.DataFrame([{name: getattr(trial, name) for name in COLUMNS} for trial in trials])
    with written_whole(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g")


def verdict(trials: Sequence[Trial]) -> str:
    """What the trials say, in plain words: who learns what at which lag, and whether the gradient told before."""
    heading = (
        "What each step back did to the gradient before training (at the longest lags), and the longest lag to which a "
        "task was learned:"
    )
    return "\n".join([heading, "", *_by_cell(trials), "", *_by_gradient(trials)])


def _by_cell(trials: Sequence[Trial]) -> list[str]:
    """A line a cell: the longest lag of each task up to which it solves all, and the rate at the longest lag."""
    tasks, cells = _in_order(trial.task for trial in trials), _in_order(trial.cell for trial in trials)
    width = max(map(len, cells))
    lines = []
    for cell in cells:
        own = [trial for trial in trials if trial.cell == cell]
        reached = [_reached([trial for trial in own if trial.task == task]) for task in tasks]
        learned = ", ".join(f"{task} {lag}" for task, lag in zip(tasks, reached, strict=True) if lag)
        rate = _median([trial.rate_before for trial in own if trial.lag == max(one.lag for one in own)])
        lines.append(f"  {cell:{width}}  {_change(rate):>5} %  {learned or 'nothing'}")
    return lines


def _reached(trials: Iterable[Trial]) -> int:
    """The longest lag that is solved with all shorter ones; 0 for none."""
    reached = 0
    for trial in sorted(trials, key=lambda trial: trial.lag):
        if not trial.solved:
            break
        reached = trial.lag
    return reached


def _by_gradient(trials: Sequence[Trial]) -> list[str]:
    """How often a network learned whose gradient arrived before training, and one whose did not."""
    arrived, lost = _parted(trials, lambda trial: math.exp(trial.rate_before * trial.lag) >= ARRIVES)
    lines = []
    if lost:
        lines.append(
            f"Of {len(lost)} networks whose gradient fell below {ARRIVES:.0%} on its way back over the lag before "
            f"training, {_share(lost)} learned the task."
        )
    if arrived:
        lines.append(f"Of {len(arrived)} with more of it left, {_share(arrived)} did.")
    stuck = _in_order(
        f"{cell} on {task}"
        for task in _in_order(trial.task for trial in trials)
        for cell in _in_order(trial.cell for trial in trials)
        if (own := [trial for trial in arrived if (trial.task, trial.cell) == (task, cell)])
        and not any(trial.solved for trial in own)
    )
    if stuck:
        lines.append(f"A gradient that arrives is not all it takes: see {', '.join(stuck)}.")
    return lines


def _share(trials: Sequence[Trial]) -> str:
    solved = sum(trial.solved for trial in trials)
    return f"{solved} ({solved / len(trials):.0%})"


def _parted(trials: Sequence[Trial], test: Callable[[Trial], bool]) -> tuple[list[Trial], list[Trial]]:
    return [trial for trial in trials if test(trial)], [trial for trial in trials if not test(trial)]


def _median(values: Sequence[float]) -> float:
    return float(pd.Series(values, dtype="float64").median())


def _in_order(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))
