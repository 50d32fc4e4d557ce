"""Sequences and the numbers of their labels, side by side."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.modalities import padded
from ostinato.modalities.modality import Steps

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
