"""Rows that end at their own length."""

import torch
from torch import Tensor


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
