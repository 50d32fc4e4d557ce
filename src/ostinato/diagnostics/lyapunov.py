"""Lyapunov exponents: how fast nearby states of a network that reads data move apart or together."""

from typing import Any

import torch
from torch import Tensor

from ostinato.cells import Cell, State
from ostinato.diagnostics.probe import Track
from ostinato.diagnostics.steps import Steps, pulled_back, steps_of

TURNING = 50
"""Steps within which the vectors that are pushed have turned to the directions that grow fastest."""


def lyapunov_exponents(
    cell: Cell[Any], x: Tensor, state: State | None = None, *, count: int | None = None, warmup: int = 0
) -> Tensor:
    """The largest Lyapunov exponents of a cell that reads data: above 0 for a chaotic network, below 0 for a calm one.

    The QR method (Benettin et al. 1980; for recurrent networks Engelken et al. 2023, "Lyapunov spectra of chaotic
    recurrent neural networks", and Vogt et al. 2022). Orthonormal vectors are pushed through the Jacobians of the steps
    and made orthonormal again after each; the exponents are the means of the logarithms of what they grew by. They are
    pushed backwards in time, as gradients are: the transposed product of the Jacobians has the same singular values,
    and any cell that can be trained will do. The whole state counts, all its tensors side by side.

    Args:
        cell: One time step.
        x: What it reads ``(batch, time, features)``; zeros for a network left to itself.
        state: The state before the first step; `initial_state` unless given.
        count: How many exponents; the state's size, at most 8, unless given.
        warmup: Steps at the start that do not count, in which the network settles, and as many at the end, in which
            the vectors turn.

    Returns:
        ``(count,)`` in nats a step, the largest first, the mean over rows and counted steps, float64; ``-inf`` where a
        step maps a direction to zero.

    Raises:
        ValueError: For a `count` that is not between 1 and the state's size, or a `warmup` that leaves no step.

    Example:
        >>> import torch
        >>> from ostinato.cells import Elman
        >>> from ostinato.diagnostics import lyapunov_exponents
        >>> cell, x = Elman(3, 16), torch.randn(2, 200, 3)
        >>> exponents = lyapunov_exponents(cell, x, count=2, warmup=50)
        >>> bool(exponents[0] < 0)  # two nearby states come together
        True
    """
    first = cell.initial_state(x.shape[0], x.device, x.dtype) if state is None else state
    size = sum(tensor.shape[1] for tensor in first)
    count = min(size, 8) if count is None else count
    if not 1 <= count <= size:
        raise ValueError(f"count must lie between 1 and the state's size, {size}, got {count}")
    if not 0 <= 2 * warmup < x.shape[1]:
        raise ValueError(f"warmup must leave steps to count: twice {warmup} of {x.shape[1]}")
    states = [first]
    with torch.no_grad():
        for step in x.unbind(1):
            states.append(cell(step, states[-1])[1])
    before, after = (_stacked(part) for part in (states[:-1], states[1:]))
    valid = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
    place = torch.arange(x.shape[1], device=x.device)
    total, steps = _grown(
        Steps(cell, x, before, after, valid), count, (place >= warmup) & (place < x.shape[1] - warmup) & valid
    )
    return (total / steps).sort(descending=True).values


def track_exponents(track: Track, count: int = 4, rows: int = 8) -> Tensor | None:
    """The largest Lyapunov exponents of a layer that ran, along the states that the data led it through.

    As `lyapunov_exponents`, of each row's own steps from its first one on. The last quarter of them, at most 50, is
    where the vectors turn and does not count.

    Args:
        track: A recorded layer.
        count: How many exponents, at most the state's size.
        rows: At most so many rows of a scan are followed, spread evenly over the batch.

    Returns:
        ``(count,)`` in nats a step, the largest first, float64; None where no step is valid.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import track_exponents
        >>> from ostinato.diagnostics.probe import record
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> recording = record(net, lambda: net(x)[0].square().mean())
        >>> track_exponents(recording.tracks[0], count=2).shape
        torch.Size([2])
    """
    size = sum(tensor.shape[1] for tensor in track.calls[0].first)
    total, steps = torch.zeros(min(count, size), dtype=torch.float64), 0
    for run in steps_of(track):
        chosen = _some_rows(run, rows)
        lengths = chosen.valid.sum(1)
        counted = lengths - (lengths // 4).clamp(max=TURNING)
        place = torch.arange(chosen.x.shape[1], device=lengths.device)
        grown, number = _grown(chosen, len(total), place < counted[:, None])
        total, steps = total + grown, steps + number
    return (total / steps).sort(descending=True).values if steps else None


def _stacked(states: list[State]) -> State:
    return type(states[0])(*(torch.stack(parts, 1) for parts in zip(*states, strict=True)))


def _some_rows(steps: Steps, most: int) -> Steps:
    """At most so many rows that have a valid step."""
    able = steps.valid.any(1).nonzero()[:, 0]
    at = able[torch.linspace(0, len(able) - 1, min(most, len(able))).round().long().to(able.device)]
    kind = type(steps.before)
    before, after = (kind(*(tensor[at] for tensor in state)) for state in (steps.before, steps.after))
    return Steps(steps.cell, steps.x[at], before, after, steps.valid[at])


def _grown(steps: Steps, count: int, counted: Tensor) -> tuple[Tensor, int]:
    """The sums over all counted steps ``(batch, steps)`` of the logarithms of growth ``(count,)``, and their number."""
    batch, time = steps.x.shape[:2]
    size = sum(tensor.shape[2] for tensor in steps.before)
    start = torch.randn(size, count, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    vectors = torch.linalg.qr(start).Q.to(steps.x.device).expand(batch, -1, -1)
    total = torch.zeros(batch, count, dtype=torch.float64, device=steps.x.device)
    smallest = torch.finfo(steps.x.dtype).eps
    for step in reversed(range(time)):
        state = type(steps.before)(*(tensor[:, step] for tensor in steps.before))
        back = pulled_back(steps.cell, steps.x[:, step], state, vectors.mT.to(steps.x.dtype)).mT.double()
        turned, triangle = torch.linalg.qr(back)
        growth = triangle.diagonal(dim1=1, dim2=2).abs()
        growth = torch.where(growth <= smallest * growth.amax(1, keepdim=True), 0, growth)  # below, it is rounding
        vectors = torch.where(steps.valid[:, step, None, None], turned, vectors)
        total += torch.where(counted[:, step, None], growth.log(), 0)
    return total.sum(0).cpu(), int(counted.sum())
