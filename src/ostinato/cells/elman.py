"""Simple recurrent networks: a layer whose output is saved and fed back."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from ostinato.cells.cell import Cell

Activation = Literal["tanh", "relu", "identity", "binary"]


class ElmanState(NamedTuple):
    """State of `Elman`: the hidden layer, ``(batch, hidden_size)``."""

    h: Tensor


class JordanState(NamedTuple):
    """State of `Jordan`: the output, ``(batch, output_size)``."""

    y: Tensor


class _Threshold(torch.autograd.Function):
    """1 where the input is positive, else 0; its gradient passes straight through (Bengio et al. 2013, section 2.3).

    The gradient is cut where ``|x| > 1`` (Hubara et al. 2016, eq. 4): a unit far from its threshold is left alone.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return (x > 0).to(x.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        x: Tensor = ctx.saved_tensors[0]
        return gradient * (x.abs() <= 1).to(gradient.dtype)


def binary(x: Tensor) -> Tensor:
    """A hard threshold: 1 where `x` is positive, else 0, with a straight-through gradient."""
    return _Threshold.apply(x)  # type: ignore[no-any-return, no-untyped-call]


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "identity": lambda x: x,
    "binary": binary,
}


def _check_activation(activation: str) -> None:
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(get_args(Activation))}, got {activation!r}")


class Elman(Cell[ElmanState]):
    """The simple recurrent network of Elman (1990), "Finding Structure in Time".

    ``h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)``, the output is ``h_t``.

    With ``activation="identity"`` it is a *linear* RNN, with ``"binary"`` its units are 0 or 1 and the gradient passes
    straight through the threshold.

    Args:
        input_size: Features of one input row.
        hidden_size: Units, also the output's size.
        activation: f: "tanh" (default), "relu", "identity" or "binary".
        bias: Whether the two biases are there, as in `torch.nn.RNN`.

    Raises:
        ValueError: For a size below 1 or an unknown activation.
    """

    recurrent_weights: ClassVar = ("weight_hh",)
    drops_state: ClassVar = True

    def __init__(
        self, input_size: int, hidden_size: int, *, activation: Activation = "tanh", bias: bool = True
    ) -> None:
        super().__init__(input_size, hidden_size)
        _check_activation(activation)
        self.activation = activation
        self.weight_ih = self.matrix(hidden_size, input_size)
        self.weight_hh = self.matrix(hidden_size, hidden_size)
        self.bias_ih = self.vector(hidden_size) if bias else None
        self.bias_hh = self.vector(hidden_size) if bias else None

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> ElmanState:
        return ElmanState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x: Tensor, state: ElmanState) -> tuple[Tensor, ElmanState]:
        x, seen = self.drop(x, state.h)
        z = F.linear(x, self.weight_ih, self.bias_ih) + F.linear(seen, self.weight_hh, self.bias_hh)
        h = ACTIVATIONS[self.activation](z)
        return h, ElmanState(h)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, activation={self.activation!r}"


class Jordan(Cell[JordanState]):
    """The network of Jordan (1986), "Serial Order": the *output* is fed back, not the hidden layer.

    ``h_t = f(W_ih x_t + W_yh y_{t-1} + b_h)``, ``y_t = W_hy h_t + b_y``.

    Args:
        input_size: Features of one input row.
        hidden_size: Hidden units.
        output_size: Size of the output that is fed back; `hidden_size` unless given.
        activation: f: "tanh" (default), "relu", "identity" or "binary".

    Raises:
        ValueError: For a size below 1 or an unknown activation.
    """

    recurrent_weights: ClassVar = ("weight_yh",)
    drops_state: ClassVar = True

    def __init__(
        self, input_size: int, hidden_size: int, *, output_size: int | None = None, activation: Activation = "tanh"
    ) -> None:
        super().__init__(input_size, hidden_size if output_size is None else output_size)
        if hidden_size < 1:
            raise ValueError(f"Jordan: hidden_size must be at least 1, got {hidden_size}")
        _check_activation(activation)
        self.activation = activation
        self.weight_ih = self.matrix(hidden_size, input_size)
        self.weight_yh = self.matrix(hidden_size, self.output_size)
        self.bias_h = self.vector(hidden_size)
        self.weight_hy = self.matrix(self.output_size, hidden_size)
        self.bias_y = self.vector(self.output_size)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> JordanState:
        return JordanState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x: Tensor, state: JordanState) -> tuple[Tensor, JordanState]:
        x, seen = self.drop(x, state.y)
        z = F.linear(x, self.weight_ih, self.bias_h) + F.linear(seen, self.weight_yh)
        y = F.linear(ACTIVATIONS[self.activation](z), self.weight_hy, self.bias_y)
        return y, JordanState(y)
