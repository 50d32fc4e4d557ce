"""What the doctor's look costs in training: `quick_check` every so many steps, beside the steps themselves.

    python benchmarks/doctor.py --every 50

A training step here is forward, backward, clipping and Adam on one batch. Times are medians of interleaved repeats, and
what is told is the share that looks add to the time of training. Before anything is timed, the gradients' norms at all
lags are compared with those of the plain loop in float64; one that is wrong by more than 1e-5 has no time, and the exit
code is then 1.
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple

import torch
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


def measure(case: Case, every: int, repeats: int) -> str:
    torch.manual_seed(0)
    model, x = Tagger(case), torch.randn(case.batch, case.steps, case.units)
    target = torch.randint(CLASSES, (case.batch, case.steps))
    error = error_of(case, model, x, target)
    if not error <= LIMIT:
        return f"FAILED: a norm is wrong by {error:.1e}"
    loss, optimiser = loss_of(model, x, target), torch.optim.Adam(model.parameters(), lr=1e-4)

    def step() -> None:
        optimiser.zero_grad()
        loss().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()

    seconds = turns({"step": step, "look": lambda: quick_check(model, loss)}, repeats)
    train, look = (sorted(times)[len(times) // 2] for times in (seconds["step"], seconds["look"]))
    busy = "~" if max(map(swing, seconds.values())) > BUSY else " "
    return f"{train * 1e3:10.1f}{look * 1e3:10.1f}{look / train:9.2f}{look / train / every:10.1%}{busy}{error:9.0e}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=50, help="steps from one look to the next, as doctor_every")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--num-threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.num_threads)
    print(f"torch {torch.__version__}, float32, threads: {arguments.num_threads}; a look every {arguments.every} steps")
    print("~ marks times that swung between repeats: the machine was busy, and they mean little")
    print(f"{'':38}{'step, ms':>10}{'look, ms':>10}{'a look':>9}{'adds':>10}{'error':>10}")
    failed = False
    for case in CASES:
        told = measure(case, arguments.every, arguments.repeats)
        failed = failed or told.startswith("FAILED")
        print(f"{case!s:38}{told}", flush=True)
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
