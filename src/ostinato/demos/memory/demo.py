"""Every cell on every memory task at growing lags: tables, a picture and a verdict."""

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from ostinato.demos.demo import Experiment, Shown
from ostinato.demos.memory.plot import plot_trials
from ostinato.demos.memory.starts import STARTS
from ostinato.demos.memory.table import table, verdict, write_csv
from ostinato.demos.memory.tasks import MEMORY_TASKS
from ostinato.demos.memory.trial import Budget, Trial, try_cell
from ostinato.tasks.plot import save_plot

LAGS: dict[str, tuple[int, ...]] = {
    "recall": (10, 30, 100, 300),
    "copy": (10, 30, 100, 300),
    "adding": (10, 30, 100, 300),
    "parity": (3, 10, 30),
}
"""The lags at which each task is tried."""

BUDGET = Budget()
"""What each network gets."""

INTRO = (
    "What a network is asked for, it was shown T steps before. Small networks, alike but for the cell, learn four such "
    "tasks; before and after it is measured how the gradient fares on its way back. This takes four minutes or so."
    "\n\nThe cells:"
)


def _story(folder: Path) -> Iterator[Shown]:
    began = perf_counter()
    yield Text(INTRO)
    for cell, start in STARTS.items():
        yield Text(f"  {cell:10}  {start.about}")
    trials: list[Trial] = []
    errors = Console(stderr=True)
    with Progress(console=errors, disable=not errors.is_terminal, transient=True) as progress:
        bar = progress.add_task("", total=sum(map(len, LAGS.values())) * len(STARTS))
        for name, lags in LAGS.items():
            task, own = MEMORY_TASKS[name], []
            for lag in lags:
                for cell in STARTS:
                    progress.update(bar, description=f"{name}, T = {lag}, {cell}")
                    own.append(try_cell(cell, task, lag, BUDGET))
                    progress.advance(bar)
            scored = "R2" if task.classes is None else "share of right answers"
            yield Text(
                f"\n{name}: {task.about}. Score ({scored}; {task.baseline:.2g} without looking; ✓ is solved), and "
                "below it by how many per cent each step back changes the gradient, before → after training:\n"
            )
            yield table(own)
            trials += own
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(trials, folder / "memory.csv")
    save_plot(plot_trials(trials), folder / "memory.png")
    yield Text(f"\n{verdict(trials)}")
    yield f"\nTook {perf_counter() - began:.0f} s. Saved to {folder}: memory.png, memory.csv"


DEMO = Experiment(_story)
