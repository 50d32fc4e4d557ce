"""Several cells stacked inside one step."""

from collections import namedtuple
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.types import Device

from ostinato.cells.cell import Cell, State


@cache
def _chain_state(names: tuple[str, ...]) -> Any:
    return namedtuple("ChainState", names)


class Chain(Cell[Any]):
    """Cells stacked inside one step: each reads the output of the one before at the same time step.

    ``Chain(LSTM(8, 32), GRU(32, 16))`` is the LSTM-GRU hybrid. The state is one flat NamedTuple with the fields of all
    cells, numbered: ``h0, c0, h1``.

    Args:
        cells: One cell or more; each input size is the output size of the cell before.
        device: Where the cells are moved; they stay where they are unless given.
        dtype: The type they are brought to; they keep theirs unless given.

    Raises:
        ValueError: For no cell, or sizes that do not fit.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU, LSTM, Chain
        >>> cell = Chain(LSTM(8, 32), GRU(32, 16))
        >>> y, state = cell(torch.randn(4, 8), cell.initial_state(4))
        >>> y.shape
        torch.Size([4, 16])
        >>> state._fields
        ('h0', 'c0', 'h1')
    """

    def __init__(self, *cells: Cell[Any], device: Device = None, dtype: torch.dtype | None = None) -> None:
        if not cells:
            raise ValueError("Chain needs at least one cell")
        for i, (lower, upper) in enumerate(pairwise(cells)):
            if lower.output_size != upper.input_size:
                raise ValueError(
                    f"Chain: cell {i} ({type(lower).__name__}) gives {lower.output_size} features, "
                    f"cell {i + 1} ({type(upper).__name__}) takes {upper.input_size}"
                )
        super().__init__(cells[0].input_size, cells[-1].output_size)
        self.cells = nn.ModuleList(cells)
        self._types: list[Any] = [type(cell.initial_state(1)) for cell in cells]
        self.to(device=device, dtype=dtype)

    @property
    def recurrent_weights(self) -> tuple[str, ...]:  # type: ignore[override]
        """The recurrent weights of every cell, by their names in this module."""
        return tuple(f"cells.{i}.{name}" for i, cell in enumerate(self._steps) for name in cell.recurrent_weights)

    def set_forget_bias(self, bias: float) -> bool:
        return max([cell.set_forget_bias(bias) for cell in self._steps])  # each of them, also after the first that can

    @property
    def _steps(self) -> Iterable[Cell[Any]]:
        return cast(Iterable[Cell[Any]], self.cells)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        states = (cell.initial_state(batch_size, device, dtype) for cell in self._steps)
        return self._join(tensor for state in states for tensor in state)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        carried: list[Tensor] = []
        for cell, own in zip(self._steps, self._types, strict=True):
            first = len(carried)
            x, new = cell(x, own(*state[first : first + len(own._fields)]))
            carried.extend(new)
        return x, self._join(carried)

    def _join(self, tensors: Iterable[Tensor]) -> State:
        names = tuple(f"{name}{i}" for i, own in enumerate(self._types) for name in own._fields)
        return _chain_state(names)(*tensors)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return ""
