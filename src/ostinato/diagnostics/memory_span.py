"""The memory span: how far back an input still changes what a recurrent module gives."""

import inspect
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from ostinato.diagnostics.probe import Recording, at_rest
from ostinato.nn import Recurrent
from ostinato.nn.dropin import DropIn
from ostinato.nn.packing import unpack

LAGS, ROWS, PROBES = 24, 8, 4
"""Lags that are perturbed, rows that are looked at, and random directions of the output, at most."""

AT_ONCE = 20_000
"""Steps that are run in one batch."""


@dataclass(frozen=True)
class MemorySpan:
    """How much the last output of a recurrent module depends on the input of k steps before.

    Both curves are shares of their largest value. At a lag where no row's input can be changed, because all are the
    same, the perturbation says nothing: NaN.

    Attributes:
        stack: The name of the module in the model.
        share: What a span asks for.
        lags: The lags perturbed, 0 (the last step itself) first, spaced nearly geometrically ``(count,)``.
        by_perturbation: The change of the output at each row's last valid step for an input replaced at that lag by
            another one of the data, per unit of that input's change, root mean square over the rows ``(count,)``.
        gradient_lags: Every lag from 0 on ``(all,)``.
        by_gradient: The norm of the gradient of a random direction of that output with respect to the input at that
            lag, root mean square over directions and rows ``(all,)``.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import memory_span
        >>> from ostinato.diagnostics.probe import record
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> recording = record(net, lambda: net(x)[0].square().mean())
        >>> (span,) = memory_span(recording)
        >>> span.span_by_perturbation < 50 and not span.censored
        True
    """

    stack: str
    share: float
    lags: Tensor
    by_perturbation: Tensor
    gradient_lags: Tensor
    by_gradient: Tensor

    @property
    def span_by_perturbation(self) -> int | None:
        """The largest lag at which a perturbation still has `share` of its largest effect; None where none has any.

        Between two lags of the grid, an exponential decay is assumed.
        """
        return _span(self.lags, self.by_perturbation, self.share)

    @property
    def span_by_gradient(self) -> int | None:
        """The largest lag at which the gradient still has `share` of its largest norm; None where there is none."""
        return _span(self.gradient_lags, self.by_gradient, self.share)

    @property
    def censored(self) -> bool:
        """Whether a span is the longest lag there is, so that the memory may reach further."""
        return int(self.lags[-1]) in (self.span_by_perturbation, self.span_by_gradient)


def memory_span(recording: Recording, share: float = 0.01, seed: int = 0) -> list[MemorySpan]:
    """Measures how far back the input reaches, for every recurrent module that read one whole sequence.

    A module is looked at that was called once. It is run again, in evaluation mode, on at most eight rows of the longer
    half, at the lags that all of that half have. Of a module that runs in both directions, the output of the forward
    direction is read; where the two are summed they cannot be told apart, and the module is left out.

    Args:
        recording: Of a forward pass of the model.
        share: Of the largest effect, from which on an input is said to be remembered.
        seed: Of the directions of the output.

    Returns:
        One for each such module, in the order of their calls.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import memory_span
        >>> from ostinato.diagnostics.probe import record
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> recording = record(net, lambda: net(x)[0].square().mean())
        >>> (span,) = memory_span(recording, share=0.01)
        >>> int(span.lags[0]), span.by_perturbation.shape == span.lags.shape
        (0, True)
    """
    calls = Counter(id(module) for _, module, _, _ in recording.modules)
    found = []
    for name, module, args, kwargs in recording.modules:
        if calls[id(module)] > 1 or (isinstance(module, Recurrent) and module.bidirectional and module.merge == "sum"):
            continue
        with at_rest(module):
            read = _reading(module, args, kwargs)
            if len(read.lengths) and read.longest > 0:
                found.append(_measured(name, read, share, seed))
    return found


@dataclass(frozen=True)
class _Reading:
    """A module as a map from padded rows to its output at each row's last valid step.

    Attributes:
        x: ``(rows, time, features)``, each row with at least one valid step.
        lengths: Their valid steps.
        last: Gives the outputs ``(copies * rows, size)`` for ``(copies * rows, time, features)``.
    """

    x: Tensor
    lengths: Tensor
    last: Callable[[Tensor], Tensor]

    @property
    def longest(self) -> int:
        """The longest lag that all rows have."""
        return int(self.lengths.min()) - 1


