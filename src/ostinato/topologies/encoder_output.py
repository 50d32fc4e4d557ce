"""What an encoder leaves to a decoder, and what the decoder carries from step to step."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from ostinato.cells import State

N = TypeVar("N")


class EncoderOutput(NamedTuple):
    """What the encoder leaves to the decoder; each tensor's first dimension is the batch.

    Attributes:
        keys: The encoder's outputs ``(batch, time, size)``, zero past each row's length.
        mask: Which of them are valid, booleans ``(batch, time)``; None where all are.
        projected: What the attention needs of the keys at every step; None without attention.
        state: The decoder's states before its first step.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU
        >>> from ostinato.nn import Recurrent
        >>> from ostinato.topologies import EncoderDecoder
        >>> net = EncoderDecoder(Recurrent(GRU, 8, 16), Recurrent(GRU, 4, 16), output_size=10)
        >>> read = net.encode(torch.randn(2, 7, 8))
        >>> read.keys.shape, read.state[0].h.shape
        (torch.Size([2, 7, 16]), torch.Size([2, 16]))
    """

    keys: Tensor
    mask: Tensor | None
    projected: Tensor | None
    state: tuple[State, ...]


class DecoderState(NamedTuple):
    """What the decoder carries from step to step.

    Attributes:
        state: The states of its layers.
        context: What it read last, ``(batch, size of the keys)``; None where that is not fed to the next step.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU
        >>> from ostinato.nn import Recurrent
        >>> from ostinato.topologies import EncoderDecoder
        >>> net = EncoderDecoder(Recurrent(GRU, 8, 16), Recurrent(GRU, 20, 16), output_size=10, attention="additive")
        >>> output, carried, weights = net.step(torch.randn(2, 4), net.encode(torch.randn(2, 7, 8)))
        >>> carried.context.shape, weights.shape
        (torch.Size([2, 16]), torch.Size([2, 7]))
    """

    state: tuple[State, ...]
    context: Tensor | None


def select_rows(value: N, rows: Tensor) -> N:
    """Some rows of an `EncoderOutput`, a `DecoderState` or any nested tuple of tensors, in a given order.

    It is what a beam search needs.

    Args:
        value: Tensors ``(batch, ...)`` in tuples, NamedTuples and lists, or None.
        rows: Which rows, int64 ``(rows,)``; a row may come several times.

    Returns:
        The same structure with tensors ``(rows, ...)``.

    Raises:
        TypeError: For anything else in it.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.topologies import select_rows
        >>> state = LSTM(8, 16).initial_state(2)
        >>> select_rows((state, None), torch.tensor([1, 1, 0]))[0].c.shape
        torch.Size([3, 16])
    """
    selected: Any = value
    if isinstance(value, Tensor):
        selected = value.index_select(0, rows)
    elif isinstance(value, tuple | list):
        parts = [select_rows(part, rows) for part in value]
        selected = type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    elif value is not None:
        raise TypeError(f"rows are selected from nested tuples of tensors; this one holds a {type(value).__name__}")
    return selected  # type: ignore[no-any-return]


def join_rows(values: Sequence[N]) -> N:
    """Several of what `select_rows` selects from as one, their rows behind each other.

    Args:
        values: At least one; all of the same structure.

    Returns:
        The same structure with all rows.

    Raises:
        TypeError: For anything in it but tensors and None.

    Example:
        >>> from ostinato.cells import LSTM
        >>> from ostinato.topologies import join_rows
        >>> cell = LSTM(8, 16)
        >>> join_rows([cell.initial_state(2), cell.initial_state(3)]).c.shape
        torch.Size([5, 16])
    """
    first: Any = values[0]
    joined: Any = first
    if isinstance(first, Tensor):
        joined = torch.cat(list(values))  # type: ignore[arg-type]
    elif isinstance(first, tuple | list):
        parts = [join_rows(part) for part in zip(*values, strict=True)]
        joined = type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    elif first is not None:
        raise TypeError(f"rows are joined of nested tuples of tensors; this one holds a {type(first).__name__}")
    return joined  # type: ignore[no-any-return]
