"""Batches on a device."""

from typing import Any

import torch
from torch import Tensor


def moved(batch: Any, device: torch.device) -> Any:
    """A batch on a device: a tensor, or tuples and named tuples of them; None stays None.

    Raises:
        TypeError: It holds anything else.

    Example:
        >>> import torch
        >>> from ostinato.training import moved
        >>> x, lengths = moved((torch.zeros(2, 5, 3), None), torch.device("cpu"))
        >>> x.device, lengths
        (device(type='cpu'), None)
    """
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, tuple):
        parts = [moved(part, device) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else tuple(parts)
    if batch is None:
        return None
    raise TypeError(f"a batch is tuples of tensors; this one holds a {type(batch).__name__}")
