"""What a verb gives to be trained."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import nn

from ostinato.data.batches import Batches
from ostinato.tasks.model import Model
from ostinato.tasks.settings import NetworkSettings
from ostinato.training import Loss

B = TypeVar("B")
M = TypeVar("M", bound=Model[Any])


@dataclass(frozen=True, eq=False)
class Prepared(Generic[B, M]):
    """A network and what it is trained on, ready to go.

    Attributes:
        settings: With what the data decided in place of None.
        network: Untrained; trained in place.
        batches: To train on, on the CPU.
        loss: Of a batch, which is on the network's device by then; see `ostinato.training.Loss`.
        score: Of a network on the validation part, lower is better.
        model: Makes the model, once the network is trained: calibration, baselines.
        notes: What a user should know of the data.
    """

    settings: NetworkSettings
    network: nn.Module
    batches: Batches[B]
    loss: Loss[B]
    score: Callable[[nn.Module], float]
    model: Callable[[], M]
    notes: tuple[str, ...] = ()
