"""A state made from a vector: how one network starts another."""

from typing import Any

from torch import Tensor, nn

from ostinato.cells import Cell, State


class StateFromVector(nn.Module):
    """A cell's state from one vector per row: a linear map for each tensor of the state.

    Args:
        input_size: Features of the vector.
        cell: The cell whose state is made.
    """

    def __init__(self, input_size: int, cell: Cell[Any]) -> None:
        super().__init__()
        model = cell.initial_state(1)
        self.make_state = type(model)
        self.sizes = [tensor.shape[1] for tensor in model]
        self.linear = nn.Linear(input_size, sum(self.sizes))

    def forward(self, x: Tensor) -> State:
        """The state ``(batch, size)``, tensor by tensor, from ``(batch, input_size)``."""
        return self.make_state(*self.linear(x).split(self.sizes, -1))  # type: ignore[no-any-return]
