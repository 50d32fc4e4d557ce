"""The cpp backend: cells compiled for this machine's processor, forward and backward."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ostinato.cells import Cell, State
from ostinato.engine import execute, probe, reference
from ostinato.engine.cache import capturing, pin, program_of
from ostinato.engine.op import scan_eagerly, scan_op
from ostinato.engine.program import Failure, Program

_warned: set[str] = set()
_PLAIN = (Tensor, torch.nn.Parameter)


class Ready(NamedTuple):
    """A cell that runs compiled: its program, and the weights that it takes."""

    program: Program
    weights: Sequence[Tensor]


def prepare(
    cell: Cell[Any], features: int, dtype: torch.dtype, device: torch.device, lent: Sequence[Tensor] | None = None
) -> Ready | Failure | str:
    """The program of a cell, captured and compiled at the first call; or why the cell cannot run compiled.

    That is a `Failure` if it lies in the step, and a text if it lies in this scan, processor or installation.

    Args:
        cell: One time step.
        features: Features of x, with any masks that stand behind the cell's own.
        dtype: Of x.
        device: Of x.
        lent: Tensors in the place of the cell's weights.
    """
    if device.type != "cpu":
        return f"it compiles for the CPU, and the input is on {device.type}"
    if dtype not in (torch.float32, torch.float64):
        return f"it computes in float32 and float64, not in {str(dtype).removeprefix('torch.')}"
    if torch.is_autocast_enabled("cpu"):
        return "it knows no autocast"
    if capturing():
        return "a scan within a step goes through the plain loop"
    if reference.hooked(cell):
        return "compiled steps call no hooks, and the cell has some"
    obstacle: str | None = probe.obstacle()
    if obstacle:
        warn_once(f"cells are not compiled, and slow: {obstacle}", stacklevel=3)
        return obstacle
    program, weights = program_of(cell, features, dtype, lent)
    if isinstance(program, Failure):
        return program
    for weight in weights:
        if type(weight) not in _PLAIN and (foreign := foreign_tensor(weight)):
            return foreign
    if failure := program.build_failure:
        warn_once(f"cells are not compiled, and slow: {failure}", stacklevel=3)
        return failure
    return Ready(program, weights)


def foreign_tensor(tensor: Tensor) -> str | None:
    """Why a tensor of a class of its own goes through torch's operations one by one; None for a plain one."""
    if type(tensor) in _PLAIN or torch._C._len_torch_dispatch_stack():  # who traces brings classes of his own
        return None
    return f"tensors of a class of their own go through the plain loop, and there is a {type(tensor).__name__}"


def warn_once(message: str, stacklevel: int) -> None:
    """Warns as `warnings.warn` would at this place, the first time in a process."""
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, stacklevel=stacklevel)


def trace(
    name: str, x: Tensor, weights: Sequence[Tensor], state: State, lengths: Tensor | None, reverse: bool
) -> tuple[Tensor, State]:
    """What `run` does, as `torch.compile` is to see it: one operation, of the program that `cache.trace` named."""
    training = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *weights, *state))
    time_major = x.shape[0] == 1 or x.stride(1) > x.stride(0)
    made = scan_op(x, list(weights), list(state), lengths, name, reverse, time_major, training)
    return made[0], type(state)(*made[1 : 1 + len(state)])


def run(
    ready: Ready, cell: Cell[Any], x: Tensor, state: State, lengths: Tensor | None, reverse: bool
) -> tuple[Tensor, State]:
    """Runs a cell over ``(batch, time, features)`` in one compiled loop; see `ostinato.engine.scan`."""
    program, weights = ready
    time_major = x.shape[0] == 1 or x.stride(1) > x.stride(0)
    made: Sequence[Tensor]
    if torch._C._len_torch_dispatch_stack():  # somebody traces or watches torch's operations
        gradients = torch.is_grad_enabled()
        made = scan_op(x, list(weights), list(state), lengths, pin(program), reverse, time_major, gradients)
    elif torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *weights, *state)):
        made = scan_eagerly(cell, program, x, weights, state, lengths, reverse, time_major)
    else:
        made = execute.forward(program, x, weights, state, lengths, reverse, time_major, False)
    return made[0], type(state)(*made[1 : 1 + len(state)])
