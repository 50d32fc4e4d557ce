"""Vanishing gradients, seen and cured: an LSTM has to name the first of sixty-one symbols, and cannot.

With its forget gates open for the lag at hand, it can. The gradient tells beforehand.
"""

import math

from ostinato.demos.memory.tasks import MEMORY_TASKS
from ostinato.demos.memory.trial import Budget, try_cell


def main() -> None:
    lag, budget = 60, Budget(steps=200)
    for cell in ("elman", "lstm", "lstm, open"):
        trial = try_cell(cell, MEMORY_TASKS["recall"], lag, budget)
        print(
            f"{cell:10}  {math.expm1(trial.rate_before):+.1%} gradient a step back before training; "
            f"after {trial.steps} steps {trial.score:.0%} right"
        )
    print(f"{'guessing':10}  {trial.baseline:.0%} right")


if __name__ == "__main__":
    main()
