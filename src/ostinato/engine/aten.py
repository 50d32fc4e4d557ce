"""The aten backend: torch's own kernels (oneDNN on the CPU, cuDNN on CUDA), for the cells that torch has."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ostinato.cells import GRU, LSTM, Cell, Elman, State
from ostinato.engine.reference import hooked


def why_not(cell: Cell[Any], features: int) -> str | None:
    """Why torch has no kernel for this cell and that many features; None if it has one."""
    if type(cell) not in (LSTM, GRU, Elman):
        return f"torch has no kernel for {type(cell).__name__}"
    if isinstance(cell, GRU) and not cell.reset_after:
        return "torch's GRU resets after the recurrent multiplication"
    if isinstance(cell, Elman) and cell.activation not in ("tanh", "relu"):
        return f"torch's RNN has no activation {cell.activation!r}"
    if features != cell.input_size:
        return "torch's kernels take no recurrent dropout mask"
    if hooked(cell):
        return "torch's kernels call no hooks, and the cell has some"
    return None


def run(
    cell: Cell[Any], weights: Sequence[Tensor], x: Tensor, state: State, lengths: Tensor | None, reverse: bool
) -> tuple[Tensor, State]:
    """Runs `cell` with these weights over ``(batch, time, features)`` in one kernel call."""
    if reverse:
        x = _reversed(x, lengths)
    if lengths is None or len(x) == 0:  # torch packs no empty batch
        y, new = _dense(cell, weights, x, state)
    else:
        y, new = _ragged(cell, weights, x, state, lengths)
    return _reversed(y, lengths) if reverse else y, new


def _reversed(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Each row's valid steps in reverse; the padding stays where it is."""
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)
    last = lengths[:, None] - 1
    index = torch.where(steps <= last, last - steps, steps)
    return x.gather(1, index[..., None].expand_as(x))


def _dense(cell: Cell[Any], weights: Sequence[Tensor], x: Tensor, state: State) -> tuple[Tensor, State]:
    y, *new = _kernel(cell, x, _layered(state), *_weights(cell, weights), 1, 0.0, torch.is_grad_enabled(), False, True)
    return y, type(state)(*(tensor[0] for tensor in new))


def _ragged(
    cell: Cell[Any], weights: Sequence[Tensor], x: Tensor, state: State, lengths: Tensor
) -> tuple[Tensor, State]:
    # Torch packs no empty rows: they run one step, and their results are put back afterwards.
    packed = pack_padded_sequence(x, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
    data, sizes, order, back = packed
    assert order is not None
    assert back is not None
    hx = _layered(type(state)(*(tensor[order] for tensor in state)))
    out, *new = _kernel(cell, data, sizes, hx, *_weights(cell, weights), 1, 0.0, torch.is_grad_enabled(), False)
    y, _ = pad_packed_sequence(PackedSequence(out, sizes, order, back), batch_first=True, total_length=x.shape[1])
    some = (lengths > 0)[:, None]
    final = (torch.where(some, fresh[0][back], old) for fresh, old in zip(new, state, strict=True))
    return torch.where(some[..., None], y, 0), type(state)(*final)


def _kernel(cell: Cell[Any], *arguments: Any) -> Any:
    if isinstance(cell, LSTM):
        return torch.lstm(*arguments)
    if isinstance(cell, GRU):
        return torch.gru(*arguments)
    return (torch.rnn_tanh if cell.activation == "tanh" else torch.rnn_relu)(*arguments)


def _layered(state: State) -> Tensor | list[Tensor]:
    layered = [tensor[None].contiguous() for tensor in state]
    return layered if len(layered) > 1 else layered[0]


def _weights(cell: Any, weights: Sequence[Tensor]) -> tuple[list[Tensor], bool]:
    """A cell's weights, given in the order of `weights_of`, as torch's kernels take them."""
    own = [name for name, weight in cell._parameters.items() if weight is not None]
    named = dict(zip(own, weights, strict=True))
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    return [named[name] for name in names if name in named], cell.bias_ih is not None
