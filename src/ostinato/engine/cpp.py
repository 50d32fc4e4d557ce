"""The cpp backend: cells compiled for this machine's processor, forward and backward."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ostinato.cells import Cell, State
from ostinato.engine import execute, probe
from ostinato.engine.capture import weights_of
from ostinato.engine.op import scan_eagerly, scan_op
from ostinato.engine.program import Failure, Program, program_of

_warned: set[str] = set()


class Ready(NamedTuple):
    """A cell that runs compiled: its program, and the weights that it takes."""

    program: Program
    weights: list[Tensor]


def prepare(cell: Cell[Any], features: int, dtype: torch.dtype, device: torch.device) -> Ready | str:
    """The program of a cell, captured and compiled at the first call; or why the cell cannot run compiled."""
    if device.type != "cpu":
        return f"it compiles for the CPU, and the input is on {device.type}"
    if dtype not in (torch.float32, torch.float64):
        return f"it computes in float32 and float64, not in {str(dtype).removeprefix('torch.')}"
    named = weights_of(cell)
    names, weights = [name for name, _ in named], [weight for _, weight in named]
    for weight in weights:
        if weight.dtype != dtype:
            return "the weights are of another type than the input"
    if torch.is_autocast_enabled("cpu"):
        return "it knows no autocast"
    if _hooked(cell):
        return "compiled steps call no hooks, and the cell has some"
    obstacle: str | None = probe.obstacle()
    if obstacle:
        _warn_once(obstacle)
        return obstacle
    program = program_of(cell, names, weights, features, dtype)
    if isinstance(program, Failure):
        return program.message
    if failure := program.build_failure:
        _warn_once(failure)
        return failure
    return Ready(program, weights)


def _hooked(cell: Cell[Any]) -> bool:
    modules = cell.modules() if cell._modules else (cell,)
    return any(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
        for module in modules
    )


def _warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        warnings.warn(f"cells are not compiled, and slow: {message}", stacklevel=2)


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]  # torch.compile asks, and does not trace it
def _key(cell: Cell[Any], features: int, dtype: torch.dtype) -> str:
    ready = prepare(cell, features, dtype, torch.device("cpu"))
    assert isinstance(ready, Ready)  # `scan` has asked before
    return ready.program.key


def trace(cell: Cell[Any], x: Tensor, state: State, lengths: Tensor | None, reverse: bool) -> tuple[Tensor, State]:
    """What `run` does, as `torch.compile` is to see it: one operation."""
    weights = [weight for _, weight in weights_of(cell)]
    training = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *weights, *state))
    features = cell.input_size if x.shape[2] == cell.input_size else cell.input_size + cell.output_size
    key = _key(cell, features, x.dtype)
    time_major = x.shape[0] == 1 or x.stride(1) > x.stride(0)
    made = scan_op(x, weights, list(state), lengths, key, reverse, time_major, training)
    return made[0], type(state)(*made[1 : 1 + len(state)])


def run(
    ready: Ready, cell: Cell[Any], x: Tensor, state: State, lengths: Tensor | None, reverse: bool
) -> tuple[Tensor, State]:
    """Runs a cell over ``(batch, time, features)`` in one compiled loop; see `ostinato.engine.scan`."""
    program, weights = ready
    time_major = x.shape[0] == 1 or x.stride(1) > x.stride(0)
    made: Sequence[Tensor]
    if torch._C._len_torch_dispatch_stack():  # somebody traces or watches torch's operations
        made = scan_op(x, weights, list(state), lengths, program.key, reverse, time_major, torch.is_grad_enabled())
    elif torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *weights, *state)):
        made = scan_eagerly(cell, program, x, weights, state, lengths, reverse, time_major)
    else:
        made = execute.forward(program, x, weights, state, lengths, reverse, time_major, False)
    return made[0], type(state)(*made[1 : 1 + len(state)])
