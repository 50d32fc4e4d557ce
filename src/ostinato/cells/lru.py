"""Linear recurrent units: a diagonal linear recurrence, complex or gated."""

import math
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.types import Device

from ostinato.cells.cell import Cell


class LRUState(NamedTuple):
    """State of `LRU`: real and imaginary parts of the hidden layer, each ``(batch, hidden_size)``.

    Example:
        >>> from ostinato.cells import LRU
        >>> LRU(8, 32).initial_state(4)._fields
        ('re', 'im')
    """

    re: Tensor
    im: Tensor


class RGLRUState(NamedTuple):
    """State of `RGLRU`: the hidden layer, ``(batch, hidden_size)``.

    Example:
        >>> from ostinato.cells import RGLRU
        >>> RGLRU(8, 32).initial_state(4).h.shape
        torch.Size([4, 32])
    """

    h: Tensor


_GATE_POWER = 8.0
"""The paper's c: how much an open recurrence gate sharpens the decay."""


def _uniform(like: Tensor, low: float, high: float) -> Tensor:
    """Float64 numbers uniform in (low, high); neither bound, where a logarithm may have no value."""
    return low + (high - low) * torch.rand_like(like, dtype=torch.float64).clamp(1e-9, 1 - 1e-9)


class LRU(Cell[LRUState]):
    """The linear recurrent unit (Orvieto et al. 2023, sections 3.2-3.4): a complex diagonal recurrence.

    ``lambda = exp(-exp(nu_log) + i exp(theta_log))``, ``h_t = lambda * h_{t-1} + exp(gamma_log) * B x_t``,
    ``y_t = Re(C h_t) + D x_t``; the modulus of lambda stays below 1 whatever is learned. It begins on the ring
    ``[r_min, r_max]``, uniform by area, with a phase uniform in ``[0, max_phase]`` (lemma 3.2), and
    ``exp(gamma_log) = sqrt(1 - |lambda|^2)``, so that ``h_t`` has the scale of ``B x_t``.

    The rows of ``weight_ih`` (B) and the columns of ``weight_hy`` (C) are the real, then the imaginary parts;
    ``weight_iy`` is D.

    Args:
        input_size: Features of one input row.
        hidden_size: Complex units.
        output_size: Size of the output; `hidden_size` unless given.
        r_min: Smallest initial modulus; 0 unless given.
        r_max: Largest initial modulus; 1 unless given. The closer to 1, the longer the memory.
        max_phase: Largest initial phase, in radians; a full turn unless given.
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1, a ring outside ``0 <= r_min < r_max <= 1``, or a phase outside (0, 2 pi].

    Example:
        >>> import torch
        >>> from ostinato.cells import LRU
        >>> cell = LRU(8, 32, r_min=0.9, r_max=0.999)  # begins with memories of ten to a thousand steps
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
        >>> y.shape
        torch.Size([4, 32])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        output_size: int | None = None,
        r_min: float = 0.0,
        r_max: float = 1.0,
        max_phase: float = math.tau,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size if output_size is None else output_size, device=device, dtype=dtype)
        if hidden_size < 1:
            raise ValueError(f"LRU: hidden_size must be at least 1, got {hidden_size}")
        if not 0 <= r_min < r_max <= 1:
            raise ValueError(f"r_min and r_max must be 0 <= r_min < r_max <= 1, got {r_min} and {r_max}")
        if not 0 < max_phase <= math.tau:
            raise ValueError(f"max_phase must be in (0, 2 pi], got {max_phase}")
        self.hidden_size = hidden_size
        self.ring = (r_min, r_max)
        self.max_phase = max_phase
        self.nu_log = self.parameter(hidden_size)
        self.theta_log = self.parameter(hidden_size)
        self.gamma_log = self.parameter(hidden_size)
        self.weight_ih = self.parameter(2 * hidden_size, input_size)
        self.weight_hy = self.parameter(self.output_size, 2 * hidden_size)
        self.weight_iy = self.parameter(self.output_size, input_size)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        r_min, r_max = self.ring
        # In float64: near 1 the modulus is all but lost in float32, its logarithm is not.
        log_modulus = _uniform(self.nu_log, r_min**2, r_max**2).log() / 2
        self.nu_log.copy_((-log_modulus).log())
        self.theta_log.copy_(_uniform(self.theta_log, 0.0, self.max_phase).log())
        self.gamma_log.copy_((-torch.expm1(2 * log_modulus)).log() / 2)
        # Glorot's scale, B halved in variance for its two parts (appendix A).
        nn.init.normal_(self.weight_ih, std=(2 * self.input_size) ** -0.5)
        nn.init.normal_(self.weight_hy, std=self.hidden_size**-0.5)
        self.draw(self.weight_iy)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> LRUState:
        re, im = (torch.zeros(batch_size, self.hidden_size, device=device, dtype=dtype) for _ in range(2))
        return LRUState(re, im)

    def forward(self, x: Tensor, state: LRUState) -> tuple[Tensor, LRUState]:
        modulus, phase = torch.exp(-torch.exp(self.nu_log)), torch.exp(self.theta_log)
        lambda_re, lambda_im = modulus * torch.cos(phase), modulus * torch.sin(phase)
        gamma = torch.exp(self.gamma_log)
        x_re, x_im = F.linear(x, self.weight_ih).chunk(2, dim=-1)
        re = lambda_re * state.re - lambda_im * state.im + gamma * x_re
        im = lambda_re * state.im + lambda_im * state.re + gamma * x_im
        y = F.linear(torch.cat([re, -im], dim=-1), self.weight_hy) + F.linear(x, self.weight_iy)
        return y, LRUState(re, im)


class RGLRU(Cell[RGLRUState]):
    """The real-gated linear recurrent unit (De et al. 2024, "Griffin", eqs. 1-4).

    ``r = s(W_r x_t + b_r)``, ``i = s(W_i x_t + b_i)``, ``a = s(decay)^(8 r)``,
    ``h_t = a * h_{t-1} + sqrt(1 - a^2) * (i * x_t)``, s the logistic sigmoid, `decay` the paper's Lambda.

    ``s(decay)^8`` begins uniform in [0.9, 0.999], the weights with variance 1 / `input_size` (section 2.4). Their rows
    are r, i; where the sizes differ a third block projects the input that is written.

    Args:
        input_size: Features of one input row.
        hidden_size: Units, also the output's size.
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1.

    Example:
        >>> import torch
        >>> from ostinato.cells import RGLRU
        >>> cell = RGLRU(32, 32)
        >>> y, state = cell(torch.randn(4, 32), cell.initial_state(4))
        >>> y.shape
        torch.Size([4, 32])
    """

    gates: ClassVar = ("recurrence", "input")

    def __init__(
        self, input_size: int, hidden_size: int, *, device: Device = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        blocks = 2 if input_size == hidden_size else 3
        self.weight_ih = self.parameter(blocks * hidden_size, input_size)
        self.bias = self.parameter(2 * hidden_size)
        self.decay = self.parameter(hidden_size)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight_ih, std=self.input_size**-0.5)
        self.draw(self.bias)
        log_a = _uniform(self.decay, 0.9, 0.999).log() / _GATE_POWER
        self.decay.copy_(log_a - (-torch.expm1(log_a)).log())

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> RGLRUState:
        return RGLRUState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x: Tensor, state: RGLRUState) -> tuple[Tensor, RGLRUState]:
        x_r, x_i, *projected = torch.split(F.linear(x, self.weight_ih), self.output_size, dim=-1)
        b_r, b_i = self.bias.chunk(2)
        log_a = _GATE_POWER * F.logsigmoid(self.decay) * torch.sigmoid(x_r + b_r)
        # At a closed gate, log_a = 0, the square root would have an infinite gradient.
        log_a = log_a.clamp(max=-torch.finfo(log_a.dtype).tiny)
        written = torch.sigmoid(x_i + b_i) * (projected[0] if projected else x)
        h = torch.exp(log_a) * state.h + torch.sqrt(-torch.expm1(2 * log_a)) * written
        return h, RGLRUState(h)
