"""What the commands print."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

LINE_SECONDS = 60.0
"""Between the lines that tell a log of something that takes long."""

if TYPE_CHECKING:
    import pandas as pd

    from ostinato.tasks import Estimator
    from ostinato.tasks.score_table import ScoreTable


def screen(*, quiet: bool = False) -> Console:
    """Standard output, on which text stays as it is: brackets in a file name are no markup."""
    return Console(quiet=quiet, markup=False, highlight=False, emoji=False)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Where something takes long: a spinner on standard error, or a line a minute where that is no terminal."""
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status(what):
            yield
        return
    done, began = Event(), monotonic()

    def tell() -> None:
        while not done.wait(LINE_SECONDS):
            console.print(f"{what}: {(monotonic() - began) / 60:.0f} min so far", highlight=False)

    teller = Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def show_scores(console: Console, title: str, scores: "ScoreTable") -> None:
    """A table of scores with what it is of, and what it says in words."""
    console.print(f"{title}, {scores.count:,} {scores.counted}:\n", soft_wrap=True)
    console.print(scores.rich())
    console.print(f"\n{scores.verdict()}")


def show_details(console: Console, model: "Estimator[Any, Any, Any]", data: Any) -> None:
    """What a verb shows beside the scores on some data, if anything."""
    if (details := model.details(data)) is not None:
        console.print()
        console.print(details)


def rows_shown(rows: "pd.DataFrame") -> Table:
    """Rows as a table: numbers at the right, fractions with three decimals; what is long goes on below."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    for column, kind in rows.dtypes.items():
        table.add_column(Text(str(column)), justify="right" if kind.kind in "if" else "left", overflow="fold")
    for row in rows.itertuples(index=False):
        table.add_row(*(Text(f"{cell:.3f}" if isinstance(cell, float) else str(cell)) for cell in row))
    return table
