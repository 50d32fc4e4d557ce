"""Zoneout: units that keep their old value by chance."""

from typing import Any

import torch
from torch import Tensor
from torch.types import Device

from ostinato.cells.cell import Cell, State


class Zoneout(Cell[Any]):
    """Any cell with zoneout (Krueger et al. 2017, eq. 2): ``s_t = m * s_{t-1} + (1 - m) * step(x_t, s_{t-1})``.

    The mask m comes in behind the features of `x`, one column per state unit: 1 keeps the old value, 0 takes the new
    one. At evaluation it is the probability itself, which gives the expected state. An output that is one of the
    state's tensors (as in LSTM and GRU) is zoned out with it.

    Args:
        cell: The cell to wrap. ``input_size`` grows by the sum of its state's sizes.
        device: Where the cell is moved; it stays where it is unless given.
        dtype: The type it is brought to; it keeps its own unless given.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU, Zoneout
        >>> cell = Zoneout(GRU(8, 32))
        >>> state = cell.initial_state(4)
        >>> mask = torch.full((4, 32), 1.0)  # every unit keeps its old value
        >>> y, after = cell(torch.cat([torch.randn(4, 8), mask], dim=1), state)
        >>> torch.equal(after.h, state.h)
        True
    """

    def __init__(self, cell: Cell[Any], *, device: Device = None, dtype: torch.dtype | None = None) -> None:
        self.state_sizes = [tensor.shape[1] for tensor in cell.initial_state(1)]
        super().__init__(cell.input_size + sum(self.state_sizes), cell.output_size)
        self.cell = cell
        self.to(device=device, dtype=dtype)

    @property
    def recurrent_weights(self) -> tuple[str, ...]:  # type: ignore[override]
        """The wrapped cell's, by their names in this module."""
        return tuple(f"cell.{name}" for name in self.cell.recurrent_weights)

    @property
    def supports_recurrent_dropout(self) -> bool:  # type: ignore[override]
        """Whether the wrapped cell can drop its recurrent input; that mask stands before zoneout's."""
        return self.cell.supports_recurrent_dropout

    def set_forget_bias(self, bias: float) -> bool:
        return self.cell.set_forget_bias(bias)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return self.cell.initial_state(batch_size, device, dtype)  # type: ignore[no-any-return]

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        features = x.shape[-1] - sum(self.state_sizes)
        x, *masks = torch.split(x, [features, *self.state_sizes], dim=-1)
        y, new = self.cell(x, state)
        mixed = [keep * old + (1 - keep) * fresh for keep, old, fresh in zip(masks, state, new, strict=True)]
        for fresh, zoned in zip(new, mixed, strict=True):
            if y is fresh:
                y = zoned
        return y, type(state)(*mixed)