def _reading(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Reading:
    """The module's call, cut to some of its rows."""
    given = inspect.signature(module.forward).bind(*args, **kwargs).arguments
    x, state = given["x" if isinstance(module, Recurrent) else "input"], given.get("state", given.get("hx"))
    time_first = isinstance(module, DropIn) and not module.batch_first
    one_row = not isinstance(x, PackedSequence) and x.dim() == 2
    lengths: Tensor | None = given.get("lengths")
    if isinstance(x, PackedSequence):
        x, lengths = unpack(x)
    else:
        x = x[None] if one_row else x.transpose(0, 1) if time_first else x
    steps: Tensor = torch.full((len(x),), x.shape[1]) if lengths is None else lengths.long()
    half = steps[steps > 0].sort().values
    able = (steps >= half[(len(half) - 1) // 2]).nonzero()[:, 0] if len(half) else half
    rows = able[torch.linspace(0, len(able) - 1, min(ROWS, len(able))).round().long().to(able.device)]
    steps = steps[rows].to(x.device)
    batch = 1 if isinstance(module, DropIn) else 0  # where a state has its rows
    if one_row:
        state = _each(state, lambda tensor: tensor[:, None])
    first = _each(state, lambda tensor: tensor.detach().index_select(batch, rows.to(tensor.device)))

    def last(inputs: Tensor) -> Tensor:
        copies = len(inputs) // len(rows)
        each = steps.repeat(copies)
        laid = inputs.transpose(0, 1) if time_first else inputs
        y, _ = module(laid, _each(first, lambda tensor: torch.cat([tensor] * copies, batch)), lengths=each)
        y = y.transpose(0, 1) if time_first else y
        forward = y.shape[2] // (2 if module.bidirectional else 1)
        return y[torch.arange(len(y), device=y.device), each - 1, :forward]  # type: ignore[no-any-return]

    return _Reading(x.detach()[rows.to(x.device)], steps, last)


def _each(state: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A state with each of its tensors changed; None stays."""
    if state is None or isinstance(state, Tensor):
        return None if state is None else change(state)
    parts = [_each(part, change) for part in state]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def _measured(name: str, read: _Reading, share: float, seed: int) -> MemorySpan:
    every = torch.arange(read.longest + 1)
    grid = torch.logspace(0, math.log10(read.longest), LAGS - 1).round().long()
    lags = torch.tensor(sorted({0, *grid.tolist()}))
    return MemorySpan(
        name, share, lags, _relative(_perturbed(read, lags)), every, _relative(_by_gradient(read, every, seed))
    )


def _relative(effect: Tensor) -> Tensor:
    """As shares of the largest; zeros where that is 0."""
    known = effect[effect.isfinite()]
    largest = known.max() if len(known) else torch.tensor(0.0)
    return effect / torch.where(largest > 0, largest, 1)


@torch.no_grad()
def _perturbed(read: _Reading, lags: Tensor) -> Tensor:
    """The root mean square change of the last outputs per unit of change of the input at each lag, float64."""
    rows, time = read.x.shape[:2]
    plain = read.last(read.x)
    at_once = max(AT_ONCE // (rows * time), 1)
    found = []
    for some in torch.split(lags, at_once):
        place = read.lengths - 1 - some.to(read.x.device)[:, None]
        inputs = read.x.repeat(len(some), 1, 1, 1)
        row = torch.arange(rows, device=read.x.device).expand_as(place)
        # Another row's input of that step, or, of a row that is alone, one from half its length away.
        other, moved = (row + 1) % rows, place + (read.lengths // 2 if rows == 1 else 0)
        new = read.x[other, moved % read.lengths[other]]
        old = read.x[row, place]
        copy = torch.arange(len(some), device=read.x.device)[:, None].expand_as(place)
        inputs[copy, row, place] = new
        change = read.last(inputs.flatten(0, 1)).view(len(some), *plain.shape) - plain
        caused, by = (tensor.double().square().sum((1, 2)) for tensor in (change, new - old))
        found.append(torch.where(by > 0, caused / by, torch.nan).sqrt().cpu())
    return torch.cat(found)


def _by_gradient(read: _Reading, lags: Tensor, seed: int) -> Tensor:
    """The root mean square norm of the gradient of the last output in random directions, at each lag, float64."""
    x = read.x.clone().requires_grad_()
    with torch.enable_grad():
        y = read.last(x)
    random = torch.Generator().manual_seed(seed)
    place = read.lengths[:, None] - 1 - lags.to(x.device)
    total = torch.zeros(len(x), len(lags), dtype=torch.float64, device=x.device)
    for _ in range(PROBES):
        direction = torch.randn(y.shape, generator=random).to(y)
        (given,) = torch.autograd.grad(y, x, direction / direction.norm(dim=1, keepdim=True), retain_graph=True)
        total += given.double().square().sum(2).gather(1, place)
    return (total.mean(0) / PROBES).sqrt().cpu()


def _span(lags: Tensor, relative: Tensor, share: float) -> int | None:
    known = relative.isfinite()
    lags, relative = lags[known], relative[known]
    remembered = (relative >= share).nonzero()[:, 0]
    if not len(remembered):
        return None
    at = int(remembered[-1])
    if at + 1 == len(lags):
        return int(lags[at])
    high, low = relative[at], relative[at + 1]
    way = (high / share).log() / (high / low).log() if low > 0 else 0.0
    return int(lags[at] + (lags[at + 1] - lags[at]) * way)
