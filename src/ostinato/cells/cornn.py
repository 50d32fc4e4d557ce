"""A network of coupled oscillators."""

import math
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.types import Device

from ostinato.cells.cell import Cell


class CoRNNState(NamedTuple):
    """State of `CoRNN`: the oscillators' positions `y` and velocities `z`, each ``(batch, hidden_size)``.

    Example:
        >>> from ostinato.cells import CoRNN
        >>> positions, velocities = CoRNN(8, 32).initial_state(4)
        >>> velocities.shape
        torch.Size([4, 32])
    """

    y: Tensor
    z: Tensor


class CoRNN(Cell[CoRNNState]):
    """The coupled oscillatory network (Rusch & Mishra 2021, eq. 3): controlled, damped, driven oscillators.

    ``y'' = tanh(W y + Z y' + V x + b) - gamma y - epsilon y'`` (eq. 1), one step of length dt with the damping taken
    implicitly (IMEX, the paper's n-bar = n), which is stable for every epsilon:
    ``z_t = z_{t-1} + dt * (tanh(W y_{t-1} + Z z_{t-1} + V x_t + b) - gamma y_{t-1} - epsilon z_t)``, solved for
    ``z_t``; ``y_t = y_{t-1} + dt * z_t``. The output is ``y_t``; `weight_hh` is ``[W, Z]``.

    The three constants belong to the task; the defaults are the paper's for sequential MNIST.

    Args:
        input_size: Features of one input row.
        hidden_size: Oscillators, also the output's size.
        dt: Length of a step.
        gamma: Stiffness: an undriven oscillator turns about ``sqrt(gamma)`` radians a unit of time. The step is
            stable while ``dt**2 * gamma`` is at most ``4 + 2 * dt * epsilon``.
        epsilon: Damping.
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1, or a constant that is not positive and finite.

    Example:
        >>> import torch
        >>> from ostinato.cells import CoRNN
        >>> cell = CoRNN(8, 32, dt=0.05)
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
        >>> torch.allclose(y, cell.dt * state.z)  # from rest, the positions have moved by one step of the velocities
        True
    """

    recurrent_weights: ClassVar = ("weight_hh",)
    supports_recurrent_dropout: ClassVar = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        dt: float = 0.042,
        gamma: float = 2.7,
        epsilon: float = 4.7,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        for name, value in (("dt", dt), ("gamma", gamma), ("epsilon", epsilon)):
            if not 0 < value < math.inf:
                raise ValueError(f"CoRNN: {name} must be positive and finite, got {value}")
        self.dt = dt
        self.gamma = gamma
        self.epsilon = epsilon
        self.weight_ih = self.parameter(hidden_size, input_size)
        self.weight_hh = self.parameter(hidden_size, 2 * hidden_size)
        self.bias = self.parameter(hidden_size)
        self.reset_parameters()

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> CoRNNState:
        y = torch.zeros(batch_size, self.output_size, device=device, dtype=dtype)
        return CoRNNState(y, torch.zeros_like(y))

    def forward(self, x: Tensor, state: CoRNNState) -> tuple[Tensor, CoRNNState]:
        features, seen_y = self.apply_recurrent_dropout(x, state.y)
        _, seen_z = self.apply_recurrent_dropout(x, state.z)
        seen = torch.cat([seen_y, seen_z], dim=-1)
        drive = torch.tanh(F.linear(features, self.weight_ih, self.bias) + F.linear(seen, self.weight_hh))
        z = (state.z + self.dt * (drive - self.gamma * state.y)) / (1 + self.dt * self.epsilon)
        y = state.y + self.dt * z
        return y, CoRNNState(y, z)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, dt={self.dt}, gamma={self.gamma}, epsilon={self.epsilon}"
