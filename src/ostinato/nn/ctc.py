"""Connectionist temporal classification: the loss of labels whose places in time are not known."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ostinato.engine.lengths import mask_steps, sequence_mask
from ostinato.nn.alignment import Lattice, Lengths, checked


def ctc_loss(
    scores: Tensor,
    targets: Tensor,
    lengths: Lengths = None,
    target_lengths: Lengths = None,
    *,
    blank: int = 0,
) -> Tensor:
    """The negative log-probability of labels, over all their alignments with the frames (Graves et al. 2006).

    An alignment gives every frame one class; repeats, then blanks, are taken out of it. So two like labels in a row
    need a blank between them, and a row at least as many frames as labels and such repeats. One that has fewer is
    refused: its loss would be infinite, and setting that to zero hides texts that belong to other recordings.

    Args:
        scores: Of each class at each frame, before the softmax ``(batch, time, classes)``. Log-probabilities do as
            well: a softmax leaves them as they are.
        targets: Labels, integers ``(batch, labels)``; what stands past a row's length is not read.
        lengths: Frames of each row, integers ``(batch,)``, a tensor or a list; all unless given.
        target_lengths: Labels of each row, likewise.
        blank: The class that is no label.

    Returns:
        Nats of each row ``(batch,)``; 0 for one without frames and labels.

    Raises:
        ValueError: For shapes that do not fit, labels that are none, or a row with too few frames for its labels.

    Example:
        >>> import torch
        >>> from ostinato.nn import ctc_loss
        >>> scores, targets = torch.zeros(1, 3, 4), torch.tensor([[2, 2]])
        >>> round(ctc_loss(scores, targets).exp().item())  # one alignment of 4 ** 3: 2, blank, 2
        64
    """
    if scores.dim() != 3:
        raise ValueError(f"scores must be (batch, time, classes), got {tuple(scores.shape)}")
    lattice = checked(scores, targets, lengths, target_lengths, blank)
    _check_frames(lattice)
    steps = scores.shape[1]
    if not scores.numel():
        return scores.flatten(1).sum(1)
    # torch's gradient is that of a loss behind a log-softmax, and no other: here it always stands behind one.
    read = mask_steps(scores, sequence_mask(lattice.lengths, steps)).log_softmax(-1)
    # A row without frames is read as one of a single frame, and its loss replaced.
    nats = F.ctc_loss(
        read.transpose(0, 1),
        lattice.targets,
        lattice.lengths.clamp(min=1),
        lattice.target_lengths,
        blank=blank,
        reduction="none",
    )
    return torch.where(lattice.lengths > 0, nats, 0)


def fewest_frames(targets: Tensor, target_lengths: Tensor) -> Tensor:
    """How many frames labels need: one each, and one more between two that are alike.

    Args:
        targets: Labels ``(batch, labels)``.
        target_lengths: Labels of each row ``(batch,)``.

    Returns:
        Frames of each row ``(batch,)``.

    Example:
        >>> import torch
        >>> from ostinato.nn import fewest_frames
        >>> fewest_frames(torch.tensor([[8, 5, 12, 12, 15]]), torch.tensor([5]))
        tensor([6])
    """
    inside = sequence_mask(target_lengths - 1, max(targets.shape[1] - 1, 0))
    return target_lengths + ((targets[:, 1:] == targets[:, :-1]) & inside).sum(1)


def _check_frames(lattice: Lattice) -> None:
    needed = fewest_frames(lattice.targets, lattice.target_lengths)
    short = (lattice.lengths < needed).nonzero()
    if len(short):
        row = int(short[0])
        raise ValueError(
            f"row {row} has {int(lattice.lengths[row])} frames for {int(lattice.target_lengths[row])} labels, which "
            f"need {int(needed[row])} (one each, and one between two that are alike): "
            f"{len(short)} of {len(needed)} rows cannot be aligned"
        )
