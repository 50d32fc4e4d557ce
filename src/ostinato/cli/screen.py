"""What the commands print."""

from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from ostinato.tasks.score_table import ScoreTable


def screen(*, quiet: bool = False) -> Console:
    """Standard output, on which text stays as it is: brackets in a file name are no markup."""
    return Console(quiet=quiet, markup=False, highlight=False, emoji=False)


def show_scores(console: Console, title: str, scores: "ScoreTable") -> None:
    """A table of scores with what it is of, and what it says in words."""
    console.print(f"{title}, {scores.count:,} {scores.counted}:\n")
    console.print(scores.rich())
    console.print(f"\n{scores.verdict()}")
