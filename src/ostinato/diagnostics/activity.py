"""Activity: how far open the gates stand, and how large, how alive and how saturated the units are."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ostinato.cells import Cell, Chain
from ostinato.diagnostics.layers import Layer
from ostinato.diagnostics.probe import Track
from ostinato.diagnostics.steps import drawn_steps, steps_of

ROWS = 4096
"""Steps at which gates are looked at, drawn from all where there are more."""

SHUT, OPEN = 0.05, 0.95
"""A gate below the first is shut, above the second open."""

BEYOND, OFTEN = 0.95, 0.9
"""A unit is saturated whose tanh is beyond the first in modulus at more than this share of the steps."""

STILL = 1e-3
"""A unit whose standard deviation is at most this share of its state's root mean square is dead."""

SIGMOIDS = frozenset({torch.sigmoid, Tensor.sigmoid, torch.special.expit, F.sigmoid, F.hardsigmoid})
TANHS = frozenset({torch.tanh, Tensor.tanh, F.tanh, F.hardtanh})


@dataclass(frozen=True)
class Gate:
    """A gate of a layer, over its valid steps and all of its units.

    Attributes:
        layer: Which.
        name: As the cell names it in `Cell.gates`, else "gate 1", "gate 2", ... in the order of the step; with the
            number of the cell behind it in a `Chain`.
        mean: Of its values.
        share_low: The share of its values below 0.05: shut.
        share_high: The share of its values above 0.95: open.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import gates
        >>> from ostinato.diagnostics.probe import record
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> recording = record(net, lambda: net(x)[0].square().mean())
        >>> [gate.name for gate in gates(recording.tracks[0])]
        ['forget', 'input', 'output']
    """

    layer: Layer
    name: str
    mean: float
    share_low: float
    share_high: float


@dataclass(frozen=True)
class Units:
    """The units of one state tensor of a layer, after each valid step.

    Attributes:
        layer: Which.
        state: The name of the state's tensor: h, c, ...
        size: Its units.
        norm: The median, over the steps, of the 2-norm.
        largest_norm: The largest; infinite or NaN where a state is.
        mean_abs: The mean modulus of a unit.
        dead: The share of units that hardly change: their standard deviation over all rows and steps is at most a
            thousandth of the root mean square of the whole tensor; units that are always 0 are.
        saturated: The share of units whose tanh is beyond 0.95 in modulus at more than 90 % of the steps. The tanh is
            the last one of this size that the step computes: what a simple network's state is, what the output of an
            LSTM makes of its memory, the candidate of a GRU. 0 where the step has none of this size.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import units
        >>> from ostinato.diagnostics.probe import record
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> recording = record(net, lambda: net(x)[0].square().mean())
        >>> [(each.state, each.size, each.dead) for each in units(recording.tracks[0])]
        [('h', 16, 0.0), ('c', 16, 0.0)]
    """

    layer: Layer
    state: str
    size: int
    norm: float
    largest_norm: float
    mean_abs: float
    dead: float
    saturated: float


def gates(track: Track) -> list[Gate]:
    """How far open a layer's gates stand on the data: every logistic sigmoid that its step computes is a gate.

    The step is computed once more at its valid steps, at 4096 of them drawn uniformly where there are more.

    Args:
        track: A recorded layer.

    Returns:
        One for each gate, in the order of the step; none where no step is valid.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import gates
        >>> from ostinato.diagnostics.probe import record
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> recording = record(net, lambda: net(x)[0].square().mean())
        >>> all(0.2 < gate.mean < 0.8 for gate in gates(recording.tracks[0]))  # half open, before anything is learned
        True
    """
    found = []
    for name, values in _noted(track).gates:
        v = values.double()
        low, high = float((v < SHUT).double().mean()), float((v > OPEN).double().mean())
        found.append(Gate(track.layer, name, float(v.mean()), low, high))
    return found


