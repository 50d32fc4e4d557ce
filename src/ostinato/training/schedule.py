"""The learning rate over time."""

import math
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LinearLR, LRScheduler, ReduceLROnPlateau

from ostinato.errors import OstinatoError
from ostinato.training.settings import TrainingSettings


class Schedule:
    """Linear warm-up, then constant, a half cosine down to 0, or cuts on a plateau of the validation score.

    Attributes:
        spent: share of a limited time that is used up; the cosine is over when the steps or the time are.

    Args:
        optimizer: whose learning rate it sets.
        settings: schedule, warmup, plateau_patience and plateau_factor.
        steps: optimiser steps of the whole training.

    Raises:
        OstinatoError: the warm-up would outlast the training.
    """

    def __init__(self, optimizer: Optimizer, settings: TrainingSettings, steps: int) -> None:
        warmup, self.spent = settings.warmup, 0.0
        if warmup >= steps:
            raise OstinatoError(f"warmup={warmup} optimiser steps, but the training has only {steps}: lower it")

        def cosine(step: int) -> float:
            if step < warmup:
                return (step + 1) / (warmup + 1)
            done = max((step - warmup) / (steps - warmup), self.spent)
            return (1 + math.cos(math.pi * min(done, 1.0))) / 2

        self._by_step: LRScheduler = (
            LambdaLR(optimizer, cosine)
            if settings.schedule == "cosine"
            else LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
        )
        self._by_epoch = (
            ReduceLROnPlateau(optimizer, factor=settings.plateau_factor, patience=settings.plateau_patience)
            if settings.schedule == "plateau"
            else None
        )

    def step(self) -> None:
        """After an optimiser step."""
        self._by_step.step()

    def epoch(self, score: float | None) -> None:
        """After an epoch, with its validation score; lower is better."""
        if self._by_epoch is not None and score is not None:
            self._by_epoch.step(score)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs, as JSON."""
        return {
            "by_step": self._by_step.state_dict(),
            "by_epoch": self._by_epoch.state_dict() if self._by_epoch is not None else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self._by_step.load_state_dict(state["by_step"])
        if self._by_epoch is not None:
            self._by_epoch.load_state_dict(state["by_epoch"])
