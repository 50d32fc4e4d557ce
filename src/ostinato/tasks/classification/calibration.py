"""How sure a model may be: a temperature of its network, and what its linear part tells, fitted on validation data."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

Array = npt.NDArray[np.float64]

WIDEST = 100.0
"""The temperature lies between one over this and this."""

BINS = 15
"""Of the expected calibration error, as Guo et al. use."""


class Mix(NamedTuple):
    """How scores become log-odds: ``network / temperature + log sigmoid(slope * linear + offset)``.

    The sigmoid makes probabilities of a support vector machine's distances (Platt 1999), and of one that is sure of
    several classes, or of none, no more than that.
    """

    temperature: float = 1.0
    slope: float = 1.0
    offset: float = 0.0

    def logits(self, network: Array, linear: Array | None) -> Array:
        """The log-odds, but for a constant in each row."""
        alone = network / self.temperature
        return alone if linear is None else alone - np.logaddexp(0, -self.slope * linear - self.offset)


def fitted_mix(
    network: Array, linear: Array | None, targets: npt.NDArray[np.int64], *, temperature: bool = True
) -> Mix:
    """The mix with the least negative log-likelihood on validation data (temperature scaling: Guo et al. 2017).

    The targets are counted with `softened`'s doubt, so that a small part in which all is told right does not make the
    model infinitely sure. A temperature that fits the targets as they are worse than 1 does, in likelihood or
    calibration error, is given up for 1.

    Args:
        network: Scores ``(rows, classes)``.
        linear: Those of the linear part, or None.
        targets: The number of each row's class.
        temperature: Whether to fit it too; else it is 1.
    """
    goal = torch.from_numpy(softened(targets, network.shape[1]))

    def loss(own: Tensor, beside: Tensor | None) -> Tensor:
        return F.cross_entropy(own if beside is None else own + F.logsigmoid(beside), goal)

    mix = likeliest(network, linear, loss, temperature=temperature)
    as_it_was = mix._replace(temperature=1.0)
    after, before = (probabilities(each.logits(network, linear)) for each in (mix, as_it_was))
    worse = any(measure(after, targets) > measure(before, targets) for measure in (log_loss, calibration_error))
    return as_it_was if worse else mix


def likeliest(
    network: Array, linear: Array | None, loss: Callable[[Tensor, Tensor | None], Tensor], *, temperature: bool
) -> Mix:
    """The mix with the least loss.

    Args:
        network: Scores ``(rows, classes)``.
        linear: Those of the linear part, or None.
        loss: Of ``network / temperature`` and ``slope * linear + offset``.
        temperature: Whether to fit it too; else it is 1.
    """
    scores, distances = (None if part is None else torch.from_numpy(np.asarray(part)) for part in (network, linear))
    assert scores is not None
    free = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([free], max_iter=100, line_search_fn="strong_wolfe")

    def factors() -> Tensor:
        """Of the network, and of the linear part."""
        return (free[:2] * torch.tensor([float(temperature), 1.0])).clamp(-np.log(WIDEST), np.log(WIDEST)).exp()

    def closure() -> float:
        optimizer.zero_grad()
        own, slope = factors()
        worth = loss(own * scores, None if distances is None else slope * distances + free[2])
        worth.backward()  # type: ignore[no-untyped-call]
        return float(worth.detach())

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    own, slope = factors().tolist()
    return Mix(1 / own, slope, float(free[2].detach()))


def softened(targets: npt.NDArray[np.int64], classes: int) -> Array:
    """The probabilities ``(rows, classes)`` that validation rows are taken to have.

    All n rows share one more that is of every class alike: a row is of its class with probability
    (n + 1 / classes) / (n + 1), and of each other with 1 / classes / (n + 1).
    """
    rows = len(targets)
    soft = np.full((rows, classes), 1 / classes / (rows + 1))
    soft[np.arange(rows), targets] += rows / (rows + 1)
    return soft


def probabilities(logits: Array) -> Array:
    """The softmax of each row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def log_odds(logits: Array, of: int) -> Array:
    """The log of a class's probability over that of all others, ``(rows,)``."""
    others = np.delete(logits, of, axis=1)
    highest = others.max(axis=1)
    return np.asarray(logits[:, of] - highest - np.log(np.exp(others - highest[:, None]).sum(axis=1)))


def log_loss(shares: Array, targets: npt.NDArray[np.int64]) -> float:
    """The mean negative log-likelihood of targets, of probabilities ``(rows, classes)``."""
    return float(-np.log(np.maximum(shares[np.arange(len(targets)), targets], np.finfo(np.float64).tiny)).mean())


def calibration_error(shares: Array, targets: npt.NDArray[np.int64]) -> float:
    """The expected calibration error: |accuracy - confidence|, mean over the rows of 15 bins of like confidence.

    Args:
        shares: Probabilities ``(rows, classes)``.
        targets: The number of each row's class.
    """
    confidence = shares.max(axis=1)
    right = shares.argmax(axis=1) == targets
    return gap(confidence, right)


def gap(confidence: Array, right: npt.NDArray[Any]) -> float:
    """|share of what is right - confidence|, mean over 15 bins of like confidence, each counted by its size."""
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))
