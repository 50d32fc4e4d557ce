"""Long short-term memory and its options."""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ostinato.cells.cell import Cell


class LSTMState(NamedTuple):
    """State of `LSTM`: the output `h` ``(batch, output_size)`` and the memory `c` ``(batch, hidden_size)``."""

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
        peephole: The gates also see the memory: ``i`` and ``f`` see ``c_{t-1}``, ``o`` sees ``c_t``, each through a
            diagonal weight (Gers et al. 2002, eqs. 1-5).
        coupled: The input gate is one minus the forget gate (Greff et al. 2017, section 3: CIFG). The weights then have
            three blocks ``[f, g, o]``.
        layer_norm: ``LN(W_ih x_t) + LN(W_hh h_{t-1}) + b`` and ``h_t = s(o) * tanh(LN(c_t))`` (Ba et al. 2016,
            eqs. 20-22).
        forget_bias: The forget gate's initial bias (the sum of both biases), so that memories last from the start
            (Jozefowicz et al. 2015); None leaves torch's random one.

    Raises:
        ValueError: For a size below 1, ``proj_size >= hidden_size``, or a `forget_bias` without `bias`.
    """

    recurrent_weights: ClassVar = ("weight_hh",)
    drops_state: ClassVar = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        bias: bool = True,
        proj_size: int = 0,
        peephole: bool = False,
        coupled: bool = False,
        layer_norm: bool = False,
        forget_bias: float | None = None,
    ) -> None:
        super().__init__(input_size, proj_size or hidden_size)
        if not 0 <= proj_size < max(hidden_size, 1):
            raise ValueError(f"proj_size must be in [0, hidden_size), got {proj_size} with hidden_size {hidden_size}")
        self.hidden_size = hidden_size
        self.proj_size = proj_size
        self.coupled = coupled
        bound = hidden_size**-0.5  # torch's bound, also with a projection
        gates = (3 if coupled else 4) * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(gates, input_size).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(gates, self.output_size).uniform_(-bound, bound))
        self.bias_ih = nn.Parameter(torch.empty(gates).uniform_(-bound, bound)) if bias else None
        self.bias_hh = nn.Parameter(torch.empty(gates).uniform_(-bound, bound)) if bias else None
        self.weight_hr = (
            nn.Parameter(torch.empty(proj_size, hidden_size).uniform_(-bound, bound)) if proj_size else None
        )
        self.peephole = nn.Parameter(torch.empty(3, hidden_size).uniform_(-bound, bound)) if peephole else None
        self.norm_ih = nn.LayerNorm(gates, bias=False) if layer_norm else None
        self.norm_hh = nn.LayerNorm(gates, bias=False) if layer_norm else None
        self.norm_c = nn.LayerNorm(hidden_size) if layer_norm else None
        if forget_bias is not None and not self.remember(forget_bias):
            raise ValueError("forget_bias needs bias=True")

    @torch.no_grad()
    def remember(self, bias: float) -> bool:
        if self.bias_ih is None or self.bias_hh is None:
            return False
        forget = slice(0, self.hidden_size) if self.coupled else slice(self.hidden_size, 2 * self.hidden_size)
        self.bias_ih[forget] = bias
        self.bias_hh[forget] = 0.0
        return True

    @property
    def plain(self) -> bool:
        """Whether this is exactly torch's LSTM (a projection included)."""
        return self.peephole is None and self.norm_c is None and not self.coupled

    @property
    def gates(self) -> tuple[str, ...]:  # type: ignore[override]
        """A coupled LSTM has no input gate of its own."""
        return ("forget", "output") if self.coupled else ("forget", "input", "output")

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> LSTMState:
        h = torch.zeros(batch_size, self.output_size, device=device, dtype=dtype)
        c = torch.zeros(batch_size, self.hidden_size, device=device, dtype=dtype)
        return LSTMState(h, c)

    def forward(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        x, seen = self.drop(x, state.h)
        *i, f, g, o = torch.split(self._gates(x, seen), self.hidden_size, dim=-1)  # no i when coupled
        if self.peephole is not None:
            peep_i, peep_f, peep_o = self.peephole
            f = f + peep_f * state.c
            i = [gate + peep_i * state.c for gate in i]
        forget = torch.sigmoid(f)
        write = torch.sigmoid(i[0]) if i else 1 - forget
        c = forget * state.c + write * torch.tanh(g)
        if self.peephole is not None:
            o = o + peep_o * c
        h = torch.sigmoid(o) * torch.tanh(c if self.norm_c is None else self.norm_c(c))
        if self.weight_hr is not None:
            h = F.linear(h, self.weight_hr)
        return h, LSTMState(h, c)

    def _gates(self, x: Tensor, h: Tensor) -> Tensor:
        if self.norm_ih is None or self.norm_hh is None:
            return F.linear(x, self.weight_ih, self.bias_ih) + F.linear(h, self.weight_hh, self.bias_hh)
        gates: Tensor = self.norm_ih(F.linear(x, self.weight_ih)) + self.norm_hh(F.linear(h, self.weight_hh))
        return gates if self.bias_ih is None or self.bias_hh is None else gates + self.bias_ih + self.bias_hh
