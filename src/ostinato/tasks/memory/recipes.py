"""What the demonstration tries."""

from ostinato.tasks.memory.trial import Budget

LAGS: dict[str, tuple[int, ...]] = {
    "recall": (10, 30, 100, 300),
    "copy": (10, 30, 100, 300),
    "adding": (10, 30, 100, 300),
    "parity": (3, 10, 30),
}
"""The lags at which each task is tried."""

BUDGET = Budget()
"""What each network gets."""
