"""The reference backend: a Python loop over time, the definition of correct."""

from typing import Any

import torch
from torch import Tensor

from ostinato.cells import Cell, State
from ostinato.engine.lengths import sequence_mask


def hooked(cell: Cell[Any]) -> bool:
    """Whether a step calls hooks, of the cell, of a part of it or of every module: only the plain loop calls them."""
    if torch.nn.modules.module._has_any_global_hook():  # type: ignore[no-untyped-call]
        return True
    modules = cell.modules() if cell._modules else (cell,)
    return any(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
        for module in modules
    )


def run(cell: Cell[Any], x: Tensor, state: State, lengths: Tensor | None, reverse: bool) -> tuple[Tensor, State]:
    """Runs `cell` over ``(batch, time, features)`` one step at a time; see `ostinato.engine.scan`."""
    steps = range(x.shape[1])
    outputs: list[Tensor] = []
    valid = None if lengths is None else sequence_mask(lengths, x.shape[1])
    rows = x.unbind(1)  # its gradient is one tensor; that of x[:, t] would be one as large for every step
    for t in reversed(steps) if reverse else steps:
        y, new = cell(rows[t], state)
        if valid is not None:
            row = valid[:, t, None]
            y = torch.where(row, y, 0)
            new = type(state)(*(torch.where(row, fresh, old) for fresh, old in zip(new, state, strict=True)))
        state = new
        outputs.append(y)
    return torch.stack(outputs[::-1] if reverse else outputs, dim=1), state
