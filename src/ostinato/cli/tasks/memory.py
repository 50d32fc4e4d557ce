"""The demo of memory: no model to keep, but a comparison of cells."""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import typer

from ostinato.cli.outputs import check_folder
from ostinato.cli.screen import screen
from ostinato.errors import OstinatoError

if TYPE_CHECKING:
    from ostinato.tasks.memory.trial import Trial


def demo(name: str, out: Path, resume: bool) -> None:
    """Trains every cell on every memory task at growing lags; tables, a plot, a CSV file and a verdict."""
    if resume:
        raise OstinatoError(f"demo {name} keeps no checkpoints, as it is short: start it without --resume")
    check_folder(out)
    from ostinato.tasks.memory.plot import plot_trials
    from ostinato.tasks.memory.starts import STARTS
    from ostinato.tasks.memory.table import verdict, write_csv
    from ostinato.tasks.plot import save_plot
    from ostinato.training import DistributedContext, Interrupted

    if DistributedContext.from_environment().world_size > 1:
        raise OstinatoError(f"demo {name} trains in one process: start it without torchrun")
    console, began = screen(), perf_counter()
    console.print(
        "What a network is asked for, it was shown T steps before. Small networks, alike but for the cell, learn four "
        "such tasks; before and after it is measured how the gradient fares on its way back. This takes four minutes "
        "or so.\n\nThe cells:"
    )
    for cell, start in STARTS.items():
        console.print(f"  {cell:10}  {start.about}")
    try:
        trials = _trials()
    except Interrupted:
        typer.echo("interrupted; nothing is kept: begin anew", err=True)
        raise typer.Exit(130) from None
    out.mkdir(parents=True, exist_ok=True)
    write_csv(trials, out / "memory.csv")
    save_plot(plot_trials(trials), out / "memory.png")
    console.print(f"\n{verdict(trials)}")
    console.print(f"\nTook {perf_counter() - began:.0f} s. Saved to {out}: memory.png, memory.csv", soft_wrap=True)


def _trials() -> "list[Trial]":
    """All trials, a table printed as soon as a task is through."""
    from rich.console import Console
    from rich.progress import Progress

    from ostinato.data.memory_tasks import MEMORY_TASKS
    from ostinato.tasks.memory.recipes import BUDGET, LAGS
    from ostinato.tasks.memory.starts import STARTS
    from ostinato.tasks.memory.table import table
    from ostinato.tasks.memory.trial import try_cell

    errors, trials = Console(stderr=True), []
    with Progress(console=errors, disable=not errors.is_terminal, transient=True) as progress:
        bar = progress.add_task("", total=sum(map(len, LAGS.values())) * len(STARTS))
        for name, lags in LAGS.items():
            task = MEMORY_TASKS[name]
            for lag in lags:
                for cell in STARTS:
                    progress.update(bar, description=f"{name}, T = {lag}, {cell}")
                    trials.append(try_cell(cell, task, lag, BUDGET))
                    progress.advance(bar)
            scored = "R2" if task.classes is None else "share of right answers"
            console = screen()
            console.print(
                f"\n{name}: {task.about}. Score ({scored}; {task.baseline:.2g} without looking; ✓ is solved), and "
                "below it by how many per cent each step back changes the gradient, before → after training:\n"
            )
            console.print(table([trial for trial in trials if trial.task == name]))
    return trials
