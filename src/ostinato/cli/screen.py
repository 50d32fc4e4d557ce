"""What the commands print."""

from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from ostinato.tasks import Estimator
    from ostinato.tasks.score_table import ScoreTable


def screen(*, quiet: bool = False) -> Console:
    """Standard output, on which text stays as it is: brackets in a file name are no markup."""
    return Console(quiet=quiet, markup=False, highlight=False, emoji=False)


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
