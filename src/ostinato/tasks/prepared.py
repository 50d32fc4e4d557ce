"""What a verb gives to be trained."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
from torch import nn

from ostinato.data.batches import AugmentedBatches, Batches, BucketBatches
from ostinato.tasks.model import Model
from ostinato.tasks.settings import NetworkSettings
from ostinato.training import DistributedContext, Loss, TrainingLogger

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
        score: Of a network on the validation part, lower is better; None where all is trained on.
        model: Makes the model, once the network is trained: calibration, baselines.
        notes: What a user should know of the data.
        verdict: What a user should know of the training, asked after each score; "" for nothing.
    """

    settings: NetworkSettings
    network: nn.Module
    batches: Batches[B]
    loss: Loss[B]
    score: Callable[[nn.Module], float] | None
    model: Callable[[], M]
    notes: tuple[str, ...] = ()
    verdict: Callable[[], str] | None = None

    def scoring(self, logger: TrainingLogger | None) -> Callable[[nn.Module], float] | None:
        """The score, whose verdict is told as soon as it changes."""
        score, verdict = self.score, self.verdict
        if score is None or verdict is None or logger is None:
            return score

        def scored(network: nn.Module) -> float:
            value = score(network)
            logger.say(verdict())
            return value

        return scored


def bucketed(
    lengths: npt.NDArray[np.int64], gather: Callable[[npt.NDArray[np.int64]], B], settings: NetworkSettings
) -> BucketBatches[B]:
    """Batches to train on, of rows of like length, shuffled anew each epoch and shared out among processes.

    Args:
        lengths: Of each row.
        gather: Makes the batch of some rows.
        settings: The batch size and the seed.

    Raises:
        OstinatoError: There are too few rows, or a batch is too small, for so many processes.
    """
    context = DistributedContext.from_environment()
    return BucketBatches(
        lengths,
        settings.batch_size,
        gather,
        seed=settings.seed,
        rank=context.rank,
        world_size=context.world_size,
    )


def augmented(
    lengths: npt.NDArray[np.int64],
    gather: Callable[[npt.NDArray[np.int64], np.random.Generator], B],
    settings: NetworkSettings,
) -> AugmentedBatches[B]:
    """As `bucketed`, of rows that may be augmented.

    Args:
        lengths: Of each row.
        gather: Makes the batch of some rows, with a generator to draw augmentations with.
        settings: The batch size and the seed.

    Raises:
        OstinatoError: As `bucketed`.
    """
    return AugmentedBatches(bucketed(lengths, lambda rows: rows, settings), gather)
