"""The contract of one time step."""

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]
"""What is carried from step to step: a NamedTuple of ``(batch, size)`` tensors."""

S = TypeVar("S", bound=State)


class Cell(nn.Module, ABC, Generic[S]):
    """One time step of a recurrence: ``forward(x, state) -> (y, state)``.

    The engine runs a cell over time; the cell itself knows nothing of time. To write one:

    - set `input_size` and `output_size`;
    - return the state before the first step from `initial_state`, a NamedTuple of ``(batch, size)`` tensors;
    - compute one step in `forward`, on ``(batch, input_size)`` rows that are independent of each other, without Python
      side effects, branches on data, or random numbers (masks come in as inputs, see `drop`).

    Example:
        >>> class Leaky(Cell[LeakyState]):
        ...     def __init__(self, input_size, hidden_size):
        ...         super().__init__(input_size, hidden_size)
        ...         self.inputs = nn.Linear(input_size, hidden_size)
        ...         self.weight_hh = self.matrix(hidden_size, hidden_size)
        ...     def initial_state(self, batch_size, device=None, dtype=None):
        ...         return LeakyState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))
        ...     def forward(self, x, state):
        ...         h = 0.9 * state.h + 0.1 * torch.tanh(self.inputs(x) + F.linear(state.h, self.weight_hh))
        ...         return h, LeakyState(h)
    """

    recurrent_weights: ClassVar[tuple[str, ...]] = ()
    """Names of the parameters that multiply the state: what weight drop may drop."""

    drops_state: ClassVar[bool] = False
    """Whether `forward` calls `drop`, so that recurrent dropout can be asked of this cell."""

    gates: ClassVar[tuple[str, ...]] = ()
    """Names of the gates in the order in which `forward` computes their logistic sigmoids; a sigmoid after them is no
    gate. Where none are named, every sigmoid is taken for one."""

    input_size: int
    output_size: int

    def __init__(self, input_size: int, output_size: int) -> None:
        super().__init__()
        for name, size in (("input_size", input_size), ("output_size", output_size)):
            if size < 1:
                raise ValueError(f"{type(self).__name__}: {name} must be at least 1, got {size}")
        self.input_size = input_size
        self.output_size = output_size

    @abstractmethod
    def initial_state(self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None) -> S:
        """The state before the first step, each tensor ``(batch_size, size)``; zeros unless a paper says otherwise."""

    @abstractmethod
    def forward(self, x: Tensor, state: S) -> tuple[Tensor, S]:
        """One step.

        Args:
            x: Input rows ``(batch, input_size)``.
            state: The state after the step before.

        Returns:
            The output ``(batch, output_size)`` and the state after this step.
        """

    def matrix(self, rows: int, columns: int) -> nn.Parameter:
        """A parameter ``(rows, columns)`` drawn from U(-1/sqrt(k), 1/sqrt(k)), k = `output_size`, as torch's layers."""
        bound = self.output_size**-0.5
        return nn.Parameter(torch.empty(rows, columns).uniform_(-bound, bound))

    def vector(self, size: int) -> nn.Parameter:
        """A bias ``(size,)``, drawn like `matrix`."""
        bound = self.output_size**-0.5
        return nn.Parameter(torch.empty(size).uniform_(-bound, bound))

    def drop(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Splits a recurrent dropout mask off the input and applies it to what the recurrent weights see.

        With recurrent dropout the mask, the same at every step (Gal & Ghahramani 2016), stands behind the features of
        `x`: rows are ``(batch, input_size + hidden)``. Without it, `x` and `h` come back as they are.
        """
        if x.shape[-1] == self.input_size:
            return x, h
        x, mask = torch.split(x, [self.input_size, h.shape[-1]], dim=-1)
        return x, h * mask

    def remember(self, bias: float) -> bool:
        """Sets the initial bias of the gate that keeps the state, so that memories last from the start of training.

        Args:
            bias: Of the gate that keeps what is there; the logistic function of it is kept at each step.

        Returns:
            Whether this cell has such a gate; one without stays as it is.
        """
        return False

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.output_size}"
