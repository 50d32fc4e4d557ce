"""The forget gate alone."""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.types import Device

from ostinato.cells.cell import Cell


class JANETState(NamedTuple):
    """State of `JANET`: the memory, which is also the output, ``(batch, hidden_size)``.

    Example:
        >>> from ostinato.cells import JANET
        >>> JANET(8, 32).initial_state(4).h.shape
        torch.Size([4, 32])
    """

    h: Tensor


class JANET(Cell[JANETState]):
    """Just another network: an LSTM of which only the forget gate is left (van der Westhuizen & Lasenby 2018).

    ``f = W_if x_t + W_hf h_{t-1} + b_f``, ``g = tanh(W_ig x_t + W_hg h_{t-1} + b_g)``,
    ``h_t = s(f) * h_{t-1} + (1 - s(f - beta)) * g``, s the logistic sigmoid; the rows of the weights are f, g. From
    "The unreasonable effectiveness of the forget gate".

    Args:
        input_size: Features of one input row.
        hidden_size: Units, also the output's size.
        beta: How much wider than ``1 - s(f)`` the way in stands open, so that a memory that keeps can still take in.
        longest: The longest dependency to be remembered, in steps (T_max, often the sequence's length). The forget
            gate's bias then begins as ``log U(1, longest - 1)``, so that memories last from 1 step to about `longest`
            (chrono initialisation: Tallec & Ollivier 2018). None leaves the uniform one.
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1, or `longest` below 2.

    Example:
        >>> import torch
        >>> from ostinato.cells import JANET
        >>> cell = JANET(8, 32, longest=200)
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
        >>> y.shape
        torch.Size([4, 32])
    """

    recurrent_weights: ClassVar = ("weight_hh",)
    supports_recurrent_dropout: ClassVar = True
    gates: ClassVar = ("forget",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        beta: float = 1.0,
        longest: int | None = None,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        if longest is not None and longest < 2:
            raise ValueError(f"JANET: longest must be at least 2 steps, got {longest}")
        self.beta = beta
        self.longest = longest
        self.weight_ih = self.parameter(2 * hidden_size, input_size)
        self.weight_hh = self.parameter(2 * hidden_size, hidden_size)
        self.bias = self.parameter(2 * hidden_size)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        super().reset_parameters()
        if self.longest is not None:
            self.bias[: self.output_size].uniform_(1, self.longest - 1).log_()

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> JANETState:
        return JANETState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x: Tensor, state: JANETState) -> tuple[Tensor, JANETState]:
        x, seen = self.apply_recurrent_dropout(x, state.h)
        f, g = (F.linear(x, self.weight_ih, self.bias) + F.linear(seen, self.weight_hh)).chunk(2, dim=-1)
        h = torch.sigmoid(f) * state.h + (1 - torch.sigmoid(f - self.beta)) * torch.tanh(g)
        return h, JANETState(h)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, beta={self.beta}"
