"""A sequence in, one vector out."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ostinato.cells import State
from ostinato.nn import AdditiveAttention, Recurrent, sequence_mask
from ostinato.topologies.output import output_layer

Pooling = Literal["last", "mean", "max", "attention"]
"""How the outputs of all steps become one vector."""


class ManyToOne(nn.Module):
    """A sequence summarised as one vector.

    ::

        output                              y
                                            |
        pooling                   last, mean, max or attention
                               /      |         |
        state    s_0 ------- o ------ o ------- o
                             |        |         |
        input               x_1      x_2       x_3

    Only valid steps are pooled: "last" takes the output at each row's last one, of the reverse direction that at its
    first one, where it ends; "mean" and "max" go over the valid steps, feature by feature; "attention" weighs them by
    ``softmax(v . tanh(W h_t + b))`` (Yang et al. 2016, eqs. 5-7). A row of length 0 is pooled to zeros.

    Args:
        recurrent: The layers over time.
        output_size: Features of the output.
        pooling: "last" (default), "mean", "max" or "attention".
        dropout: Probability of a zero in the pooled vector, in training.

    Raises:
        ValueError: For an unknown pooling or an output size below 1; for "last" with two directions that are summed,
            since their ends can no longer be told apart.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU
        >>> from ostinato.nn import Recurrent
        >>> from ostinato.topologies import ManyToOne
        >>> classifier = ManyToOne(Recurrent(GRU, 8, 16, bidirectional=True), output_size=3, pooling="attention")
        >>> classifier(torch.randn(4, 20, 8), torch.tensor([20, 7, 3, 1])).shape
        torch.Size([4, 3])
    """

    def __init__(
        self, recurrent: Recurrent, output_size: int, *, pooling: Pooling = "last", dropout: float = 0.0
    ) -> None:
        super().__init__()
        if pooling not in get_args(Pooling):
            raise ValueError(f"pooling must be one of {', '.join(get_args(Pooling))}, got {pooling!r}")
        if pooling == "last" and recurrent.bidirectional and recurrent.merge == "sum":
            raise ValueError("pooling 'last' needs directions that are not summed; use merge='concat' or other pooling")
        size = recurrent.output_size
        self.pooling = pooling
        self.recurrent = recurrent
        # A query that is always 1: its weight is the b of the equation.
        self.attention = AdditiveAttention(1, size, size) if pooling == "attention" else None
        self.dropout = nn.Dropout(dropout)
        self.output = output_layer(size, output_size)

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: tuple[State, ...] | None = None) -> Tensor:
        """Reads each row to its end.

        Args:
            x: Input ``(batch, time, features)``.
            lengths: Valid steps of each row, integers ``(batch,)`` between 0 and time; all steps unless given.
            state: States before the first step, see `Recurrent.forward`.

        Returns:
            One vector per row, ``(batch, output_size)``.

        Raises:
            ValueError: For shapes that do not fit, or lengths out of range.
        """
        y, _ = self.recurrent(x, state, lengths=lengths)
        if y.shape[1] == 0:
            return self.output(y.new_zeros(y.shape[0], y.shape[2]))  # type: ignore[no-any-return]
        if lengths is None:
            lengths = torch.full((y.shape[0],), y.shape[1], device=y.device)
        return self.output(self.dropout(self._pooled(y, lengths.to(y.device))))  # type: ignore[no-any-return]

    def _pooled(self, y: Tensor, lengths: Tensor) -> Tensor:
        """One vector per row from ``(batch, time, size)``, which is zero past each row's length."""
        valid = sequence_mask(lengths, y.shape[1])
        if self.attention is not None:
            return self.attention(y.new_ones(y.shape[0], 1), y, mask=valid)[0]  # type: ignore[no-any-return]
        if self.pooling == "mean":
            return y.sum(1) / lengths.clamp(min=1)[:, None]
        if self.pooling == "max":
            highest = y.masked_fill(~valid[..., None], -torch.inf).amax(1)
            return highest.masked_fill((lengths == 0)[:, None], 0)
        return self._last(y, lengths)

    def _last(self, y: Tensor, lengths: Tensor) -> Tensor:
        last = y[torch.arange(y.shape[0], device=y.device), lengths.long().clamp(min=1) - 1]
        if not self.recurrent.bidirectional:
            return last
        forward = y.shape[2] // 2
        return torch.cat([last[:, :forward], y[:, 0, forward:]], dim=-1)
