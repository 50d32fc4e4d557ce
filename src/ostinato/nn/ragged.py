"""Batches whose rows end at their own length: masks, and torch's packed sequences."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


def valid_steps(lengths: Tensor, steps: int) -> Tensor:
    """Which steps of a padded batch are valid.

    Args:
        lengths: Valid steps of each row, integers ``(batch,)``.
        steps: Time steps of the batch.

    Returns:
        Booleans ``(batch, steps)`` on the device of `lengths`: True where valid, the `mask` of the attentions.
    """
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


def cleared(x: Tensor, valid: Tensor | None) -> Tensor:
    """`x` with zeros where not valid: ``(batch, time, features)``, booleans ``(batch, time)`` or None for all valid."""
    return x if valid is None else torch.where(valid[..., None], x, 0)


def unpack(packed: PackedSequence) -> tuple[Tensor, Tensor]:
    """A packed sequence as ``(batch, time, features)``, padded with zeros, and its lengths; in the user's order."""
    x, lengths = pad_packed_sequence(packed, batch_first=True)
    return x, lengths


def repack(y: Tensor, like: PackedSequence) -> PackedSequence:
    """Packs ``(batch, time, features)`` as `like` is packed: the same lengths, the same order of rows."""
    rows = y if like.sorted_indices is None else y[like.sorted_indices]
    lengths = (like.batch_sizes[:, None] > torch.arange(len(rows))).sum(0)
    data = pack_padded_sequence(rows, lengths, batch_first=True).data
    return PackedSequence(data, like.batch_sizes, like.sorted_indices, like.unsorted_indices)
