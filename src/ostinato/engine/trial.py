"""A step tried on a few random rows: what runs in it, and whether its rows are independent."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ostinato.cells import Cell
from ostinato.engine.capture import with_weights
from ostinato.engine.observation import Observer

_ROWS = 7


class Trial:
    """A step, and random rows to run it on.

    Attributes:
        name: The cell's.
        state: The rows' state.
        parts: Of the rows, to be run alone.
    """

    parts = (slice(0, 1), slice(1, 3), slice(3, _ROWS))

    def __init__(
        self, cell: Cell[Any], features: int, dtype: torch.dtype, weights: Sequence[Tensor], drawn: bool = False
    ) -> None:
        """Takes a copy of the weights; random ones where they hold no numbers, and all if they are to be `drawn`."""
        self.name = type(cell).__name__
        random = torch.Generator().manual_seed(0)
        given = [_of_trial(weight, dtype, random, drawn) for weight in weights]
        self.cell = with_weights(cell, given)
        # From 0 to 1: logarithms exist, and index 0.
        self.x = torch.rand(_ROWS, features, dtype=dtype, generator=random)
        first = cell.initial_state(_ROWS, torch.device("cpu"), dtype)
        self.kind = type(first)
        self.state = [part + torch.rand(part.shape, dtype=dtype, generator=random) for part in first]

    def together(self, observer: Observer) -> list[Tensor]:
        """Runs a step and its derivative, of all rows, and has their code noted."""
        leaves = [tensor.requires_grad_() for tensor in (self.x, *self.state)]
        with observer, torch.enable_grad(), torch.random.fork_rng(devices=()):
            y, state = self.cell(self.x, self.kind(*self.state))
            outputs = [out for out in (y, *state) if out.requires_grad]
            if outputs:
                torch.autograd.grad(outputs, leaves, [torch.ones_like(out) for out in outputs], allow_unused=True)
        for leaf in leaves:
            leaf.requires_grad_(False)
        return [out.detach() for out in (y, *state)]

    def alone(self, rows: slice) -> list[Tensor]:
        """Runs a step of some rows."""
        with torch.no_grad(), torch.random.fork_rng(devices=()):
            y, state = self.cell(self.x[rows], self.kind(*(part[rows] for part in self.state)))
        return [y, *state]

    def problem(self, together: Any, parts: Sequence[Any]) -> str | None:
        """What is wrong with the step, if all rows and the `parts` of them gave these results, or exceptions."""
        for made in (together, *parts):
            if isinstance(made, Exception):
                return f"{self.name} fails on random rows: {type(made).__name__}: {made}"
        for rows, alone in zip(self.parts, parts, strict=True):
            for whole, part in zip(together, alone, strict=True):
                if part.shape != whole[rows].shape or not _close(part, whole[rows]):
                    return (
                        f"{self.name}'s rows are not independent: a row's result depends on how many there are, or on "
                        "the others; a step must not read x.shape[0] as a number, nor mix rows"
                    )
        return None


def _of_trial(weight: Tensor, dtype: torch.dtype, random: torch.Generator, drawn: bool) -> Tensor:
    """A weight to try a step with: a copy, for a step may change it; random numbers if it holds none."""
    numbers = weight.dtype.is_floating_point
    if type(weight) in (Tensor, torch.nn.Parameter) and weight.device.type == "cpu" and not (drawn and numbers):
        own: Tensor = weight.detach().clone()
        return own
    if not numbers:
        return torch.zeros(weight.shape, dtype=weight.dtype)
    columns = weight.shape[-1] if weight.dim() else 1
    return torch.rand(weight.shape, dtype=dtype, generator=random).div_(max(columns, 1) ** 0.5)


def _close(a: Tensor, b: Tensor) -> bool:
    if not a.is_floating_point():
        return torch.equal(a, b)
    finite = b[b.isfinite()]
    tolerance = 1e-9 if a.dtype == torch.float64 else 1e-3
    atol = tolerance * float(finite.abs().max()) if finite.numel() else 0.0
    return torch.allclose(a, b, rtol=tolerance, atol=atol, equal_nan=True)
