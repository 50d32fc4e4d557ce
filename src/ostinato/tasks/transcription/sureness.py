"""How sure a transcriber may be of a word and of a text, fitted on validation data."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ostinato.tasks.classification.calibration import likeliest, softened


class Calibration(NamedTuple):
    """The probability of being right, a sigmoid of what a network tells of it (Platt 1999, "Probabilistic outputs for
    support vector machines").

    Attributes:
        slope: Of the log-odds.
        offset: Added to them.

    Example:
        >>> from ostinato.tasks.transcription.sureness import Calibration
        >>> Calibration(slope=0.5)(0.0)
        0.5
    """

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, told: float) -> float:
        """The probability, of log-odds."""
        return float(1 / (1 + np.exp(-np.clip(self.slope * told + self.offset, -50, 50))))


class Sureness(NamedTuple):
    """Of a word, and of a text.

    Attributes:
        words: Of the log-odds of a word's mean probability.
        texts: Of the log-odds of a text's probability.
    """

    words: Calibration = Calibration()
    texts: Calibration = Calibration()

    def of_word(self, told: float) -> float:
        """The probability that a word is right."""
        return self.words(told)

    def of_text(self, nats: float) -> float:
        """The probability that a text is right, of its log-probability."""
        return self.texts(odds_of(nats))


def odds_of(nats: float) -> float:
    """The log-odds of a log-probability, within bounds."""
    nats = float(np.clip(nats, -50, -1e-9))
    return nats - float(np.log(-np.expm1(nats)))


def calibrated(told: Sequence[float], right: Sequence[bool]) -> Calibration:
    """The calibration with the least negative log-likelihood; as it is where there is nothing to learn from.

    Args:
        told: Log-odds.
        right: Whether each was.
    """
    if not told:
        return Calibration()
    goal = torch.from_numpy(softened(np.array(right, np.int64), 2)[:, 1])

    def loss(nothing: Tensor, beside: Tensor | None) -> Tensor:
        assert beside is not None
        return F.binary_cross_entropy_with_logits(beside, goal)

    distances = np.array(told, np.float64)
    mix = likeliest(np.zeros_like(distances), distances, loss, temperature=False)
    return Calibration(mix.slope, mix.offset)
