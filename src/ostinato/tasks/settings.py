"""Choices that every task with a recurrent network leaves to its user."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

import torch
from pydantic import ConfigDict, Field, PlainSerializer, field_validator

from ostinato.cells import CELLS, Cell, CellFactory
from ostinato.errors import OstinatoError
from ostinato.training import TrainingSettings

SMALL = 64
"""Units up to which one CPU thread is fastest, and on a busy machine faster by far."""


def cell_name(cell: Any) -> str:
    """A cell as settings name it, also one of the user's own."""
    return cell if isinstance(cell, str) else f"{cell.__name__} (your own)"


class NetworkSettings(TrainingSettings):
    """The recurrent layers of a task's network, and how they are trained."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    cell: Annotated[str | type[Cell], PlainSerializer(cell_name, return_type=str)] = Field(  # type: ignore[type-arg]
        "gru", description=f"One of {', '.join(CELLS)}, or a Cell class of yours."
    )
    hidden_size: int = Field(64, ge=1, description="Units of each recurrent layer.")
    num_layers: int = Field(1, ge=1, description="Recurrent layers.")
    forget_bias: float | None = Field(
        None,
        description="Initial bias of the gates that keep the state (lstm, gru and their kinds), so that memories last "
        "from the start; None leaves it at random.",
    )
    threads: int | None = Field(
        None,
        ge=1,
        description="CPU threads of training; None takes 1 for up to 64 units, where more only wait for each other, "
        "and torch's own number beyond.",
    )

    @field_validator("cell")
    @classmethod
    def _known_cell(cls, value: Any) -> Any:
        if isinstance(value, str) and value not in CELLS:
            raise ValueError(f"no cell {value!r}; choose one of {', '.join(CELLS)}, or give a Cell class")
        return value

    @property
    def make_cell(self) -> CellFactory:
        """What makes the cell from an input size and a hidden size."""
        make = CELLS[self.cell] if isinstance(self.cell, str) else self.cell
        return make if self.forget_bias is None else partial(_remembering, make, self.forget_bias)

    @contextmanager
    def on_threads(self) -> Iterator[None]:
        """Where torch uses as many CPU threads as these settings say."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads or (1 if self.hidden_size <= SMALL else before))
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _remembering(make: CellFactory, bias: float, input_size: int, hidden_size: int) -> Cell[Any]:
    """A cell whose memories last from the start."""
    cell = make(input_size, hidden_size)
    if not cell.set_forget_bias(bias):
        raise OstinatoError(f"forget_bias: {type(cell).__name__} has no gate that keeps the state; leave it out")
    return cell


def check_units(unit: str, vocabulary_size: int | None, min_count: int) -> None:
    """Makes sure that no setting would choose among units that are always the same.

    Raises:
        ValueError: One would.
    """
    if unit == "byte" and (vocabulary_size is not None or min_count > 1):
        raise ValueError("unit='byte' always has all 256 bytes: leave vocabulary_size and min_count out")
