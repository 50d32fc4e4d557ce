"""What the doctor's look costs in training: `quick_check` every so many steps, beside the steps themselves.

A training step here is forward, backward, clipping and Adam on one batch. Times are medians of interleaved repeats, and
what is told is the share that looks add to the time of training. Before anything is timed, the gradients' norms at all
lags are compared with those of the plain loop in float64; one that is wrong by more than 1e-5 has no time.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from benchmark import Row, Run
from torch import Tensor, nn
from torch.nn import functional as F

from ostinato.cells import CELLS
from ostinato.diagnostics import gradient_flow, quick_check
from ostinato.engine import BackendName
from ostinato.engine.measure import BUSY, LIMIT, swing, turns
from ostinato.nn import Recurrent

CLASSES = 60
NEGLIGIBLE = 1e-30
"""Norms that float32 cannot hold: as shares of the largest."""


class Case(NamedTuple):
    cell: str
    layers: int
    units: int
    batch: int
    steps: int

    def __str__(self) -> str:
        return f"{self.cell} {self.layers} x {self.units}, {self.batch} rows of {self.steps} steps"


CASES = (
    Case("lstm", 2, 256, 32, 100),
    Case("gru", 1, 64, 32, 100),
    Case("elman", 1, 64, 32, 100),
    Case("lstm", 2, 650, 20, 35),
)


class Tagger(nn.Module):
    """A class for every step."""

    def __init__(self, case: Case, backend: BackendName = "auto") -> None:
        super().__init__()
        make = CELLS[case.cell]
        self.recurrent = Recurrent(make, case.units, case.units, num_layers=case.layers, backend=backend)
        self.output = nn.Linear(case.units, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.recurrent(x)[0])


def loss_of(model: nn.Module, x: Tensor, target: Tensor) -> Callable[[], Tensor]:
    return lambda: F.cross_entropy(model(x).flatten(0, 1), target.flatten())


def error_of(case: Case, model: Tagger, x: Tensor, target: Tensor) -> float:
    """The largest relative error of a norm, of each state against the plain loop in float64."""
    exact = Tagger(case, "reference").double()
    exact.load_state_dict(model.state_dict())
    truth = gradient_flow(exact, loss_of(exact, x.double(), target))
    found = gradient_flow(model, loss_of(model, x, target))
    errors = []
    for mine, wanted in zip(found, truth, strict=True):
        told = wanted.norms > NEGLIGIBLE * wanted.norms.nan_to_num(0).max()
        errors.append(float(((mine.norms - wanted.norms).abs() / wanted.norms)[told].max()))
    return max(errors)


def measure(case: Case, every: int, repeats: int) -> Row:
    torch.manual_seed(0)
    model, x = Tagger(case), torch.randn(case.batch, case.steps, case.units)
    target = torch.randint(CLASSES, (case.batch, case.steps))
    error = error_of(case, model, x, target)
    if not error <= LIMIT:
        return Row(str(case), {}, f"a norm is wrong by {error:.1e}")
    loss, optimiser = loss_of(model, x, target), torch.optim.Adam(model.parameters(), lr=1e-4)

    def step() -> None:
        optimiser.zero_grad()
        loss().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()

    seconds = turns({"step": step, "look": lambda: quick_check(model, loss)}, repeats)
    train, look = (sorted(times)[len(times) // 2] for times in (seconds["step"], seconds["look"]))
    share = look / train
    figures = {"step_ms": train * 1e3, "look_ms": look * 1e3, "look_in_steps": share, "adds": share / every}
    return Row(str(case), {**figures, "error": error, "swing": max(map(swing, seconds.values()))})


def cost(run: Run) -> Iterator[Row]:
    """Every case; `every` are the steps from one look to the next, as doctor_every."""
    for case in CASES:
        row = measure(case, run.options["every"], run.options["repeats"])
        if row.figures.get("swing", 0) > BUSY:
            run.say(f"{case}: times swung between repeats: the machine was busy, and they mean little")
        yield row
