"""What the losses over alignments ask of their arguments: padded scores, padded targets, and the lengths of both."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.engine.lengths import as_lengths, sequence_mask

Lengths = Tensor | Sequence[int] | None


class Lattice(NamedTuple):
    """Targets and lengths, checked.

    Attributes:
        targets: Labels ``(batch, labels)``, int64, the blank past each row's length.
        lengths: Frames of each row ``(batch,)``, int64.
        target_lengths: Labels of each row ``(batch,)``, int64.
    """

    targets: Tensor
    lengths: Tensor
    target_lengths: Tensor


def checked(scores: Tensor, targets: Tensor, lengths: Lengths, target_lengths: Lengths, blank: int) -> Lattice:
    """Targets and lengths on the device of the scores.

    Args:
        scores: ``(batch, time, ..., classes)``.
        targets: Whole numbers ``(batch, labels)``; what stands past a row's length is not read.
        lengths: Frames of each row; all unless given.
        target_lengths: Labels of each row; all unless given.
        blank: The class that is no label.

    Raises:
        ValueError: For shapes that do not fit, lengths out of range, or labels that are the blank or no class.
    """
    classes = scores.shape[-1]
    if not 0 <= blank < classes:
        raise ValueError(f"blank must be one of the {classes} classes, got {blank}")
    if targets.dim() != 2 or len(targets) != len(scores) or targets.is_floating_point() or targets.is_complex():
        raise ValueError(
            f"targets must be ({len(scores)}, labels) integers, got {targets.dtype} {tuple(targets.shape)}"
        )
    frames = _all_unless_given(lengths, scores)
    labels = _all_unless_given(target_lengths, targets.to(scores.device))
    valid = sequence_mask(labels, targets.shape[1])
    targets = targets.to(scores.device, torch.int64).masked_fill(~valid, blank)
    wrong = valid & ((targets == blank) | (targets < 0) | (targets >= classes))
    if bool(wrong.any()):
        row, place = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"targets must be labels between 0 and {classes - 1} and not the blank ({blank}), "
            f"got {int(targets[row, place])} in row {row} at place {place}"
        )
    return Lattice(targets, frames, labels)


def _all_unless_given(lengths: Lengths, x: Tensor) -> Tensor:
    given = as_lengths(lengths, x)
    return torch.full((len(x),), x.shape[1], device=x.device) if given is None else given
