"""Sequences and the numbers of their labels, side by side."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.modalities import padded
from ostinato.modalities.modality import Steps

Targets = npt.NDArray[Any]
"""Of each row the int64 number of its label, ``(rows,)``; of several, float32 0 and 1, ``(rows, labels)``."""


class Batch(NamedTuple):
    """Sequences of one batch.

    Attributes:
        x: Padded steps, ``(batch, time, ...)``.
        lengths: int64 ``(batch,)``.
        target: See `Targets`.
        begins: The first step of each row that is its own, int64 ``(batch,)``.
    """

    x: Tensor
    lengths: Tensor
    target: Tensor
    begins: Tensor


def gathered(steps: Sequence[Steps], targets: Targets) -> Batch:
    """A batch of the steps of some items."""
    return Batch(*padded(steps), torch.from_numpy(targets), torch.zeros(len(steps), dtype=torch.int64))
