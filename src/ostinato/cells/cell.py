"""The contract of one time step."""

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.types import Device

State = tuple[Tensor, ...]
"""What is carried from step to step: a NamedTuple of ``(batch, size)`` tensors."""

S = TypeVar("S", bound=State)


class Cell(nn.Module, ABC, Generic[S]):
    """One time step of a recurrence: ``forward(x, state) -> (y, state)``.

    The engine runs a cell over time; the cell itself knows nothing of time. To write one:

    - set `input_size` and `output_size`, and draw the weights with `new_weight` and `new_bias`;
    - return the state before the first step from `initial_state`, a NamedTuple of ``(batch, size)`` tensors;
    - compute one step in `forward`, on ``(batch, input_size)`` rows that are independent of each other, without Python
      side effects, branches on data, or random numbers (masks come in as inputs, see `apply_recurrent_dropout`);
    - where weights begin otherwise than `new_weight` draws them, say so in `reset_parameters`.

    Args:
        input_size: Features of one input row.
        output_size: Features of one output row.
        device: Of the weights; torch's default unless given. A cell need not take it, nor `dtype`: `Recurrent` and
            `Module.to` bring any cell to its place.
        dtype: Of the weights; torch's default unless given.

    Raises:
        ValueError: For a size below 1.

    Example:
        >>> from typing import NamedTuple
        >>> import torch
        >>> from torch import Tensor, nn
        >>> from torch.nn import functional as F
        >>> from ostinato.cells import Cell
        >>> class LeakyState(NamedTuple):
        ...     h: Tensor
        >>> class Leaky(Cell[LeakyState]):
        ...     def __init__(self, input_size, hidden_size):
        ...         super().__init__(input_size, hidden_size)
        ...         self.inputs = nn.Linear(input_size, hidden_size)
        ...         self.weight_hh = self.new_weight(hidden_size, hidden_size)
        ...     def initial_state(self, batch_size, device=None, dtype=None):
        ...         return LeakyState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))
        ...     def forward(self, x, state):
        ...         h = 0.9 * state.h + 0.1 * torch.tanh(self.inputs(x) + F.linear(state.h, self.weight_hh))
        ...         return h, LeakyState(h)
        >>> cell = Leaky(3, 16)
        >>> y, state = cell(torch.randn(4, 3), cell.initial_state(4))
        >>> y.shape
        torch.Size([4, 16])
    """

    recurrent_weights: ClassVar[tuple[str, ...]] = ()
    """Names of the parameters that multiply the state: what weight drop may drop."""

    supports_recurrent_dropout: ClassVar[bool] = False
    """Whether `forward` calls `apply_recurrent_dropout`, so that recurrent dropout can be asked of this cell."""

    gates: ClassVar[tuple[str, ...]] = ()
    """Names of the gates in the order in which `forward` computes their logistic sigmoids; a sigmoid after them is no
    gate. Where none are named, every sigmoid is taken for one."""

    input_size: int
    output_size: int

    def __init__(
        self, input_size: int, output_size: int, *, device: Device = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        for name, size in (("input_size", input_size), ("output_size", output_size)):
            if size < 1:
                raise ValueError(f"{type(self).__name__}: {name} must be at least 1, got {size}")
        self.input_size = input_size
        self.output_size = output_size
        self._place = (device, dtype)

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

    def parameter(self, *shape: int) -> nn.Parameter:
        """A parameter of this shape, on the constructor's device and of its type, that is not drawn yet.

        Its numbers are what the memory holds: `reset_parameters`, at the end of the constructor, draws them.
        """
        device, dtype = self._place
        return nn.Parameter(torch.empty(shape, device=device, dtype=dtype))

    def new_weight(self, rows: int, columns: int) -> nn.Parameter:
        """A parameter ``(rows, columns)`` drawn from U(-1/sqrt(k), 1/sqrt(k)), k = `output_size`, as torch's layers."""
        weight = self.parameter(rows, columns)
        self.draw(weight)
        return weight

    def new_bias(self, size: int) -> nn.Parameter:
        """A bias ``(size,)``, drawn like `new_weight`."""
        weight = self.parameter(size)
        self.draw(weight)
        return weight

    def draw(self, *weights: Tensor | None) -> None:
        """Draws weights anew, one after the other, each as `new_weight` does; None stands for one that is not there."""
        bound = self._fan**-0.5
        for weight in weights:
            if weight is not None:
                nn.init.uniform_(weight, -bound, bound)

    @property
    def _fan(self) -> int:
        """The k of `new_weight`."""
        return self.output_size

    def reset_parameters(self) -> None:
        """Draws all weights anew, as the constructor does: the same seed gives the same numbers.

        Unless a cell has its own, its parts come first, each by its own `reset_parameters`; then its parameters, in
        the order in which they were made and as `new_weight` draws them.

        Raises:
            TypeError: For a part that has parameters and no `reset_parameters`.
        """
        for part in self.children():
            _reset(part)
        self.draw(*self._parameters.values())

    def apply_recurrent_dropout(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Splits a recurrent dropout mask off the input and applies it to what the recurrent weights see.

        With recurrent dropout the mask, the same at every step (Gal & Ghahramani 2016), stands behind the features of
        `x`: rows are ``(batch, input_size + hidden)``. Without it, `x` and `h` come back as they are.
        """
        if x.shape[-1] == self.input_size:
            return x, h
        x, mask = torch.split(x, [self.input_size, h.shape[-1]], dim=-1)
        return x, h * mask

    def set_forget_bias(self, bias: float) -> bool:
        """Sets the initial bias of the gate that keeps the state, so that memories last from the start of training.

        Args:
            bias: Of the gate that keeps what is there; the logistic function of it is kept at each step.

        Returns:
            Whether this cell has such a gate; one without stays as it is.
        """
        return False

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.output_size}"


def _reset(part: nn.Module) -> None:
    if reset := getattr(part, "reset_parameters", None):
        reset()
    elif part._parameters:
        raise TypeError(f"{type(part).__name__} has parameters, and no reset_parameters to draw them anew")
    else:
        for below in part.children():
            _reset(below)
