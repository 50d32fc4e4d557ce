"""The steps that a layer took, one by one, and what a gradient becomes on its way back through one."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ostinato.cells import Cell, State
from ostinato.diagnostics.probe import Call, Track


@dataclass(frozen=True)
class Steps:
    """The steps of some rows in the order in which they were taken, each row's first one in front.

    Attributes:
        cell: One time step.
        x: What it read ``(batch, steps, features)``.
        before: The state that entered each step, a state of tensors ``(batch, steps, size)``.
        after: The state that left it, likewise.
        valid: Which steps are within the row's length, booleans ``(batch, steps)``.
    """

    cell: Cell[Any]
    x: Tensor
    before: State
    after: State
    valid: Tensor


def steps_of(track: Track) -> list[Steps]:
    """All steps of a layer: one run for scans that go on from each other while no row ends, else one for each scan."""
    runs = []
    for chain in track.chains:
        steps = [_of_call(call) for call in chain]
        runs += [_joined(steps)] if all(call.lengths is None for call in chain) else steps
    return runs


def _joined(parts: list[Steps]) -> Steps:
    """Runs of the same rows as one, each behind the one before."""
    before, after = (
        [torch.cat(tensors, 1) for tensors in zip(*states, strict=True)]
        for states in zip(*((part.before, part.after) for part in parts), strict=True)
    )
    kind = type(parts[0].before)
    x, valid = torch.cat([part.x for part in parts], 1), torch.cat([part.valid for part in parts], 1)
    return Steps(parts[0].cell, x, kind(*before), kind(*after), valid)


def _of_call(call: Call) -> Steps:
    before, after = ([call.in_order(tensor) for tensor in states] for states in (call.before, call.states))
    kind = type(call.first)
    return Steps(call.cell, call.in_order(call.x), kind(*before), kind(*after), call.valid)


def drawn_steps(track: Track, count: int, seed: int = 0) -> tuple[Tensor, State]:
    """What enters some of the layer's valid steps: ``(n, features)`` and a state of tensors ``(n, size)``.

    They are drawn uniformly, none twice, from all rows and steps; fewer than `count` where the data has fewer.
    """
    runs = steps_of(track)
    x = torch.cat([run.x[run.valid] for run in runs])
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:count].to(x.device)
    states = [
        torch.cat(parts)[order] for parts in zip(*([t[run.valid] for t in run.before] for run in runs), strict=True)
    ]
    return x[order], type(runs[0].before)(*states)


def pulled_back(cell: Cell[Any], x: Tensor, state: State, vectors: Tensor) -> Tensor:
    """What gradients with respect to the state after one step are with respect to the state before it.

    They are products with the transposed Jacobian of the whole state, all its tensors side by side. Each is a row of
    one batch, so that any cell that can be trained will do.

    Args:
        cell: One time step.
        x: Input rows ``(batch, features)``.
        state: The state before the step, tensors ``(batch, size)``.
        vectors: The gradients ``(batch, count, sum of the sizes)``.

    Returns:
        As `vectors`.
    """
    count = vectors.shape[1]
    old = [tensor.detach().repeat_interleave(count, 0).requires_grad_() for tensor in state]
    with torch.enable_grad():
        _, new = cell(x.detach().repeat_interleave(count, 0), type(state)(*old))
    gradients = torch.split(vectors.flatten(0, 1), [tensor.shape[1] for tensor in old], 1)
    asked = [(tensor, given) for tensor, given in zip(new, gradients, strict=True) if tensor.requires_grad]
    if not asked:
        return torch.zeros_like(vectors)
    outputs, given = zip(*asked, strict=True)
    found = torch.autograd.grad(outputs, old, given, allow_unused=True, materialize_grads=True)
    return torch.cat(found, 1).view_as(vectors)
