"""Gated recurrent units."""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.types import Device

from ostinato.cells.cell import Cell


class GRUState(NamedTuple):
    """State of `GRU` and `MGU`: the hidden layer, ``(batch, hidden_size)``.

    Example:
        >>> from ostinato.cells import GRU
        >>> GRU(8, 32).initial_state(4).h.shape
        torch.Size([4, 32])
    """

    h: Tensor


class GRU(Cell[GRUState]):
    """The gated recurrent unit (Cho et al. 2014, "Learning Phrase Representations", eqs. 5-8).

    ``r = s(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)``, ``z`` likewise, gates in torch's order r, z, n;
    ``n = tanh(W_in x_t + b_in + r * (W_hn h_{t-1} + b_hn))`` (reset after, as torch and cuDNN), or
    ``n = tanh(W_in x_t + b_in + W_hn (r * h_{t-1}) + b_hn)`` (reset before, as Cho et al.);
    ``h_t = (1 - z) * n + z * h_{t-1}``.

    Args:
        input_size: Features of one input row.
        hidden_size: Units, also the output's size.
        bias: Whether the two biases are there, as in `torch.nn.GRU`.
        reset_after: Whether the reset gate acts after the recurrent multiplication (default, torch's) or before it.
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU
        >>> cell = GRU(8, 32)
        >>> cell.load_state_dict(torch.nn.GRUCell(8, 32).state_dict())  # torch's names, shapes and order of gates
        <All keys matched successfully>
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
        >>> y.shape
        torch.Size([4, 32])
    """

    recurrent_weights: ClassVar = ("weight_hh",)
    supports_recurrent_dropout: ClassVar = True
    gates: ClassVar = ("reset", "update")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        bias: bool = True,
        reset_after: bool = True,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        self.reset_after = reset_after
        self.weight_ih = self.parameter(3 * hidden_size, input_size)
        self.weight_hh = self.parameter(3 * hidden_size, hidden_size)
        self.bias_ih = self.parameter(3 * hidden_size) if bias else None
        self.bias_hh = self.parameter(3 * hidden_size) if bias else None
        self.reset_parameters()

    @torch.no_grad()
    def set_forget_bias(self, bias: float) -> bool:
        if self.bias_ih is None or self.bias_hh is None:
            return False
        update = slice(self.output_size, 2 * self.output_size)
        self.bias_ih[update] = bias
        self.bias_hh[update] = 0.0
        return True

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> GRUState:
        return GRUState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x: Tensor, state: GRUState) -> tuple[Tensor, GRUState]:
        x, seen = self.apply_recurrent_dropout(x, state.h)
        H = self.output_size
        x_r, x_z, x_n = F.linear(x, self.weight_ih, self.bias_ih).chunk(3, dim=-1)
        if self.reset_after:
            h_r, h_z, h_n = F.linear(seen, self.weight_hh, self.bias_hh).chunk(3, dim=-1)
            candidate = torch.sigmoid(x_r + h_r) * h_n
        else:
            bias_gates, bias_n = (None, None) if self.bias_hh is None else torch.split(self.bias_hh, [2 * H, H])
            h_r, h_z = F.linear(seen, self.weight_hh[: 2 * H], bias_gates).chunk(2, dim=-1)
            candidate = F.linear(torch.sigmoid(x_r + h_r) * seen, self.weight_hh[2 * H :], bias_n)
        z = torch.sigmoid(x_z + h_z)
        h = (1 - z) * torch.tanh(x_n + candidate) + z * state.h
        return h, GRUState(h)

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.reset_after else ", reset_after=False")


class MGU(Cell[GRUState]):
    """The minimal gated unit (Zhou et al. 2016, eqs. 6-8): one gate.

    ``f = s(W_if x_t + W_hf h_{t-1} + b_f)``, ``n = tanh(W_in x_t + W_hn (f * h_{t-1}) + b_n)``,
    ``h_t = (1 - f) * h_{t-1} + f * n``; the rows of the weights are f, n.

    Args:
        input_size: Features of one input row.
        hidden_size: Units, also the output's size.
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1.

    Example:
        >>> import torch
        >>> from ostinato.cells import MGU
        >>> cell = MGU(8, 32)
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
        >>> cell.weight_hh.shape  # two blocks of rows, where a GRU has three
        torch.Size([64, 32])
    """

    recurrent_weights: ClassVar = ("weight_hh",)
    supports_recurrent_dropout: ClassVar = True
    gates: ClassVar = ("forget",)

    def __init__(
        self, input_size: int, hidden_size: int, *, device: Device = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        self.weight_ih = self.parameter(2 * hidden_size, input_size)
        self.weight_hh = self.parameter(2 * hidden_size, hidden_size)
        self.bias = self.parameter(2 * hidden_size)
        self.reset_parameters()

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> GRUState:
        return GRUState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x: Tensor, state: GRUState) -> tuple[Tensor, GRUState]:
        x, seen = self.apply_recurrent_dropout(x, state.h)
        x_f, x_n = F.linear(x, self.weight_ih, self.bias).chunk(2, dim=-1)
        weight_f, weight_n = self.weight_hh.chunk(2)
        f = torch.sigmoid(x_f + F.linear(seen, weight_f))
        n = torch.tanh(x_n + F.linear(f * seen, weight_n))
        h = (1 - f) * state.h + f * n
        return h, GRUState(h)
