"""Simple recurrent networks: a layer whose output is saved and fed back."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.types import Device

from ostinato.cells.cell import Cell

Activation = Literal["tanh", "relu", "identity", "binary"]
Init = Literal["uniform", "orthogonal", "identity"]


class ElmanState(NamedTuple):
    """State of `Elman`: the hidden layer, ``(batch, hidden_size)``.

    Example:
        >>> import torch
        >>> from ostinato.cells import Elman, ElmanState
        >>> y, state = Elman(8, 32)(torch.randn(4, 8), ElmanState(h=torch.zeros(4, 32)))
        >>> state.h is y
        True
    """

    h: Tensor


class JordanState(NamedTuple):
    """State of `Jordan`: the output, ``(batch, output_size)``.

    Example:
        >>> from ostinato.cells import Jordan
        >>> Jordan(8, 32, output_size=2).initial_state(4).y.shape
        torch.Size([4, 2])
    """

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


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


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
        init: How training begins: "uniform" as in torch; "orthogonal", a random orthogonal W_hh, which neither grows
            nor shrinks what it multiplies (Saxe et al. 2014); "identity", W_hh the identity and the biases zero, meant
            for ``activation="relu"``: the IRNN (Le et al. 2015).
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1, an unknown activation or `init`.

    Example:
        >>> import torch
        >>> from ostinato.cells import Elman
        >>> cell = Elman(8, 32)
        >>> cell.load_state_dict(torch.nn.RNNCell(8, 32).state_dict())  # torch's names and shapes
        <All keys matched successfully>
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
        >>> y.shape
        torch.Size([4, 32])
    """

    recurrent_weights: ClassVar = ("weight_hh",)
    supports_recurrent_dropout: ClassVar = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: Activation = "tanh",
        bias: bool = True,
        init: Init = "uniform",
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        _check_choice("activation", activation, get_args(Activation))
        _check_choice("init", init, get_args(Init))
        self.activation = activation
        self.init = init
        self.weight_ih = self.parameter(hidden_size, input_size)
        self.weight_hh = self.parameter(hidden_size, hidden_size)
        self.bias_ih = self.parameter(hidden_size) if bias else None
        self.bias_hh = self.parameter(hidden_size) if bias else None
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        super().reset_parameters()
        if self.init == "orthogonal":
            # Torch factors no matrix in a half type.
            wide = torch.empty_like(self.weight_hh, dtype=torch.promote_types(self.weight_hh.dtype, torch.float32))
            self.weight_hh.copy_(nn.init.orthogonal_(wide))
        elif self.init == "identity":
            nn.init.eye_(self.weight_hh)
            for vector in (self.bias_ih, self.bias_hh):
                if vector is not None:
                    nn.init.zeros_(vector)

    def recurrent_matrix(self) -> Tensor:
        """W_hh, what multiplies the state: ``(hidden_size, hidden_size)``."""
        return self.weight_hh

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> ElmanState:
        return ElmanState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x: Tensor, state: ElmanState) -> tuple[Tensor, ElmanState]:
        x, seen = self.apply_recurrent_dropout(x, state.h)
        z = F.linear(x, self.weight_ih, self.bias_ih) + F.linear(seen, self.recurrent_matrix(), self.bias_hh)
        h = ACTIVATIONS[self.activation](z)
        return h, ElmanState(h)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, activation={self.activation!r}"


class ContractiveElman(Elman):
    """An Elman network that forgets where it began: one step brings any two states closer (Miller & Hardt 2019).

    ``h_t = f(W_ih x_t + b_ih + W h_{t-1} + b_hh)`` with ``W = weight_hh * min(1, norm_bound / ||weight_hh||)``, the
    spectral norm. As no f is steeper than 1, ``|h_t - k_t| <= norm_bound |h_{t-1} - k_{t-1}|`` for the same input:
    neither states nor gradients can explode, and what is remembered fades at least that fast.

    Args:
        input_size: Features of one input row.
        hidden_size: Units, also the output's size.
        norm_bound: The largest spectral norm of W, in (0, 1]; at 1 distances never grow, but need not shrink.
        activation: f: "tanh" (default), "relu" or "identity". A threshold has no slope to bound.
        bias: As in `Elman`.
        init: As in `Elman`, for `weight_hh`.
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1, a `norm_bound` out of range, an unknown `init`, an unknown or binary activation.

    Example:
        >>> import torch
        >>> from ostinato.cells import ContractiveElman, ElmanState
        >>> cell, x = ContractiveElman(8, 32, norm_bound=0.9), torch.randn(4, 8)
        >>> h, k = torch.randn(4, 32), torch.randn(4, 32)
        >>> after = cell(x, ElmanState(h))[0] - cell(x, ElmanState(k))[0]
        >>> bool((after.norm(dim=1) <= 0.9 * (h - k).norm(dim=1)).all())
        True
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        norm_bound: float = 0.95,
        activation: Activation = "tanh",
        bias: bool = True,
        init: Init = "uniform",
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        _check_choice("activation", activation, ("tanh", "relu", "identity"))
        if not 0 < norm_bound <= 1:
            raise ValueError(f"norm_bound must lie in (0, 1], got {norm_bound}")
        super().__init__(
            input_size, hidden_size, activation=activation, bias=bias, init=init, device=device, dtype=dtype
        )
        self.norm_bound = norm_bound

    def recurrent_matrix(self) -> Tensor:
        norm: Tensor = torch.linalg.matrix_norm(self.weight_hh, ord=2)
        return self.weight_hh * (self.norm_bound / norm.clamp(min=self.norm_bound))  # no division by a norm of zero

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, norm_bound={self.norm_bound}"


class Jordan(Cell[JordanState]):
    """The network of Jordan (1986), "Serial Order": the *output* is fed back, not the hidden layer.

    ``h_t = f(W_ih x_t + W_yh y_{t-1} + b_h)``, ``y_t = W_hy h_t + b_y``.

    Args:
        input_size: Features of one input row.
        hidden_size: Hidden units.
        output_size: Size of the output that is fed back; `hidden_size` unless given.
        activation: f: "tanh" (default), "relu", "identity" or "binary".
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1 or an unknown activation.

    Example:
        >>> import torch
        >>> from ostinato.cells import Jordan
        >>> cell = Jordan(8, 32, output_size=2)
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
        >>> state.y is y  # the output is what is fed back
        True
    """

    recurrent_weights: ClassVar = ("weight_yh",)
    supports_recurrent_dropout: ClassVar = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        output_size: int | None = None,
        activation: Activation = "tanh",
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size if output_size is None else output_size, device=device, dtype=dtype)
        if hidden_size < 1:
            raise ValueError(f"Jordan: hidden_size must be at least 1, got {hidden_size}")
        _check_choice("activation", activation, get_args(Activation))
        self.activation = activation
        self.weight_ih = self.parameter(hidden_size, input_size)
        self.weight_yh = self.parameter(hidden_size, self.output_size)
        self.bias_h = self.parameter(hidden_size)
        self.weight_hy = self.parameter(self.output_size, hidden_size)
        self.bias_y = self.parameter(self.output_size)
        self.reset_parameters()

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> JordanState:
        return JordanState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x: Tensor, state: JordanState) -> tuple[Tensor, JordanState]:
        x, seen = self.apply_recurrent_dropout(x, state.y)
        z = F.linear(x, self.weight_ih, self.bias_h) + F.linear(seen, self.weight_yh)
        y = F.linear(ACTIVATIONS[self.activation](z), self.weight_hy, self.bias_y)
        return y, JordanState(y)
