"""Long expressive memory: two states, each with time steps of its own."""

import math
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.types import Device

from ostinato.cells.cell import Cell


class LEMState(NamedTuple):
    """State of `LEM`: the output `y` and the memory `z`, each ``(batch, hidden_size)``.

    Example:
        >>> from ostinato.cells import LEM
        >>> LEM(8, 32).initial_state(4)._fields
        ('y', 'z')
    """

    y: Tensor
    z: Tensor


class LEM(Cell[LEMState]):
    """Long expressive memory (Rusch et al. 2022): a multiscale differential equation (eq. 2), discretised (eq. 3).

    ``a = dt * s(W_1 y_{t-1} + V_1 x_t + b_1)``, ``b = dt * s(W_2 y_{t-1} + V_2 x_t + b_2)``, s the logistic sigmoid;
    ``z_t = (1 - a) * z_{t-1} + a * tanh(W_z y_{t-1} + V_z x_t + b_z)``;
    ``y_t = (1 - b) * y_{t-1} + b * tanh(W_y z_t + V_y x_t + b_y)``. The output is ``y_t``.

    The rows of `weight_ih` and `bias` are 1, 2, z, y; `weight_yh` has the rows 1, 2, z and `weight_zy` is W_y.

    Args:
        input_size: Features of one input row.
        hidden_size: Units of each of the two states, also the output's size.
        dt: The longest time step; the gates a and b choose shorter ones, unit by unit. Up to 1, `y` and `z` stay
            between -1 and 1.
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1, or a `dt` that is not positive and finite.

    Example:
        >>> import torch
        >>> from ostinato.cells import LEM
        >>> cell = LEM(8, 32)
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
        >>> y is state.y
        True
    """

    recurrent_weights: ClassVar = ("weight_yh", "weight_zy")
    supports_recurrent_dropout: ClassVar = True
    gates: ClassVar = ("memory step", "output step")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        dt: float = 1.0,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        if not 0 < dt < math.inf:
            raise ValueError(f"LEM: dt must be positive and finite, got {dt}")
        self.dt = dt
        self.weight_ih = self.parameter(4 * hidden_size, input_size)
        self.weight_yh = self.parameter(3 * hidden_size, hidden_size)
        self.weight_zy = self.parameter(hidden_size, hidden_size)
        self.bias = self.parameter(4 * hidden_size)
        self.reset_parameters()

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> LEMState:
        y = torch.zeros(batch_size, self.output_size, device=device, dtype=dtype)
        return LEMState(y, torch.zeros_like(y))

    def forward(self, x: Tensor, state: LEMState) -> tuple[Tensor, LEMState]:
        features, seen_y = self.apply_recurrent_dropout(x, state.y)
        x_1, x_2, x_z, x_y = F.linear(features, self.weight_ih, self.bias).chunk(4, dim=-1)
        y_1, y_2, y_z = F.linear(seen_y, self.weight_yh).chunk(3, dim=-1)
        a = self.dt * torch.sigmoid(x_1 + y_1)
        b = self.dt * torch.sigmoid(x_2 + y_2)
        z = (1 - a) * state.z + a * torch.tanh(x_z + y_z)
        _, seen_z = self.apply_recurrent_dropout(x, z)
        y = (1 - b) * state.y + b * torch.tanh(x_y + F.linear(seen_z, self.weight_zy))
        return y, LEMState(y, z)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, dt={self.dt}"
