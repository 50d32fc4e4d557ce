"""Sequences and the numbers of their tags, side by side."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.data.tagged import TaggedSequences
from ostinato.modalities import padded
from ostinato.modalities.modality import Steps

TagNumbers = npt.NDArray[np.int64]

ABSENT = -1
"""The number of a tag that training has not seen."""


class TagBatch(NamedTuple):
    """Sequences of one batch.

    Attributes:
        x: Padded steps, ``(batch, time, ...)``.
        lengths: Valid steps, int64 ``(batch,)``.
        tags: Numbers of tags, int64 ``(batch, time)``; empty where there are none.
    """

    x: Tensor
    lengths: Tensor
    tags: Tensor


def gathered(steps: Sequence[Steps], tags: Sequence[TagNumbers] = ()) -> TagBatch:
    """A batch of the steps of some sequences."""
    return TagBatch(*padded(steps), padded(tags)[0] if tags else torch.zeros(0, dtype=torch.int64))


def numbered(sequences: TaggedSequences, tags: Sequence[str]) -> list[TagNumbers]:
    """The numbers of the tags of each sequence, `ABSENT` for others."""
    numbers = {tag: number for number, tag in enumerate(tags)}
    return [np.array([numbers.get(tag, ABSENT) for tag in own], np.int64) for own in sequences.require_tags()]
