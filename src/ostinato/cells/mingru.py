"""Minimal gated units: no gate sees the state, so that time could be scanned in parallel."""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.types import Device

from ostinato.cells.cell import Cell


class MinGRUState(NamedTuple):
    """State of `MinGRU` and `MinLSTM`: the hidden layer, ``(batch, hidden_size)``.

    Example:
        >>> from ostinato.cells import MinGRU
        >>> MinGRU(8, 32).initial_state(4).h.shape
        torch.Size([4, 32])
    """

    h: Tensor


def _g(x: Tensor) -> Tensor:
    """Continuous, increasing, above 0: what a logarithm can be taken of (Feng et al. 2024, appendix B)."""
    return torch.where(x >= 0, x + 0.5, torch.sigmoid(x))


class MinGRU(Cell[MinGRUState]):
    """The minimal GRU (Feng et al. 2024, "Were RNNs All We Needed?", section 3.1).

    ``z = s(W_z x_t + b_z)``, ``n = W_n x_t + b_n``, ``h_t = (1 - z) * h_{t-1} + z * n``, s the logistic sigmoid; the
    rows of the weight are z, n.

    Args:
        input_size: Features of one input row.
        hidden_size: Units, also the output's size.
        positive: ``n = g(W_n x_t + b_n)`` with ``g(v) = v + 0.5`` where ``v >= 0``, else ``s(v)``: the candidate of the
            paper's log-space version; default False.
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1.

    Example:
        >>> import torch
        >>> from ostinato.cells import MinGRU
        >>> cell = MinGRU(8, 32)
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
        >>> y.shape
        torch.Size([4, 32])
    """

    gates: ClassVar = ("update",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        positive: bool = False,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        self.positive = positive
        self.weight_ih = self.parameter(2 * hidden_size, input_size)
        self.bias = self.parameter(2 * hidden_size)
        self.reset_parameters()

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> MinGRUState:
        return MinGRUState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x: Tensor, state: MinGRUState) -> tuple[Tensor, MinGRUState]:
        x_z, x_n = F.linear(x, self.weight_ih, self.bias).chunk(2, dim=-1)
        z = torch.sigmoid(x_z)
        h = (1 - z) * state.h + z * (_g(x_n) if self.positive else x_n)
        return h, MinGRUState(h)

    def extra_repr(self) -> str:
        return super().extra_repr() + (", positive=True" if self.positive else "")


class MinLSTM(Cell[MinGRUState]):
    """The minimal LSTM (Feng et al. 2024, "Were RNNs All We Needed?", section 3.2).

    ``f = s(W_f x_t + b_f)``, ``i = s(W_i x_t + b_i)``, ``n = W_n x_t + b_n``;
    ``h_t = f / (f + i) * h_{t-1} + i / (f + i) * n``, s the logistic sigmoid; the rows of the weight are f, i, n.

    Args:
        input_size: Features of one input row.
        hidden_size: Units, also the output's size.
        positive: ``n = g(W_n x_t + b_n)`` with ``g(v) = v + 0.5`` where ``v >= 0``, else ``s(v)``: the candidate of the
            paper's log-space version; default False.
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1.

    Example:
        >>> import torch
        >>> from ostinato.cells import MinLSTM
        >>> cell = MinLSTM(8, 32, positive=True)
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
        >>> bool((y > 0).all())
        True
    """

    gates: ClassVar = ("forget",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        positive: bool = False,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        self.positive = positive
        self.weight_ih = self.parameter(3 * hidden_size, input_size)
        self.bias = self.parameter(3 * hidden_size)
        self.reset_parameters()

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> MinGRUState:
        return MinGRUState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x: Tensor, state: MinGRUState) -> tuple[Tensor, MinGRUState]:
        x_f, x_i, x_n = F.linear(x, self.weight_ih, self.bias).chunk(3, dim=-1)
        # f / (f + i) by the logarithms of f and i: with both gates closed, the quotient itself would be 0 / 0.
        f = torch.sigmoid(F.logsigmoid(x_f) - F.logsigmoid(x_i))
        h = f * state.h + (1 - f) * (_g(x_n) if self.positive else x_n)
        return h, MinGRUState(h)

    def extra_repr(self) -> str:
        return super().extra_repr() + (", positive=True" if self.positive else "")
