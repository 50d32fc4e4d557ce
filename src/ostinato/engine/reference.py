"""The reference backend: a Python loop over time, the definition of correct."""

from typing import Any

import torch
from torch import Tensor

from ostinato.cells import Cell, State
from ostinato.engine.lengths import valid_steps


def run(cell: Cell[Any], x: Tensor, state: State, lengths: Tensor | None, reverse: bool) -> tuple[Tensor, State]:
    """Runs `cell` over ``(batch, time, features)`` one step at a time; see `ostinato.engine.scan`."""
    steps = range(x.shape[1])
    outputs: list[Tensor] = []
    valid = None if lengths is None else valid_steps(lengths, x.shape[1])
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
