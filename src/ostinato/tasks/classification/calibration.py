"""How sure a model may be: the weight of its linear part and a temperature, fitted on validation data."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

Array = npt.NDArray[np.float64]

WIDEST = 100.0
"""The temperature lies between one over this and this."""

BINS = 15
"""Of the expected calibration error, as Guo et al. use."""


class Mix(NamedTuple):
    """How scores become log-odds: ``(network + linear_weight * linear) / temperature``."""

    linear_weight: float = 0.0
    temperature: float = 1.0

    def raw(self, network: Array, linear: Array | None) -> Array:
        """The scores before they are divided by the temperature."""
        return network if linear is None else network + self.linear_weight * linear

    def logits(self, network: Array, linear: Array | None) -> Array:
        """The log-odds, but for a constant in each row."""
        return self.raw(network, linear) / self.temperature


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
    parts = [torch.from_numpy(np.asarray(part)) for part in (network, linear) if part is not None]
    goal = torch.from_numpy(softened(targets, network.shape[1]))
    logs = torch.zeros(len(parts), dtype=torch.float64, requires_grad=True)
    fixed = torch.tensor([float(temperature)] + [1.0] * (len(parts) - 1), dtype=torch.float64)
    optimizer = torch.optim.LBFGS([logs], max_iter=100, line_search_fn="strong_wolfe")

    def factors() -> torch.Tensor:
        return (logs * fixed).clamp(-np.log(WIDEST), np.log(WIDEST)).exp()

    def closure() -> float:
        optimizer.zero_grad()
        scores = torch.stack(parts, -1) @ factors()
        loss = F.cross_entropy(scores, goal)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    found = factors().detach().tolist()
    mix = Mix(found[1] / found[0] if len(found) > 1 else 0.0, 1 / found[0])
    as_it_was = mix._replace(temperature=1.0)
    after, before = (probabilities(each.logits(network, linear)) for each in (mix, as_it_was))
    worse = any(measure(after, targets) > measure(before, targets) for measure in (log_loss, calibration_error))
    return as_it_was if worse else mix


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
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(targets))
