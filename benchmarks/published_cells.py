"""Which public recurrent cells compile and are right.

Every cell of the packages torchrecurrent and ncps (pip install --no-deps torchrecurrent ncps), wrapped as it is, and
the plain ones of tests/engine/public_cells.py. Each is compared in float64 with the plain loop: outputs, final states
and every gradient, with lengths, without, and reversed.
"""

import importlib
import inspect
import sys
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from benchmark import Row, Run
from torch import nn

from ostinato.cells import Cell
from ostinato.engine import explain

sys.path.append(str(Path(__file__).parent.parent / "tests" / "engine"))
from public_cells import PUBLIC
from scan_scenario import assert_same, compiled, made_case, reference, results

INPUTS, UNITS = 4, 4  # some cells ask for as many of both
TOLERANCE = 1e-7
"""The slope of torch's own hardsigmoid is 1/6 in float32 even in float64; all else agrees to 1e-11."""


class Wrapped(Cell):
    """Somebody's cell: `inner(x, state)` gives an output or a tuple, which is the state, or an output and a state."""

    def __init__(self, inner: nn.Module, states: int, gives_output: bool, *settings: float) -> None:
        super().__init__(INPUTS, UNITS)
        self.inner, self.states, self.gives_output, self.settings = inner, states, gives_output, settings

    def initial_state(self, batch_size, device=None, dtype=None):
        made = (torch.zeros(batch_size, UNITS, device=device, dtype=dtype) for _ in range(self.states))
        return _STATES[self.states](*made)

    def forward(self, x, state):
        made = self.inner(x, state[0] if self.states == 1 else tuple(state), *self.settings)
        y, new = made if self.gives_output else (None, made)
        new = new if isinstance(new, tuple) else (new,)
        return (new[0] if y is None else y), type(state)(*new)


_STATES = {count: namedtuple(f"State{count}", [f"s{i}" for i in range(count)]) for count in (1, 2, 3)}


def torchrecurrent() -> Iterator[tuple[str, Callable[[], Cell]]]:
    package = importlib.import_module("torchrecurrent")
    for name, kind in inspect.getmembers(package, inspect.isclass):
        if name.endswith("Cell"):
            yield f"torchrecurrent {name}", lambda kind=kind: _wrapped(kind(INPUTS, UNITS))


def _wrapped(inner: nn.Module) -> Cell:
    made = inner.double()(torch.zeros(1, INPUTS).double())
    if not isinstance(made, tuple):
        return Wrapped(inner, 1, False)
    if type(inner).__name__ == "IntersectionRNNCell":
        return Wrapped(inner, 1, True)
    if isinstance(made[1], tuple):
        return Wrapped(inner, len(made[1]), True)
    return Wrapped(inner, len(made), False)


def ncps() -> Iterator[tuple[str, Callable[[], Cell]]]:
    cfc, ltc = importlib.import_module("ncps.torch.cfc_cell"), importlib.import_module("ncps.torch.ltc_cell")
    wirings = importlib.import_module("ncps.wirings")
    for mode in ("default", "pure", "no_gate"):
        yield (
            f"ncps CfC {mode}",
            lambda mode=mode: Wrapped(cfc.CfCCell(INPUTS, UNITS, mode=mode, backbone_units=5), 1, True, 1.0),
        )
    yield (
        "ncps LTC",
        lambda: Wrapped(ltc.LTCCell(wirings.FullyConnected(UNITS, UNITS), in_features=INPUTS), 1, True),
    )


def fault(make: Callable[[], Cell]) -> str:
    """What is wrong with a cell; nothing if it compiles and is right."""
    torch.manual_seed(0)
    cell = make().double().requires_grad_()
    explanation = explain(cell, torch.zeros(2, 3, cell.input_size).double())
    if explanation.backend != "cpp":
        return f"not compiled: {explanation.rejected['cpp']}"
    for settings in ({}, {"lengths": None}, {"reverse": True}):
        case = made_case(cell, batch=3, **settings)
        try:
            assert_same(results(compiled, case), results(reference, case), TOLERANCE)
        except AssertionError as error:
            return f"wrong with {settings}: {' '.join(str(error).split())[:150]}"
    return ""


def verdicts(run: Run) -> Iterator[Row]:
    """All cells; of a package that is not installed it is said that its cells are left out."""
    found: list[tuple[str, Callable[[], Cell]]] = []
    for package in (torchrecurrent, ncps):
        try:
            found += package()
        except ImportError as error:
            run.say(f"{package.__name__} is missing ({error}): pip install --no-deps {package.__name__}")
    found += PUBLIC.items()
    for name, make in found:
        why = fault(make)
        yield Row(name, {} if why else {"compiles_and_is_right": 1.0}, why)
