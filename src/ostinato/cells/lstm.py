"""Long short-term memory and its variants."""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.types import Device

from ostinato.cells.cell import Cell


class LSTMState(NamedTuple):
    """State of `LSTM`: the output `h` ``(batch, output_size)`` and the memory `c` ``(batch, hidden_size)``.

    Example:
        >>> from ostinato.cells import LSTM
        >>> h, c = LSTM(8, 32, proj_size=16).initial_state(4)
        >>> h.shape, c.shape
        (torch.Size([4, 16]), torch.Size([4, 32]))
    """

    h: Tensor
    c: Tensor


class LSTM(Cell[LSTMState]):
    """Long short-term memory (Hochreiter & Schmidhuber 1997) with a forget gate (Gers et al. 2000).

    ``[i, f, g, o] = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh``, in torch's order;
    ``c_t = s(f) * c_{t-1} + s(i) * tanh(g)``, ``h_t = s(o) * tanh(c_t)``, s the logistic sigmoid.

    Args:
        input_size: Features of one input row.
        hidden_size: Memory units.
        bias: Whether the two biases are there, as in `torch.nn.LSTM`.
        proj_size: If above 0, ``h_t = W_hr (s(o) * tanh(c_t))`` has this size (Sak et al. 2014, eq. 6); default 0.
        forget_bias: The forget gate's initial bias (the sum of both biases), so that memories last from the start
            (Jozefowicz et al. 2015); None leaves torch's random one.
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1, ``proj_size >= hidden_size``, or a `forget_bias` without `bias`.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> cell = LSTM(8, 32, forget_bias=1.0)
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
        >>> y is state.h
        True
        >>> cell.load_state_dict(torch.nn.LSTMCell(8, 32).state_dict())  # torch's names, shapes and order of gates
        <All keys matched successfully>
    """

    recurrent_weights: ClassVar = ("weight_hh",)
    supports_recurrent_dropout: ClassVar = True
    gates: ClassVar[tuple[str, ...]] = ("forget", "input", "output")

    blocks: ClassVar[str] = "ifgo"
    """The blocks of rows of the weights, in order: gates, and g, what is written."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        bias: bool = True,
        proj_size: int = 0,
        forget_bias: float | None = None,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, proj_size or hidden_size, device=device, dtype=dtype)
        if not 0 <= proj_size < max(hidden_size, 1):
            raise ValueError(f"proj_size must be in [0, hidden_size), got {proj_size} with hidden_size {hidden_size}")
        if forget_bias is not None and not bias:
            raise ValueError("forget_bias needs bias=True")
        self.hidden_size = hidden_size
        self.proj_size = proj_size
        self.forget_bias = forget_bias
        rows = len(self.blocks) * hidden_size
        self.weight_ih = self.parameter(rows, input_size)
        self.weight_hh = self.parameter(rows, self.output_size)
        self.bias_ih = self.parameter(rows) if bias else None
        self.bias_hh = self.parameter(rows) if bias else None
        self.weight_hr = self.parameter(proj_size, hidden_size) if proj_size else None
        self.reset_parameters()

    @property
    def _fan(self) -> int:
        return self.hidden_size  # torch's, also with a projection

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if self.forget_bias is not None:
            self.set_forget_bias(self.forget_bias)

    @torch.no_grad()
    def set_forget_bias(self, bias: float) -> bool:
        if self.bias_ih is None or self.bias_hh is None:
            return False
        first = self.blocks.index("f") * self.hidden_size
        self.bias_ih[first : first + self.hidden_size] = bias
        self.bias_hh[first : first + self.hidden_size] = 0.0
        return True

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> LSTMState:
        h = torch.zeros(batch_size, self.output_size, device=device, dtype=dtype)
        c = torch.zeros(batch_size, self.hidden_size, device=device, dtype=dtype)
        return LSTMState(h, c)

    def forward(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        i, f, g, o = self._blocks(x, state.h)
        c = torch.sigmoid(f) * state.c + torch.sigmoid(i) * torch.tanh(g)
        h = self._projected(torch.sigmoid(o) * torch.tanh(c))
        return h, LSTMState(h, c)

    def _blocks(self, x: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        """``W_ih x_t + b_ih + W_hh h_{t-1} + b_hh``, block by block."""
        x, h = self.apply_recurrent_dropout(x, h)
        rows = F.linear(x, self.weight_ih, self.bias_ih) + F.linear(h, self.weight_hh, self.bias_hh)
        return torch.split(rows, self.hidden_size, dim=-1)

    def _projected(self, h: Tensor) -> Tensor:
        return h if self.weight_hr is None else F.linear(h, self.weight_hr)


class PeepholeLSTM(LSTM):
    """An LSTM whose gates see the memory, each through a diagonal weight (Gers et al. 2002, eqs. 1-5).

    ``c_t = s(f + p_f * c_{t-1}) * c_{t-1} + s(i + p_i * c_{t-1}) * tanh(g)``, ``h_t = s(o + p_o * c_t) * tanh(c_t)``;
    the rows of `peephole` are ``p_i, p_f, p_o``. Arguments and the rest as in `LSTM`.

    Example:
        >>> import torch
        >>> from ostinato.cells import PeepholeLSTM
        >>> cell = PeepholeLSTM(8, 32)
        >>> cell.peephole.shape
        torch.Size([3, 32])
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        bias: bool = True,
        proj_size: int = 0,
        forget_bias: float | None = None,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            input_size,
            hidden_size,
            bias=bias,
            proj_size=proj_size,
            forget_bias=forget_bias,
            device=device,
            dtype=dtype,
        )
        self.peephole = self.new_weight(3, hidden_size)

    def forward(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        i, f, g, o = self._blocks(x, state.h)
        p_i, p_f, p_o = self.peephole
        c = torch.sigmoid(f + p_f * state.c) * state.c + torch.sigmoid(i + p_i * state.c) * torch.tanh(g)
        h = self._projected(torch.sigmoid(o + p_o * c) * torch.tanh(c))
        return h, LSTMState(h, c)


class CoupledLSTM(LSTM):
    """An LSTM that writes as much as it forgets (Greff et al. 2017, section 3: CIFG).

    The input gate is one minus the forget gate: ``c_t = s(f) * c_{t-1} + (1 - s(f)) * tanh(g)``. The weights have
    three blocks of rows, ``[f, g, o]``. Arguments and the rest as in `LSTM`.

    Example:
        >>> import torch
        >>> from ostinato.cells import CoupledLSTM
        >>> cell = CoupledLSTM(8, 32)
        >>> cell.weight_hh.shape  # three blocks of rows, where an LSTM has four
        torch.Size([96, 32])
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
    """

    gates: ClassVar = ("forget", "output")
    blocks: ClassVar = "fgo"

    def forward(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        f, g, o = self._blocks(x, state.h)
        forget = torch.sigmoid(f)
        c = forget * state.c + (1 - forget) * torch.tanh(g)
        h = self._projected(torch.sigmoid(o) * torch.tanh(c))
        return h, LSTMState(h, c)


class LayerNormLSTM(LSTM):
    """An LSTM with layer normalisation (Ba et al. 2016, eqs. 20-22).

    ``[i, f, g, o] = LN(W_ih x_t) + LN(W_hh h_{t-1}) + b_ih + b_hh``, ``c_t`` as in `LSTM`,
    ``h_t = s(o) * tanh(LN(c_t))``. Arguments and the rest as in `LSTM`.

    Example:
        >>> import torch
        >>> from ostinato.cells import LayerNormLSTM
        >>> from ostinato.engine import scan
        >>> y, state = scan(LayerNormLSTM(8, 32), torch.randn(4, 20, 8))
        >>> y.shape
        torch.Size([4, 20, 32])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        bias: bool = True,
        proj_size: int = 0,
        forget_bias: float | None = None,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            input_size,
            hidden_size,
            bias=bias,
            proj_size=proj_size,
            forget_bias=forget_bias,
            device=device,
            dtype=dtype,
        )
        rows = len(self.blocks) * hidden_size
        self.norm_ih = nn.LayerNorm(rows, bias=False, device=device, dtype=dtype)
        self.norm_hh = nn.LayerNorm(rows, bias=False, device=device, dtype=dtype)
        self.norm_c = nn.LayerNorm(hidden_size, device=device, dtype=dtype)

    def forward(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        i, f, g, o = self._blocks(x, state.h)
        c = torch.sigmoid(f) * state.c + torch.sigmoid(i) * torch.tanh(g)
        h = self._projected(torch.sigmoid(o) * torch.tanh(self.norm_c(c)))
        return h, LSTMState(h, c)

    def _blocks(self, x: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        x, h = self.apply_recurrent_dropout(x, h)
        rows = self.norm_ih(F.linear(x, self.weight_ih)) + self.norm_hh(F.linear(h, self.weight_hh))
        if self.bias_ih is not None and self.bias_hh is not None:
            rows = rows + self.bias_ih + self.bias_hh
        return torch.split(rows, self.hidden_size, dim=-1)
