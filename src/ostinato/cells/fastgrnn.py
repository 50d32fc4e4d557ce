"""Small, fast gated networks: weights shared by gate and candidate, full or low-rank."""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.types import Device

from ostinato.cells.cell import Cell


class FastState(NamedTuple):
    """State of `FastRNN` and `FastGRNN`: the hidden layer, ``(batch, hidden_size)``.

    Example:
        >>> from ostinato.cells import FastGRNN
        >>> FastGRNN(8, 32).initial_state(4).h.shape
        torch.Size([4, 32])
    """

    h: Tensor


class _Fast(Cell[FastState]):
    """What the two share: the one product ``W x_t + U h_{t-1}``, each weight full or of low rank."""

    supports_recurrent_dropout: ClassVar = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        rank_w: int | None,
        rank_u: int | None,
        device: Device,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__(input_size, hidden_size, device=device, dtype=dtype)
        for name, rank, most in (("rank_w", rank_w, min(input_size, hidden_size)), ("rank_u", rank_u, hidden_size)):
            if rank is not None and not 1 <= rank <= most:
                raise ValueError(f"{type(self).__name__}: {name} must lie between 1 and {most}, got {rank}")
        self.rank_w = rank_w
        self.rank_u = rank_u
        self.weight_ih = self.parameter(hidden_size, rank_w or input_size)
        self.factor_ih = self.parameter(rank_w, input_size) if rank_w else None
        self.weight_hh = self.parameter(hidden_size, rank_u or hidden_size)
        self.factor_hh = self.parameter(rank_u, hidden_size) if rank_u else None

    @property
    def recurrent_weights(self) -> tuple[str, ...]:  # type: ignore[override]
        """U, or both of its factors."""
        return ("weight_hh",) if self.factor_hh is None else ("weight_hh", "factor_hh")

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> FastState:
        return FastState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def _product(self, x: Tensor, h: Tensor) -> Tensor:
        if self.factor_ih is not None:
            x = F.linear(x, self.factor_ih)
        if self.factor_hh is not None:
            h = F.linear(h, self.factor_hh)
        return F.linear(x, self.weight_ih) + F.linear(h, self.weight_hh)

    def extra_repr(self) -> str:
        ranks = (("rank_w", self.rank_w), ("rank_u", self.rank_u))
        return super().extra_repr() + "".join(f", {name}={rank}" for name, rank in ranks if rank)


class FastRNN(_Fast):
    """A simple network with a weighted residual connection (Kusupati et al. 2018, section 3).

    ``g = tanh(W x_t + U h_{t-1} + b)``, ``h_t = s(alpha) * g + s(beta) * h_{t-1}``, s the logistic sigmoid. The two
    trained numbers begin at -3 and 3: a twentieth of the state is new at each step.

    Args:
        input_size: Features of one input row.
        hidden_size: Units, also the output's size.
        rank_w: The rank of W, then the product of `weight_ih` and `factor_ih`; None for a full one.
        rank_u: The rank of U, then the product of `weight_hh` and `factor_hh`; None for a full one.
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1 or a rank that the sizes do not allow.

    Example:
        >>> import torch
        >>> from ostinato.cells import FastRNN
        >>> cell = FastRNN(8, 32, rank_u=4)  # a recurrent matrix of 2 * 32 * 4 numbers
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
        >>> y.shape
        torch.Size([4, 32])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        rank_w: int | None = None,
        rank_u: int | None = None,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, rank_w, rank_u, device, dtype)
        self.bias = self.parameter(hidden_size)
        self.alpha = self.parameter(1)
        self.beta = self.parameter(1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        self.draw(self.weight_ih, self.factor_ih, self.weight_hh, self.factor_hh, self.bias)
        nn.init.constant_(self.alpha, -3.0)
        nn.init.constant_(self.beta, 3.0)

    def forward(self, x: Tensor, state: FastState) -> tuple[Tensor, FastState]:
        x, seen = self.apply_recurrent_dropout(x, state.h)
        g = torch.tanh(self._product(x, seen) + self.bias)
        h = torch.sigmoid(self.alpha) * g + torch.sigmoid(self.beta) * state.h
        return h, FastState(h)


class FastGRNN(_Fast):
    """FastRNN whose residual weight is a gate with the same W and U (Kusupati et al. 2018, section 3).

    ``p = W x_t + U h_{t-1}``, ``z = s(p + b_z)``, ``n = tanh(p + b_n)``, s the logistic sigmoid;
    ``h_t = (s(zeta) * (1 - z) + s(nu)) * n + z * h_{t-1}``. The two trained numbers begin at 1 and -4; the two halves
    of `bias` are z, n.

    Args:
        input_size: Features of one input row.
        hidden_size: Units, also the output's size.
        rank_w: The rank of W, then the product of `weight_ih` and `factor_ih`; None for a full one.
        rank_u: The rank of U, then the product of `weight_hh` and `factor_hh`; None for a full one.
        device: Of the weights; torch's default unless given.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1 or a rank that the sizes do not allow.

    Example:
        >>> import torch
        >>> from ostinato.cells import FastGRNN
        >>> cell = FastGRNN(8, 32, rank_w=4, rank_u=4)
        >>> sum(weight.numel() for weight in cell.parameters())
        482
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
    """

    gates: ClassVar = ("update",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        rank_w: int | None = None,
        rank_u: int | None = None,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, rank_w, rank_u, device, dtype)
        self.bias = self.parameter(2 * hidden_size)
        self.zeta = self.parameter(1)
        self.nu = self.parameter(1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        self.draw(self.weight_ih, self.factor_ih, self.weight_hh, self.factor_hh, self.bias)
        nn.init.constant_(self.zeta, 1.0)
        nn.init.constant_(self.nu, -4.0)

    def forward(self, x: Tensor, state: FastState) -> tuple[Tensor, FastState]:
        x, seen = self.apply_recurrent_dropout(x, state.h)
        product = self._product(x, seen)
        bias_z, bias_n = self.bias.chunk(2)
        z = torch.sigmoid(product + bias_z)
        h = (torch.sigmoid(self.zeta) * (1 - z) + torch.sigmoid(self.nu)) * torch.tanh(product + bias_n) + z * state.h
        return h, FastState(h)
