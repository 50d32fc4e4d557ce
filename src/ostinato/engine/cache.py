"""Programs kept, and found again in microseconds as long as all that their steps were captured from is as it was."""

import itertools
import threading
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ostinato.cells import Cell
from ostinato.engine.capture import LOCK, weights_of
from ostinato.engine.guards import Guards
from ostinato.engine.observation import Observation, Observer
from ostinato.engine.program import Failure, Program, made_program
from ostinato.engine.trial import Trial

_MOST_KINDS = 256
"""Kinds of cells whose programs are kept."""
_MOST_CELLS = 256
"""Cells for which is kept which program is theirs; one more costs the search among the kinds."""
_WARN_AT, _MOST_CAPTURES = 3, 8
"""How many captures of one cell anew are worth a warning, and how many are made."""


class _Kind(NamedTuple):
    """A step that was captured.

    Attributes:
        seen: What ran in it.
        key: Of the guards of all cells that share it.
        alive: Objects whose identity stands in the key.
        program: What came of it.
    """

    seen: Observation
    key: tuple[Any, ...]
    alive: tuple[Any, ...]
    program: Program | Failure


class _Held:
    """What is known of one cell: its program, where its weights are, and how to tell that it has not changed."""

    def __init__(
        self, place: "_Place", cell: Cell[Any], kind: _Kind, guards: Guards, formats: "_Formats", captures: int
    ) -> None:
        self.cell = weakref.ref(cell, partial(_forget, _held, place))
        self.kind = kind
        self.program = kind.program
        self.guards = guards
        self.formats = formats
        self.captures = captures
        self.default_dtype = torch.get_default_dtype()
        self.slots, self.ties = _slots(cell)

    def weights(self) -> list[Tensor]:
        """The cell's parameters and buffers, in the order of `weights_of`."""
        return [read(name) for read, name in self.slots]

    def is_of(self, cell: Cell[Any]) -> bool:
        """Whether all is as it was when the step was captured, but the weights."""
        return (
            self.cell() is cell
            and self.default_dtype is torch.get_default_dtype()
            and self.guards.hold()
            and all(read(name) is other(again) for read, name, other, again in self.ties)
        )


_Slot = tuple[Callable[[str], Tensor], str]
_Place = tuple[int, int, torch.dtype]
_Formats = list[tuple[torch.Size, torch.dtype]]

_kinds: OrderedDict[Any, list[_Kind]] = OrderedDict()
_held: OrderedDict[_Place, _Held] = OrderedDict()
_by_key: weakref.WeakValueDictionary[str, Program] = weakref.WeakValueDictionary()
_thread = threading.local()


def program_of(
    cell: Cell[Any], features: int, dtype: torch.dtype, lent: Sequence[Tensor] | None = None
) -> tuple[Program | Failure, Sequence[Tensor]]:
    """The program of a cell, or why there is none; and its weights.

    It is made at the first call for a step. Cells of one class with equal settings and shapes share it.

    Args:
        cell: One time step.
        features: Features of x, with any masks that stand behind the cell's own.
        dtype: float32 or float64.
        lent: Tensors in the place of the cell's own, in the order of `weights_of`.
    """
    held = _held.get((id(cell), features, dtype))
    if held is not None and held.is_of(cell):
        weights = held.weights() if lent is None else lent
        if [(weight.shape, weight.dtype) for weight in weights] == held.formats:
            return held.program, weights
    with LOCK:
        named = weights_of(cell)
        weights = [weight for _, weight in named] if lent is None else lent
        _hold(cell, [name for name, _ in named], features, dtype, weights)
        return _held[id(cell), features, dtype].program, weights


def _hold(cell: Cell[Any], names: list[str], features: int, dtype: torch.dtype, weights: Sequence[Tensor]) -> None:
    """Finds the program of a cell among those of its kind, or makes it."""
    place, formats = (id(cell), features, dtype), [(weight.shape, weight.dtype) for weight in weights]
    kinds = _kinds.setdefault((type(cell), *names, *formats, features, dtype, torch.get_default_dtype()), [])
    before = _held.get(place)
    if before is not None and (before.cell() is not cell or before.formats != formats):
        before = None
    captures = before.captures if before else 0
    for kind in kinds:
        guards = Guards(cell, kind.seen)
        if guards.key == kind.key:
            break
    else:
        changed = before.guards.changed() if before else ""
        captures += before is not None
        if captures == _WARN_AT:
            warnings.warn(
                f"{changed} changes between scans, and the step is captured and compiled anew each time; "
                f"make it a buffer (register_buffer). After {_MOST_CAPTURES} times the plain loop runs",
                stacklevel=5,
            )
        if before and captures > _MOST_CAPTURES:
            program: Program | Failure = Failure(
                f"{changed} has changed between scans {_MOST_CAPTURES} times: make it a buffer (register_buffer)"
            )
            guards = Guards(cell, before.kind.seen)
            kind = _Kind(before.kind.seen, guards.key, guards.alive, program)
        else:
            kind, guards = _apart(cell, features, dtype, weights)
            _remember(kinds, kind)
    _held.pop(place, None)
    _held[place] = _Held(place, cell, kind, guards, formats, captures)
    while len(_held) > _MOST_CELLS:
        _held.popitem(last=False)


def _forget(cells: dict[_Place, _Held], place: _Place, cell: "weakref.ref[Cell[Any]]") -> None:
    held = cells.get(place)
    if held is not None and held.cell is cell:  # else the number is another cell's by now
        cells.pop(place, None)


