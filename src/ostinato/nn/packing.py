"""Torch's packed sequences: another way to say where rows end."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


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
