"""Sequences and the numbers of their labels, side by side."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.data import BucketBatches
from ostinato.modalities import padded
from ostinato.modalities.modality import Steps
from ostinato.tasks.classification.settings import ClassifierSettings
from ostinato.training import DistributedContext

Targets = npt.NDArray[np.int64]


class Batch(NamedTuple):
    """Sequences of one batch.

    Attributes:
        x: Padded steps, ``(batch, time, ...)``.
        lengths: int64 ``(batch,)``.
        target: int64 ``(batch,)``, the number of the label.
    """

    x: Tensor
    lengths: Tensor
    target: Tensor


def gathered(steps: Sequence[Steps], targets: Targets) -> Batch:
    """A batch of the steps of some items."""
    return Batch(*padded(steps), torch.from_numpy(targets))


def training_batches(items: Sequence[Steps], targets: Targets, settings: ClassifierSettings) -> BucketBatches[Batch]:
    """Batches of sequences of like length, shuffled anew each epoch and shared out among processes."""
    context = DistributedContext.from_environment()
    return BucketBatches(
        np.array([len(steps) for steps in items]),
        settings.batch_size,
        lambda rows: gathered([items[row] for row in rows], targets[rows]),
        seed=settings.seed,
        rank=context.rank,
        world_size=context.world_size,
    )
