"""Quasi-recurrent networks: a convolution over time, then a pooling without recurrent weights."""

from collections import namedtuple
from functools import cache
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.types import Device

from ostinato.cells.cell import Cell

Pooling = Literal["f", "fo", "ifo"]


@cache
def _qrnn_state(window: int) -> Any:
    return namedtuple("QRNNState", ["c", *(f"x{lag}" for lag in range(1, window))])


class QRNN(Cell[Any]):
    """The quasi-recurrent network (Bradbury et al. 2017, eqs. 1-5).

    ``z = tanh(W_z * x)``, ``f = s(W_f * x)``, and ``o`` and ``i`` like ``f``, where ``W * x`` is a convolution over
    ``x_{t-window+1} ... x_t`` with a bias and s the logistic sigmoid. The pooling is one of

    - "f": ``c_t = f * c_{t-1} + (1 - f) * z``, the output is ``c_t``;
    - "fo": the same ``c_t``, the output is ``o * c_t``;
    - "ifo": ``c_t = f * c_{t-1} + i * z``, the output is ``o * c_t``.

    The state is a NamedTuple ``c, x1, x2, ...``: the memory ``(batch, hidden_size)`` and the `window` - 1 inputs before
    this one, the latest first, each ``(batch, input_size)``. The rows of ``weight_ih`` are z, f, o, i (those that the
    pooling has), its columns the inputs of the window from the oldest to ``x_t``.

    Args:
        input_size: Features of one input row.
        hidden_size: Units, also the output's size.
        pooling: "f", "fo" (default) or "ifo".
        window: Inputs that the convolution sees; 2 unless given.
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size or a window below 1, or an unknown pooling.

    Example:
        >>> import torch
        >>> from ostinato.cells import QRNN
        >>> cell = QRNN(8, 32, pooling="ifo", window=3)
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
        >>> state._fields  # the memory, and the two inputs before this one
        ('c', 'x1', 'x2')
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        pooling: Pooling = "fo",
        window: int = 2,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        if pooling not in get_args(Pooling):
            raise ValueError(f"pooling must be one of {', '.join(get_args(Pooling))}, got {pooling!r}")
        if window < 1:
            raise ValueError(f"window must be at least 1, got {window}")
        self.pooling = pooling
        self.window = window
        blocks = 1 + len(pooling)
        self.weight_ih = self.parameter(blocks * hidden_size, window * input_size)
        self.bias = self.parameter(blocks * hidden_size)
        self.reset_parameters()

    @property
    def gates(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those that the pooling has."""
        return {"f": ("forget",), "fo": ("forget", "output"), "ifo": ("forget", "input", "output")}[self.pooling]

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> Any:
        c = torch.zeros(batch_size, self.output_size, device=device, dtype=dtype)
        before = (torch.zeros(batch_size, self.input_size, device=device, dtype=dtype) for _ in range(self.window - 1))
        return _qrnn_state(self.window)(c, *before)

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        c, *before = state
        seen = torch.cat([*reversed(before), x], dim=-1)
        z, f, *gates = torch.split(F.linear(seen, self.weight_ih, self.bias), self.output_size, dim=-1)
        forget = torch.sigmoid(f)
        write = torch.sigmoid(gates[1]) if self.pooling == "ifo" else 1 - forget
        c = forget * c + write * torch.tanh(z)
        y = torch.sigmoid(gates[0]) * c if gates else c
        return y, type(state)(c, *[x, *before][: self.window - 1])

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, pooling={self.pooling!r}, window={self.window}"
