"""Rows that end at their own length."""

from collections.abc import Sequence

import torch
from torch import Tensor


def as_lengths(lengths: Tensor | Sequence[int] | None, x: Tensor) -> Tensor | None:
    """Lengths as every backend takes them.

    Args:
        lengths: Valid steps of each row, whole numbers ``(batch,)`` between 0 and time: a tensor, a list or a tuple.
        x: ``(batch, time, features)``.

    Returns:
        An int64 tensor on the device of `x`; None for None.

    Raises:
        ValueError: For anything but one whole number a row, and for numbers out of range.
    """
    if lengths is None:
        return None
    if not isinstance(lengths, Tensor):
        if not isinstance(lengths, Sequence) or any(type(n) is bool or not hasattr(n, "__index__") for n in lengths):
            raise ValueError(f"lengths must be {x.shape[0]} integers, got {lengths!r}")
        lengths = torch.tensor([n.__index__() for n in lengths], dtype=torch.int64)
    if (
        lengths.shape != x.shape[:1]
        or lengths.is_floating_point()
        or lengths.is_complex()
        or lengths.dtype == torch.bool
    ):
        raise ValueError(f"lengths must be {x.shape[0]} integers, got {lengths.dtype} {tuple(lengths.shape)}")
    lengths = lengths.to(x.device, torch.int64)  # in uint8, one step before 0 would be 255
    if not torch.compiler.is_compiling():  # a traced graph cannot ask for values; what runs it checks them
        check_range(lengths, x.shape[1])
    return lengths


def check_range(lengths: Tensor, steps: int) -> None:
    """That every row's length lies between 0 and `steps`.

    Raises:
        ValueError: If one does not.
    """
    if lengths.numel() and not (int(lengths.min()) >= 0 and int(lengths.max()) <= steps):
        raise ValueError(f"lengths must lie between 0 and {steps}, got {int(lengths.min())}..{int(lengths.max())}")


def sequence_mask(lengths: Tensor, steps: int) -> Tensor:
    """Which steps of a padded batch are valid.

    Args:
        lengths: Valid steps of each row, integers ``(batch,)``.
        steps: Time steps of the batch.

    Returns:
        Booleans ``(batch, steps)`` on the device of `lengths`: True where valid, the `mask` of the attentions.

    Example:
        >>> import torch
        >>> from ostinato.nn import sequence_mask
        >>> sequence_mask(torch.tensor([3, 1]), steps=3)
        tensor([[ True,  True,  True],
                [ True, False, False]])
    """
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


def mask_steps(x: Tensor, valid: Tensor | None) -> Tensor:
    """`x` with zeros where not valid: ``(batch, time, features)``, booleans ``(batch, time)`` or None for all valid."""
    return x if valid is None else torch.where(valid[..., None], x, 0)
