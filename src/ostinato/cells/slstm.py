"""The LSTM with exponential gates and a normalised memory."""

from typing import ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.types import Device

from ostinato.cells.cell import Cell

ForgetGate = Literal["sigmoid", "exponential"]


class SLSTMState(NamedTuple):
    """State of `SLSTM`, each ``(batch, hidden_size)``: output `h`, memory `c`, its normaliser `n`, their log scale `m`.

    The paper's unstabilised memory and normaliser are ``c * exp(m)`` and ``n * exp(m)``. The three belong together:
    zone out `h` alone.

    Example:
        >>> from ostinato.cells import SLSTM
        >>> SLSTM(8, 32).initial_state(4)._fields
        ('h', 'c', 'n', 'm')
    """

    h: Tensor
    c: Tensor
    n: Tensor
    m: Tensor


class SLSTM(Cell[SLSTMState]):
    """The sLSTM (Beck et al. 2024, "xLSTM: Extended Long Short-Term Memory", eqs. 8-17).

    ``[i, f, z, o] = W_ih x_t + W_hh h_{t-1} + b``, in torch's order, z being its g;
    ``m_t = max(log F + m_{t-1}, i)``, ``F' = exp(log F + m_{t-1} - m_t)``, ``I' = exp(i - m_t)``, where the forget gate
    F is ``s(f)`` or ``exp(f)``, s the logistic sigmoid;
    ``c_t = F' * c_{t-1} + I' * tanh(z)``, ``n_t = F' * n_{t-1} + I'``, ``h_t = s(o) * c_t / n_t``.

    The stabiliser m cancels out of ``h_t``. Where the memory is still empty (n is 0, the first step) it is i alone: so
    n is at least 1 from the first step on, and no input is too large or too small.

    Args:
        input_size: Features of one input row.
        hidden_size: Units, also the output's size.
        heads: Blocks of the recurrent matrices: a unit sees the outputs of its own head only (section 2.2, "New memory
            mixing"). `weight_hh` is ``(4 * hidden_size, hidden_size / heads)``.
        forget_gate: F: "sigmoid" (default) or "exponential". Its bias begins spread over each head's units
            so that F is from s(3) to s(6), memories that last from about 20 to 400 steps (a choice made here).
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1, heads that do not divide the units, or an unknown forget gate.

    Example:
        >>> import torch
        >>> from ostinato.cells import SLSTM
        >>> cell = SLSTM(8, 32, heads=4, forget_gate="exponential")
        >>> y, state = cell(1e4 * torch.randn(4, 8), cell.initial_state(4))
        >>> bool(y.isfinite().all())  # exponential gates, and nothing overflows
        True
    """

    recurrent_weights: ClassVar = ("weight_hh",)
    supports_recurrent_dropout: ClassVar = True
    gates: ClassVar = ("output",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        heads: int = 1,
        forget_gate: ForgetGate = "sigmoid",
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        if heads < 1 or hidden_size % heads:
            raise ValueError(f"SLSTM: heads must divide hidden_size {hidden_size}, got {heads}")
        if forget_gate not in get_args(ForgetGate):
            raise ValueError(f"forget_gate must be one of {', '.join(get_args(ForgetGate))}, got {forget_gate!r}")
        self.heads = heads
        self.forget_gate = forget_gate
        self.weight_ih = self.parameter(4 * hidden_size, input_size)
        self.weight_hh = self.parameter(4 * hidden_size, hidden_size // heads)
        self.bias = self.parameter(4 * hidden_size)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        super().reset_parameters()
        units, device = self.output_size, self.bias.device
        spread = torch.linspace(3, 6, units // self.heads, device=device).repeat(self.heads)
        self.bias[units : 2 * units] = spread if self.forget_gate == "sigmoid" else F.logsigmoid(spread)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> SLSTMState:
        return SLSTMState(
            *(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype) for _ in SLSTMState._fields)
        )

    def forward(self, x: Tensor, state: SLSTMState) -> tuple[Tensor, SLSTMState]:
        x, seen = self.apply_recurrent_dropout(x, state.h)
        i, f, z, o = (F.linear(x, self.weight_ih, self.bias) + self._mixed(seen)).chunk(4, dim=-1)
        keep = state.m + (F.logsigmoid(f) if self.forget_gate == "sigmoid" else f)
        keep = torch.where((state.n == 0) & (keep > i), i, keep)  # an empty memory has no scale of its own
        m = torch.where(keep > i, keep, i)
        kept, written = torch.exp(keep - m), torch.exp(i - m)
        c = kept * state.c + written * torch.tanh(z)
        n = kept * state.n + written
        h = torch.sigmoid(o) * (c / n)
        return h, SLSTMState(h, c, n, m)

    def _mixed(self, h: Tensor) -> Tensor:
        """``W_hh h``, head by head: ``(batch, 4 * hidden_size)``."""
        if self.heads == 1:
            return F.linear(h, self.weight_hh)
        batch, heads, size = h.shape[0], self.heads, self.output_size // self.heads
        blocks = self.weight_hh.reshape(4, heads, size, size).transpose(0, 1).flatten(1, 2)
        by_head = torch.bmm(h.reshape(batch, heads, size).transpose(0, 1), blocks.transpose(1, 2))
        return by_head.reshape(heads, batch, 4, size).permute(1, 2, 0, 3).flatten(1)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, heads={self.heads}, forget_gate={self.forget_gate!r}"