def _remember(kinds: list[_Kind], kind: _Kind) -> None:
    kinds.append(kind)
    if isinstance(kind.program, Program):
        _by_key[kind.program.key] = kind.program
    while sum(map(len, _kinds.values())) > _MOST_KINDS:
        oldest, found = next(iter(_kinds.items()))
        del found[0]
        if not found:
            del _kinds[oldest]


def _slots(cell: Cell[Any]) -> tuple[list[_Slot], list[tuple[Any, str, Any, str]]]:
    """Where a cell's weights are, in the order of `weights_of`; and which are the same tensor twice."""
    slots: list[_Slot] = []
    ties = []
    for part in ("_parameters", "_buffers"):
        seen: dict[int, _Slot] = {}
        for module in cell.modules():
            for name, weight in module.__dict__[part].items():
                slot = (module.__dict__[part].__getitem__, name)
                if weight is not None and id(weight) in seen:
                    ties.append((*seen[id(weight)], *slot))
                elif weight is not None:
                    seen[id(weight)] = slot
        slots += seen.values()
    return slots, ties


def capturing() -> bool:
    """Whether this thread is at work on a capture: a scan within a step must not wait for another."""
    return getattr(_thread, "captures", False)


def _begin() -> None:
    _thread.captures = True


def _attempt(thread: ThreadPoolExecutor, work: Callable[[], Any]) -> Any:
    """What `work` gives, or the exception that it raised: a user's step may raise any."""
    future = thread.submit(work)
    error = future.exception()
    if error is not None and not isinstance(error, Exception):
        raise error
    return future.result() if error is None else error


def _apart(cell: Cell[Any], features: int, dtype: torch.dtype, weights: Sequence[Tensor]) -> tuple[_Kind, Guards]:
    """Makes a program in a thread of its own: a scan may itself be traced, and what traces it belongs to its thread."""
    observer = Observer()
    with ThreadPoolExecutor(1, initializer=_begin) as thread:
        if any(weight.dtype is not dtype and weight.dtype.is_floating_point for weight in weights):
            seen = observer.seen()
            guards = Guards(cell, seen)
            program: Program | Failure = Failure("the weights are of another type than the input")
        else:
            trial = Trial(cell, features, dtype, weights)
            made = _attempt(thread, partial(trial.together, observer))
            if isinstance(made, Exception):  # the weights of the moment may be at fault: a matrix without an inverse
                trial = Trial(cell, features, dtype, weights, drawn=True)
                made = _attempt(thread, partial(trial.together, observer))
            seen = observer.seen()
            guards = Guards(cell, seen)
            program = _program(thread, cell, features, dtype, guards, trial, made)
    return _Kind(seen, guards.key, guards.alive, program), guards


def _program(
    thread: ThreadPoolExecutor,
    cell: Cell[Any],
    features: int,
    dtype: torch.dtype,
    guards: Guards,
    trial: Trial,
    made: Any,
) -> Program | Failure:
    if guards.problem:
        return Failure(guards.problem)
    if not trial.state:
        return Failure(f"{trial.name} carries no state: there is no loop to compile")
    program = _attempt(thread, partial(made_program, cell, features, dtype))
    if isinstance(program, Exception):
        return Failure(f"{trial.name} cannot be traced: {type(program).__name__}: {program}")
    if isinstance(program, Failure):
        return program
    parts = [_attempt(thread, partial(trial.alone, rows)) for rows in trial.parts]
    problem = trial.problem(made, parts)
    return Failure(problem) if problem else program


# What a graph of torch names


class _Traced(NamedTuple):
    """A scan within a graph that torch.compile made."""

    program: Program
    cell: "weakref.ref[Cell[Any]]"
    seen: Observation
    guards: Guards


_serial = itertools.count()
_traced: dict[str, _Traced] = {}
_pinned: dict[str, Program] = {}


def pin(program: Program) -> str:
    """The name by which a graph of torch finds a program again, which lives as long as the process then."""
    return _pinned.setdefault(program.key, program).key


def trace(cell: Cell[Any], features: int, dtype: torch.dtype) -> str:
    """The same for a scan of a cell that is traced: whether the cell is as it was is checked at each call."""
    held = _held[id(cell), features, dtype]
    assert isinstance(held.program, Program)
    name = f"{held.program.key}#{next(_serial)}"
    _traced[name] = _Traced(held.program, held.cell, held.kind.seen, held.guards)
    return name


def program_by_name(name: str, check: int | None = None) -> Program:
    """A program that a graph of torch names; with the number of weights in the graph, whether that still fits the cell.

    Raises:
        RuntimeError: If there is none: an exported model was loaded in a process that has not met its cell. If the cell
            has changed since the graph was made.
    """
    if traced := _traced.get(name):
        cell = traced.cell()
        if check is not None and check != len(traced.program.graph.parameters):
            raise RuntimeError(
                "a scan's weights are tied otherwise than when they were traced: call torch.compiler.reset()"
            )
        if check is not None and cell is not None and not traced.guards.hold():
            guards = Guards(cell, traced.seen)
            if guards.key != traced.guards.key:
                raise RuntimeError(
                    f"{traced.guards.changed()} has changed since torch.compile traced {type(cell).__name__}, "
                    "and the graph does not know it; call torch.compiler.reset(), or make it a buffer"
                )
            _traced[name] = traced._replace(guards=guards)
        return traced.program
    key = name.partition("#")[0]
    found = _pinned.get(key) or _by_key.get(key)
    if found is None:
        raise RuntimeError(
            f"the compiled cell {key} is not known to this process: run ostinato.engine.explain on the cell once, "
            "then the exported model"
        )
    return found
