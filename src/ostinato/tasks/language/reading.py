"""Reading a text from end to end, and what every unit of it costs a model."""

from collections.abc import Callable, Iterator
from copy import deepcopy

import torch
from torch import Tensor

from ostinato.cells import State
from ostinato.engine import detach
from ostinato.tasks.language.network import LanguageNetwork
from ostinato.training import moved

STEPS = 1024
"""Units read at a time."""

ADAPTING_STEPS = 20
"""Units that are read before the weights are adapted to them (Krause et al. 2018, section 6.2)."""

EPSILON = 1e-5

Read = Callable[[Tensor, Tensor], Tensor]
"""Nats of units ``(steps,)`` from the ones before them and themselves, chunk after chunk."""


def in_chunks(ids: Tensor, first: int, steps: int = STEPS) -> Iterator[tuple[Tensor, Tensor]]:
    """A text ``(units,)`` as chunks of the units before and the units themselves, ``first`` before all; int64."""
    before = torch.tensor([first])
    for start in range(0, len(ids), steps):
        chunk = ids[start : start + steps].long()
        yield torch.cat([before, chunk[:-1]]), chunk
        before = chunk[-1:]


class Reader:
    """A network that reads one stream, its state carried from chunk to chunk.

    Args:
        network: In evaluation mode.
    """

    def __init__(self, network: LanguageNetwork) -> None:
        self.network, self.device = network, next(network.parameters()).device
        self.state: tuple[State, ...] | None = None

    @torch.no_grad()
    def __call__(self, before: Tensor, following: Tensor) -> Tensor:
        """Nats of each unit of the next chunk ``(steps,)``, float64."""
        reading = self.network(*moved((before[None], following[None]), self.device), self.state, each=True)
        self.state = reading.state
        return reading.nats[0].double().cpu()  # type: ignore[no-any-return]


class AdaptingReader:
    """A network that goes on learning from what it reads, after it was scored on it.

    Dynamic evaluation with the update rule RMS and decay towards the weights as trained (Krause et al. 2018, "Dynamic
    Evaluation of Neural Sequence Models", eqs. 5-8); the mean squares of the gradients are those of the chunks read so
    far. Adapts a copy: the network stays as it is.

    Args:
        network: In evaluation mode.
        rate: Learning rate.
        decay: Share of the way back to the trained weights at each chunk.
    """

    def __init__(self, network: LanguageNetwork, rate: float, decay: float) -> None:
        self.network, self.rate, self.decay = deepcopy(network), rate, decay
        self.weights = list(self.network.parameters())
        self.device = self.weights[0].device
        self.trained = [weight.detach().clone() for weight in self.weights]
        self.squares = [torch.zeros_like(weight) for weight in self.weights]
        self.state: tuple[State, ...] | None = None
        self.chunks = 0

    def __call__(self, before: Tensor, following: Tensor) -> Tensor:
        """Nats of each unit of the next chunk ``(steps,)``, float64."""
        with torch.enable_grad():
            reading = self.network(*moved((before[None], following[None]), self.device), self.state, each=True)
            gradients = torch.autograd.grad(reading.nats.mean(), self.weights, materialize_grads=True)
        self.state = detach(reading.state)
        self.chunks += 1
        self._adapt(gradients)
        return reading.nats[0].detach().double().cpu()  # type: ignore[no-any-return]

    @torch.no_grad()
    def _adapt(self, gradients: tuple[Tensor, ...]) -> None:
        for weight, trained, square, gradient in zip(self.weights, self.trained, self.squares, gradients, strict=True):
            square += gradient.square()
            size = (square / self.chunks).sqrt() + EPSILON
            weight.add_(self.decay * (trained - weight)).sub_(self.rate * gradient / size)
