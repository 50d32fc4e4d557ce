"""Choices that verbs leave to their users, in blocks, each declared once.

A verb's settings class inherits the blocks it needs and gives other defaults as keywords of its class::

    class TaggerSettings(EmbeddingSettings, NetworkSettings, epochs=20): ...

A field marked with an `Option` has a command-line option of its own; all others are reached by ``--set NAME=VALUE``.
"""

from contextlib import AbstractContextManager
from functools import partial
from typing import Annotated, Any, Literal

import torch
from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, field_validator

from ostinato.cells import CELLS, Cell, CellFactory
from ostinato.data.file_format import UTF8, FileFormat, Quoting, known_encoding
from ostinato.engine import BackendName
from ostinato.errors import OstinatoError
from ostinato.options import DATA, MODEL, Option
from ostinato.training import DistributedContext, TrainingSettings, num_threads

SMALL = 64
"""Units up to which one CPU thread is fastest, and on a busy machine faster by far."""


def cell_name(cell: Any) -> str:
    """A cell as settings name it, also one of the user's own."""
    return cell if isinstance(cell, str) else f"{cell.__name__} (your own)"


def _names(value: Any) -> Any:
    """Column names, also when they come as one text with commas between."""
    return tuple(part for part in value.split(",") if part) if isinstance(value, str) else value


ColumnNames = Annotated[tuple[str, ...], BeforeValidator(_names)]
"""Names of columns; one text with commas between is several."""


class NetworkSettings(TrainingSettings):
    """The recurrent layers of a verb's network, and how and where they are trained."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    cell: Annotated[
        str | type[Cell],  # type: ignore[type-arg]
        PlainSerializer(cell_name, return_type=str),
        Option("NAME", MODEL, "Recurrent cell, one of those listed below."),
    ] = Field("gru", description=f"One of {', '.join(CELLS)}, or a Cell class of yours.")
    hidden_size: Annotated[int, Option("N", MODEL)] = Field(
        64, ge=1, description="Units of each recurrent layer and direction."
    )
    num_layers: int = Field(1, ge=1, description="Recurrent layers.")
    forget_bias: float | None = Field(
        None,
        description="Initial bias of the gates that keep the state (lstm, gru and their kinds), so that memories last "
        "from the start; None leaves it at random.",
    )
    num_threads: int | None = Field(
        None,
        ge=1,
        description="CPU threads of training; None takes 1 for up to 64 units, where more only wait for each other, "
        "and torch's own number beyond.",
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        description="Where it trains and predicts: auto (a CUDA device where there is one, else the CPU), cpu, cuda, "
        "cuda:1, mps.",
    )
    backend: BackendName = Field("auto", description="The engine's backend of the recurrent layers.")
    validation_share: float = Field(
        0.1, gt=0, lt=1, description="Share of the data kept out of training, to choose when to stop."
    )

    @field_validator("cell")
    @classmethod
    def _known_cell(cls, value: Any) -> Any:
        if isinstance(value, str) and value not in CELLS:
            raise ValueError(f"no cell {value!r}; choose one of {', '.join(CELLS)}, or give a Cell class")
        return value

    @classmethod
    def by_names_of_today(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Settings as a saved model has them, where an earlier version had other names for some."""
        return values

    @property
    def make_cell(self) -> CellFactory:
        """What makes the cell from an input size and a hidden size."""
        make = CELLS[self.cell] if isinstance(self.cell, str) else self.cell
        return make if self.forget_bias is None else partial(_with_forget_bias, make, self.forget_bias)

    def on_threads(self) -> AbstractContextManager[None]:
        """Where torch uses as many CPU threads as these settings say."""
        return num_threads(self.num_threads or (1 if self.hidden_size <= SMALL else None))

    @property
    def on_device(self) -> torch.device:
        """The device of these settings; under `torchrun` each process has a GPU of its own.

        Raises:
            OstinatoError: There is no such device.
        """
        if self.device == "auto" or (self.device == "cuda" and torch.cuda.is_available()):
            return DistributedContext.from_environment().device
        device = torch.device(self.device)
        there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
        if (device.index or 0) >= there[device.type]:
            raise OstinatoError(f"device={self.device!r}: this machine has none: leave it at auto, or say cpu")
        return device


class FileSettings(TrainingSettings):
    """How files of text are read."""

    encoding: Annotated[str, Option("NAME", DATA, "Of files of text: utf-8, latin-1, cp1252, utf-16.")] = Field(
        UTF8,
        description="How files of text are encoded: utf-8, latin-1, cp1252, utf-16, or what else Python knows.",
    )

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        return known_encoding(value)

    @property
    def form(self) -> FileFormat:
        """How files are written."""
        return FileFormat(self.encoding)


class TableSettings(FileSettings):
    """How files are read that may be tables."""

    quoting: Annotated[Quoting | None, Option("NAME", DATA, "Tables: csv or none; found out unless given.")] = Field(
        None,
        description="What quotation marks mean in tables: csv: those around a field do not belong to it; none: they "
        "are text like any other. None: csv, but where tabs separate fields none, unless all such fields are quoted.",
    )

    decimal: Annotated[Literal[".", ","] | None, Option("MARK", DATA)] = Field(
        None, description="Decimal sign of numbers, '.' or ','; found for each column unless given."
    )
    thousands: Annotated[Literal[".", ",", "'", " "] | None, Option("MARK", DATA)] = Field(
        None, description="Mark between their thousands; found likewise."
    )
    header: Annotated[bool | None, Option("", DATA)] = Field(
        None,
        description="Whether the first line of a table names the columns, as it must unless told; without, they are "
        "called 1, 2, 3, ...",
    )

    @property
    def form(self) -> FileFormat:
        """How files are written."""
        return FileFormat(self.encoding, self.quoting, self.decimal, self.thousands, self.header)


class BidirectionalSettings(TrainingSettings):
    """Which way a sequence is read that is whole before anything is said of it."""

    bidirectional: bool = Field(True, description="Whether a second direction reads from the end.")


class EnsembleSettings(TrainingSettings):
    """Several networks in place of one."""

    ensemble: int = Field(1, ge=1, description="Networks trained side by side, whose outputs are averaged.")


class LabelSmoothingSettings(TrainingSettings):
    """Targets that are not quite sure."""

    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Share of the probability that training spreads over all targets, also wrong ones."
    )


def _with_forget_bias(make: CellFactory, bias: float, input_size: int, hidden_size: int) -> Cell[Any]:
    """A cell whose memories last from the start."""
    cell = make(input_size, hidden_size)
    if not cell.set_forget_bias(bias):
        raise OstinatoError(f"forget_bias: {type(cell).__name__} has no gate that keeps the state; leave it out")
    return cell