def units(track: Track) -> list[Units]:
    """How large, how alive and how saturated a layer's units are on the data.

    Args:
        track: A recorded layer.

    Returns:
        One for each tensor of the state; none where no step is valid.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import units
        >>> from ostinato.diagnostics.probe import record
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> recording = record(net, lambda: net(x)[0].square().mean())
        >>> hidden, memory = units(recording.tracks[0])
        >>> hidden.largest_norm < memory.largest_norm
        True
    """
    runs = steps_of(track)
    if not any(bool(run.valid.any()) for run in runs):
        return []
    tanhs = _noted(track).tanhs
    made = []
    for number, name in enumerate(track.fields):
        values = torch.cat([run.after[number][run.valid] for run in runs]).double()
        norms, size = values.norm(dim=1), values.shape[1]
        own = [tanh for tanh in tanhs if tanh.shape[1] == size]
        saturated = _share((own[-1].abs() > BEYOND).double().mean(0) > OFTEN) if own else 0.0
        mean = float(values.abs().mean())
        largest = float(norms.max())
        made.append(
            Units(track.layer, name, size, float(norms.median()), largest, mean, _share(_still(values)), saturated)
        )
    return made


def _still(values: Tensor) -> Tensor:
    """Which units ``(n, size)`` hardly change; of a single row, those that are 0."""
    if len(values) == 1:
        return values[0] == 0
    return values.std(0, correction=0) <= STILL * values.square().mean().sqrt()


def _share(which: Tensor) -> float:
    return float(which.double().mean())


@dataclass(eq=False)
class _Notes(TorchFunctionMode):
    """What the step of a cell computes: its gates by name, and its tanhs."""

    rows: int
    gates: list[tuple[str, Tensor]] = field(default_factory=list)
    tanhs: list[Tensor] = field(default_factory=list)
    _within: list[tuple[Cell[Any], str, list[int]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        value = func(*args, **(kwargs or {}))
        # A squashed parameter, the same for all rows, is no gate.
        if isinstance(value, Tensor) and value.dim() == 2 and len(value) == self.rows:
            if func in SIGMOIDS:
                self._note_gate(value)
            elif func in TANHS:
                self.tanhs.append(value)
        return value

    def _note_gate(self, value: Tensor) -> None:
        cell, suffix, seen = self._within[-1]
        seen[0] += 1
        if not cell.gates:
            self.gates.append((f"gate {seen[0]}{suffix}", value))
        elif seen[0] <= len(cell.gates):
            self.gates.append((cell.gates[seen[0] - 1] + suffix, value))

    @contextmanager
    def following(self, cell: Cell[Any]) -> Iterator[None]:
        """Knows, while a cell steps, which of the cells within it computes."""
        with ExitStack() as hooks:
            for part, suffix in _parts(cell):
                entered = part.register_forward_pre_hook(partial(self._enter, suffix))
                hooks.callback(entered.remove)
                hooks.callback(part.register_forward_hook(self._leave).remove)
            yield

    def _enter(self, suffix: str, cell: Cell[Any], args: Any) -> None:
        self._within.append((cell, suffix, [0]))

    def _leave(self, cell: Cell[Any], args: Any, result: Any) -> None:
        self._within.pop()


def _parts(cell: Cell[Any], suffix: str = "") -> Iterator[tuple[Cell[Any], str]]:
    """A cell and all cells within it, each with what its gates' names end in."""
    yield cell, suffix
    for number, part in enumerate(cell.cells if isinstance(cell, Chain) else cell.children()):
        if isinstance(part, Cell):
            yield from _parts(part, f"{suffix} {number}" if isinstance(cell, Chain) else suffix)


@torch.no_grad()
def _noted(track: Track) -> _Notes:
    """What the layer's step computes at valid steps of the data."""
    x, state = drawn_steps(track, ROWS)
    notes, cell = _Notes(len(x)), track.calls[0].cell
    if len(x):
        with notes.following(cell), notes:
            cell(x, state)
    return notes
