"""Simple recurrent units."""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.types import Device

from ostinato.cells.cell import Cell


class SRUState(NamedTuple):
    """State of `SRU`: the memory, ``(batch, hidden_size)``.

    Example:
        >>> from ostinato.cells import SRU
        >>> SRU(8, 32).initial_state(4).c.shape
        torch.Size([4, 32])
    """

    c: Tensor


class SRU(Cell[SRUState]):
    """The simple recurrent unit (Lei et al. 2018, "Simple Recurrent Units for Highly Parallelizable Recurrence").

    ``f = s(W_f x_t + v_f * c_{t-1} + b_f)``, ``r = s(W_r x_t + v_r * c_{t-1} + b_r)``;
    ``c_t = f * c_{t-1} + (1 - f) * W_c x_t``, ``h_t = r * c_t + alpha * (1 - r) * x_t`` (section 3, eqs. 1-4, and the
    scaling correction of section 3.2), s the logistic sigmoid. The output is ``h_t``; only ``c_t`` is carried.

    The rows of ``weight_ih`` are c, f, r; where the sizes differ a fourth block projects the input that ``h_t`` adds.
    Those of ``weight_hh`` (v) and ``bias`` are f, r. Input weights begin with variance 1 / `input_size`, biases at 0
    (section 3.2).

    Args:
        input_size: Features of one input row.
        hidden_size: Units, also the output's size.
        alpha: Factor of the input in the output. ``sqrt(1 + 2 exp(b_r))`` with the initial ``b_r`` gives input and
            output the same variance in deep stacks: sqrt(3), the default. 1 is no correction.
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1, or an `alpha` that is not positive.

    Example:
        >>> import torch
        >>> from ostinato.cells import SRU
        >>> cell = SRU(32, 32)
        >>> y, state = cell(torch.randn(4, 32), cell.initial_state(4))
        >>> y.shape
        torch.Size([4, 32])
    """

    recurrent_weights: ClassVar = ("weight_hh",)
    supports_recurrent_dropout: ClassVar = True
    gates: ClassVar = ("forget", "reset")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        alpha: float = 3**0.5,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        if not alpha > 0:
            raise ValueError(f"alpha must be positive, got {alpha}")
        self.alpha = alpha
        blocks = 3 if input_size == hidden_size else 4
        self.weight_ih = self.parameter(blocks * hidden_size, input_size)
        self.weight_hh = self.parameter(2, hidden_size)
        self.bias = self.parameter(2 * hidden_size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = (3 / self.input_size) ** 0.5
        nn.init.uniform_(self.weight_ih, -bound, bound)
        self.draw(self.weight_hh)
        nn.init.zeros_(self.bias)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> SRUState:
        return SRUState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x: Tensor, state: SRUState) -> tuple[Tensor, SRUState]:
        x, seen = self.apply_recurrent_dropout(x, state.c)
        x_c, x_f, x_r, *projected = torch.split(F.linear(x, self.weight_ih), self.output_size, dim=-1)
        v_f, v_r = self.weight_hh
        b_f, b_r = self.bias.chunk(2)
        f = torch.sigmoid(x_f + v_f * seen + b_f)
        r = torch.sigmoid(x_r + v_r * seen + b_r)
        c = f * state.c + (1 - f) * x_c
        h = r * c + self.alpha * (1 - r) * (projected[0] if projected else x)
        return h, SRUState(c)
