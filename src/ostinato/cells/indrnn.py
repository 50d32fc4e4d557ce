"""Independently recurrent networks: each unit sees its own past only."""

from collections.abc import Callable
from typing import ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.types import Device

from ostinato.cells.cell import Cell

Activation = Literal["relu", "tanh"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu, "tanh": torch.tanh}


class IndRNNState(NamedTuple):
    """State of `IndRNN`: the hidden layer, ``(batch, hidden_size)``.

    Example:
        >>> from ostinato.cells import IndRNN
        >>> IndRNN(8, 32).initial_state(4).h.shape
        torch.Size([4, 32])
    """

    h: Tensor


class IndRNN(Cell[IndRNNState]):
    """The independently recurrent network (Li et al. 2018, section 3): a recurrent *vector* in place of a matrix.

    ``h_t = f(W_ih x_t + w_hh * h_{t-1} + b)``, the output is ``h_t``; units meet only in the layer above.

    Over T steps a gradient grows or shrinks at most by ``w_hh^T``. With `longest` = T the recurrent weights are held
    within ``|w_hh| <= 2^(1/T)``, so that no gradient more than doubles (section 3.1, with its gamma = 2). They begin
    uniform in [0, 1], or in [0, 2^(1/T)].

    Args:
        input_size: Features of one input row.
        hidden_size: Units, also the output's size.
        activation: f: "relu" (default) or "tanh".
        longest: Steps of the longest sequence, T; None (default) leaves the recurrent weights unbounded.
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size or a `longest` below 1, or an unknown activation.

    Example:
        >>> import torch
        >>> from ostinato.cells import IndRNN
        >>> cell = IndRNN(8, 32, longest=100)
        >>> cell.weight_hh.shape
        torch.Size([32])
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
    """

    recurrent_weights: ClassVar = ("weight_hh",)
    supports_recurrent_dropout: ClassVar = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: Activation = "relu",
        longest: int | None = None,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(get_args(Activation))}, got {activation!r}")
        if longest is not None and longest < 1:
            raise ValueError(f"longest must be at least 1 step, got {longest}")
        self.activation = activation
        self.longest = longest
        self.weight_ih = self.parameter(hidden_size, input_size)
        self.weight_hh = self.parameter(hidden_size)
        self.bias = self.parameter(hidden_size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        self.draw(self.weight_ih)
        nn.init.uniform_(self.weight_hh, 0, self.bound or 1)
        self.draw(self.bias)

    @property
    def bound(self) -> float | None:
        """The largest modulus of a recurrent weight; None if there is none."""
        return None if self.longest is None else float(2 ** (1 / self.longest))

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> IndRNNState:
        return IndRNNState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x: Tensor, state: IndRNNState) -> tuple[Tensor, IndRNNState]:
        x, seen = self.apply_recurrent_dropout(x, state.h)
        h = ACTIVATIONS[self.activation](F.linear(x, self.weight_ih, self.bias) + self._bounded() * seen)
        return h, IndRNNState(h)

    def _bounded(self) -> Tensor:
        weight = self.weight_hh
        if self.bound is None:
            return weight
        # The paper clips after each update. Here the value is clipped and the gradient is not: with a clipped one, a
        # weight that an update has carried past the bound would never come back.
        return weight + (weight.clamp(-self.bound, self.bound) - weight).detach()

    def extra_repr(self) -> str:
        longest = "" if self.longest is None else f", longest={self.longest}"
        return f"{super().extra_repr()}, activation={self.activation!r}{longest}"
