"""How sure an assistant may be of what it has understood, fitted on validation data."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import torch
from torch.nn import functional as F

FLATTEST, STEEPEST = 0.01, 10.0
"""Slopes between which one is sought."""

MOST = 1e3
"""Nats beyond which a request is as unlikely as can be."""


class Confidence(NamedTuple):
    """``sigmoid(offset - slope * nats)``, after Platt 1999, "Probabilistic outputs for support vector machines"."""

    slope: float
    offset: float

    @classmethod
    def fit(cls, nats: Sequence[float], right: Sequence[bool]) -> Self:
        """The likeliest on some recordings.

        Targets are as Platt's, a little short of sure: few recordings, all of them right, make nobody infinitely sure.

        Args:
            nats: The negative log-probability of what was understood, of each.
            right: Whether it was right.
        """
        x = torch.tensor(np.minimum(nats, MOST), dtype=torch.float64)
        good = int(sum(right))
        bad = len(right) - good
        goal = torch.tensor([(good + 1) / (good + 2) if each else 1 / (bad + 2) for each in right], dtype=torch.float64)
        free = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([free], max_iter=100, line_search_fn="strong_wolfe")

        def slope() -> torch.Tensor:
            return free[0].clamp(np.log(FLATTEST), np.log(STEEPEST)).exp()

        def closure() -> float:
            optimizer.zero_grad()
            loss = F.binary_cross_entropy_with_logits(free[1] - slope() * x, goal)
            loss.backward()  # type: ignore[no-untyped-call]
            return float(loss.detach())

        optimizer.step(closure)  # type: ignore[no-untyped-call]
        return cls(float(slope().detach()), float(free[1].detach()))

    def of(self, nats: float) -> float:
        """The probability that what was understood is right."""
        return float(1 / (1 + np.exp(self.slope * min(nats, MOST) - self.offset)))
