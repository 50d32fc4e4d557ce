"""Measuring: what a cell over time costs, beside its peers and the multiplications it is made of.

A time counts only for a result that is right: `compare` checks every contender against the plain loop in float64 before
it looks at a clock.
"""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from statistics import median
from timeit import Timer
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from ostinato.cells import Cell
from ostinato.engine.capture import ROWS
from ostinato.engine.workload import Contender, Results, Workload

Call = Callable[[], object]
LIMIT = 1e-5
"""The largest relative error of a right result in float32."""
BUSY = 0.3
"""The `swing` from which the machine was busy with something else, and the times mean little."""

_PRODUCTS = {torch.ops.aten.mm, torch.ops.aten.addmm, torch.ops.aten.bmm, torch.ops.aten.baddbmm, torch.ops.aten.mv}


class WrongResultError(RuntimeError):
    """A contender computes something else: its speed means nothing."""


class Speed(NamedTuple):
    """What a contender took, and how right it is.

    Attributes:
        forward: Seconds of the forward pass without gradients.
        training: Seconds of forward and backward pass together.
        error: The largest relative error of its results, see `check`.
    """

    forward: float
    training: float
    error: float


class Comparison(NamedTuple):
    """Contenders measured in one run.

    Attributes:
        speeds: Of the contenders whose results are right, by name.
        wrong: What is wrong with the results of the others, by name.
        floor: Seconds of the forward pass's multiplications alone, see `floor`; None if there are none.
        swing: The largest `swing` of all times: see `BUSY`.
    """

    speeds: dict[str, Speed]
    wrong: dict[str, str]
    floor: float | None
    swing: float


def interleaved(contenders: Mapping[str, Call], repeats: int, shortest: float = 5e-3) -> dict[str, float]:
    """How long each contender's call takes: the median of its `turns`.

    Returns:
        Seconds of one call, by name.
    """
    return {name: median(seconds) for name, seconds in turns(contenders, repeats, shortest).items()}


def turns(contenders: Mapping[str, Call], repeats: int, shortest: float = 5e-3) -> dict[str, list[float]]:
    """Times every contender, one after the other, again and again: what slows the machine for a while slows everyone.

    A first call, and those that tell how many make a turn, are not counted.

    Args:
        contenders: What to call, by name.
        repeats: Turns of each contender, at least 1.
        shortest: Seconds that a turn lasts at least: a short call is repeated within it.

    Returns:
        Seconds of one call in each turn, by name.
    """
    timers = {name: Timer(call) for name, call in contenders.items()}
    calls = {name: _calls(timer, shortest) for name, timer in timers.items()}
    seconds: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(repeats):
        for name, timer in timers.items():
            seconds[name].append(timer.timeit(calls[name]) / calls[name])
    return seconds


def swing(seconds: Sequence[float]) -> float:
    """By how much turns differ: the upper quartile over the lower one, less 1. On a machine left in peace about 0.1."""
    ordered, count = sorted(seconds), len(seconds)
    return ordered[3 * count // 4] / ordered[count // 4] - 1


def _calls(timer: Timer, shortest: float) -> int:
    timer.timeit(1)
    calls = 1
    while timer.timeit(calls) < shortest:
        calls *= 2
    return calls


def check(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], limit: float = LIMIT) -> float:
    """The largest relative error of results: of each tensor, ``max |found - wanted| / max |wanted|``.

    Args:
        found: Results by name.
        wanted: The same, from the plain loop in float64.
        limit: The largest error that is right.

    Raises:
        WrongResultError: For an error above the limit, or a result that is no number; the message names the tensor.
    """
    errors = {name: _relative_error(found[name], tensor) for name, tensor in wanted.items()}
    for name, error in errors.items():
        if not error <= limit:  # nor is NaN
            raise WrongResultError(f"{name} is wrong by {error:.1e} of its largest value, more than {limit:.1e}")
    return max(errors.values())


def _relative_error(found: Tensor, wanted: Tensor) -> float:
    difference, largest = (found.reshape(wanted.shape) - wanted).abs().max(), wanted.abs().max()
    return float(difference / largest) if difference else 0.0


def floor(cell: Cell[Any], rows: int) -> Call | None:
    """The multiplications of a forward pass and nothing else: each one call of torch for the rows of all steps.

    Memory for the results stands ready. A backward pass multiplies twice as much.

    Args:
        cell: One time step; its multiplications are counted by running it once, without data.
        rows: Batch times steps.

    Returns:
        What makes them once; None for a cell that multiplies nothing.
    """
    operands = [tuple(_random(shape, rows) for shape in pair) for pair in products(cell)]
    ready = [(*pair, torch.matmul(*pair)) for pair in operands]

    def multiply() -> None:
        for left, right, out in ready:
            torch.matmul(left, right, out=out)

    return multiply if ready else None


def products(cell: Cell[Any]) -> list[tuple[torch.Size, torch.Size]]:
    """The shapes of both operands of each multiplication in one step of `ROWS` rows."""
    counter = _Counter()
    with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True), counter:
        cell(torch.empty(ROWS, cell.input_size), cell.initial_state(ROWS))
    return counter.found


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's class is untyped
    """Notes the multiplications of rows."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[tuple[torch.Size, torch.Size]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket in _PRODUCTS:
            left, right = args[-2:]
            if any(size % ROWS == 0 for size in (*left.shape, *right.shape)):
                self.found.append((left.shape, right.shape))
        return func(*args, **(kwargs or {}))


def _random(shape: torch.Size, rows: int) -> Tensor:
    return torch.randn([size // ROWS * rows if size % ROWS == 0 else size for size in shape])


def peak_bytes(call: Call) -> int:
    """How much memory torch allocates for a call at most at one time, in bytes, besides what stands there before.

    Memory that other libraries take for themselves is not seen.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    assert profiler.profiler is not None
    assert profiler.profiler.kineto_results is not None
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def tolerance(workload: Workload, truth: Results) -> float:
    """The largest relative error that is right for this cell: four times that of the plain loop in float32.

    Some cells are chaotic, and multiply the rounding of each step. At least `LIMIT`.

    Raises:
        WrongResultError: If the plain loop gives results that are no numbers.
    """
    return max(LIMIT, 4 * check(workload.on("reference").results(), truth, limit=inf))


def compare(
    workload: Workload, contenders: Mapping[str, Contender], repeats: int, *, truth: Results, limit: float = LIMIT
) -> Comparison:
    """Checks contenders, and measures those that are right.

    Args:
        workload: What all of them run.
        contenders: By name.
        repeats: Of each contender, see `turns`.
        truth: What is right, `Workload.truth`.
        limit: The largest relative error that is right.
    """
    errors: dict[str, float] = {}
    wrong: dict[str, str] = {}
    for name, contender in contenders.items():
        try:
            errors[name] = check(contender.results(), truth, limit)
        except WrongResultError as message:
            wrong[name] = str(message)
    right = {name: contenders[name] for name in errors}
    multiply = floor(workload.cell, workload.x.shape[0] * workload.x.shape[1])
    alone: dict[str, Call] = {} if multiply is None else {"floor": multiply}
    forward = turns({name: right[name].forward for name in right} | alone, repeats)
    training = turns({name: right[name].train for name in right}, repeats)
    speeds = {name: Speed(median(forward[name]), median(training[name]), errors[name]) for name in right}
    largest = max((swing(seconds) for times in (forward, training) for seconds in times.values()), default=0.0)
    return Comparison(speeds, wrong, median(forward["floor"]) if alone else None, largest)
