"""One training of one cell on one memory task at one lag, and its gradients through time before and after."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ostinato.cells import CellFactory
from ostinato.demos.memory.starts import STARTS
from ostinato.demos.memory.tasks import MemoryBatch, MemoryBatches, MemoryTask
from ostinato.diagnostics import GradientFlow, gradient_flow
from ostinato.nn import Recurrent
from ostinato.training import LossSum, Trainer, TrainingDiverged, TrainingSettings
from ostinato.training.carried import State

SOLVED = 0.95
"""Score from which a task counts as solved."""

SURE = 0.97
"""Score on the validation rows at which training stops: so far above `SOLVED` that chance can hardly undo it."""

TRAINING, VALIDATION, TEST, MEASURED = range(4)
"""Rows to train on, to stop by, to score on, and to measure gradients with: a seed is four seeds of data."""


@dataclass(frozen=True)
class Budget:
    """What every cell gets, the same for all.

    Attributes:
        hidden_size: Units.
        steps: Optimiser steps at most; training ends before that once the task is solved. A multiple of `check_every`.
        batch_size: Rows of a step.
        learning_rate: Of Adam, with gradients clipped to a norm of 1: it rises over the first tenth of the steps and
            then falls along a cosine. The default is that one of 0.001 to 0.01 with which open gates learn most.
        check_every: Steps from one look at the score to the next.
        rows: To score on.
    """

    hidden_size: int = 32
    steps: int = 800
    batch_size: int = 32
    learning_rate: float = 1e-2
    check_every: int = 50
    rows: int = 512

    def training(self, seed: int) -> TrainingSettings:
        """As settings of a `Trainer`, an epoch a look at the score."""
        return TrainingSettings(
            epochs=self.steps // self.check_every,
            batch_size=self.batch_size,
            optimizer="adam",
            learning_rate=self.learning_rate,
            schedule="cosine",
            warmup=self.steps // 10,
            clip_norm=1.0,
            seed=seed,
        )


@dataclass(frozen=True, eq=False)
class Trial:
    """What came of one training.

    Attributes:
        task: Its name.
        cell: Its name, one of `STARTS`.
        lag: Steps to bridge.
        score: On rows never trained on, 1 is perfect: the share of right answers; for numbers R2, one less the mean
            squared error as a share of the variance.
        solved: Whether that reaches `SOLVED`.
        baseline: The score of the best answer that looks at nothing.
        rate_before: How fast gradients fade on their way back before training, in nats a step; see `GradientFlow.rate`.
        rate_after: And after it.
        norms: Before training, the typical norm of the gradient that reaches the whole state of 1, 2, ... steps before
            the last, ``(lags,)``.
        seconds: Of training.
        steps: Optimiser steps.
    """

    task: str
    cell: str
    lag: int
    score: float
    solved: bool
    baseline: float
    rate_before: float
    rate_after: float
    norms: Tensor
    seconds: float
    steps: int


class Reader(nn.Module):
    """``relu(W x_t + b)``, one recurrent layer, and a linear map of its last outputs.

    The first layer is there for cells with a linear recurrence, which could not multiply a number by its mark.

    Args:
        make: Makes the cell.
        task: What is asked.
        hidden_size: Units of the first and of the recurrent layer.
    """

    def __init__(self, make: CellFactory, task: MemoryTask, hidden_size: int) -> None:
        super().__init__()
        self.input = nn.Linear(task.input_size, hidden_size)
        self.recurrent = Recurrent(make, hidden_size, hidden_size)
        self.output = nn.Linear(self.recurrent.output_size, task.classes or 1)

    def forward(self, x: Tensor, answers: int) -> Tensor:
        """Outputs of the last steps, ``(batch, answers, classes or 1)``, of an input ``(batch, time, features)``."""
        y, _ = self.recurrent(torch.relu(self.input(x)))
        return self.output(y[:, -answers:])  # type: ignore[no-any-return]


class _Solved(Exception):  # noqa: N818 - no error: there is nothing left to learn
    """Ends a training."""


def try_cell(cell: str, task: MemoryTask, lag: int, budget: Budget | None = None, *, seed: int = 0) -> Trial:
    """Trains a fresh network until it solves the task or its budget is used up, and measures it.

    The rows to train on, to stop by, to score on and to measure gradients with are four different draws. The weights
    are the best ones by the rows to stop by; a training that diverges ends there.

    Args:
        cell: One of `STARTS`.
        task: What is asked.
        lag: Steps to bridge.
        budget: What it may use; that of the demonstration unless given.
        seed: Of the data, the first weights and their training.

    Returns:
        What came of it.

    Raises:
        OstinatoError: For a lag that the task does not have.
    """
    budget = budget or Budget()
    measured = task.batch(budget.batch_size, lag, seed=4 * seed + MEASURED)
    torch.manual_seed(seed)
    model = Reader(STARTS[cell].factory(lag), task, budget.hidden_size)
    before = _flow(model, measured)
    began = perf_counter()
    with _quickly():
        steps = _train(model, task, lag, budget, seed)
    seconds = perf_counter() - began
    score = score_of(model, task.batch(budget.rows, lag, seed=4 * seed + TEST))
    return Trial(
        task.name,
        cell,
        lag,
        score,
        score >= SOLVED,
        task.baseline,
        before.rate,
        _flow(model, measured).rate,
        before.typical,
        seconds,
        steps,
    )


@contextmanager
def _quickly() -> Iterator[None]:
    """One thread, the fastest for so few units, and no subnormal numbers.

    A gradient that vanishes ends in subnormal numbers, with which processors are many times slower than with others.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)


def _train(model: Reader, task: MemoryTask, lag: int, budget: Budget, seed: int) -> int:
    """Trains, and gives the optimiser steps that it took."""
    batches = MemoryBatches(
        task, lag, batch_size=budget.batch_size, length=budget.check_every, seed=4 * seed + TRAINING
    )
    validation, looks = task.batch(budget.rows, lag, seed=4 * seed + VALIDATION), 0

    def validate(scored: nn.Module) -> float:
        nonlocal looks
        looks += 1
        reached = score_of(scored, validation)
        if reached >= SURE:
            raise _Solved
        return 1 - reached

    try:
        Trainer(model, loss_of, budget.training(seed)).fit(batches, validate)
    except (_Solved, TrainingDiverged):
        model.eval()
    return looks * budget.check_every


def loss_of(model: nn.Module, batch: MemoryBatch, state: State) -> LossSum:
    """Cross-entropy of classes, squared error of numbers, over all answers; nothing is carried."""
    outputs = model(batch.x, batch.target.shape[1])
    if batch.target.is_floating_point():
        total = F.mse_loss(outputs[..., 0], batch.target, reduction="sum")
    else:
        total = F.cross_entropy(outputs.flatten(0, 1), batch.target.flatten(), reduction="sum")
    return LossSum(total, batch.target.numel())


@torch.no_grad()
def score_of(model: Callable[[Tensor, int], Tensor], batch: MemoryBatch) -> float:
    """The score of a model, see `Trial`."""
    outputs = model(batch.x, batch.target.shape[1])
    if batch.target.is_floating_point():
        wrong = (outputs[..., 0] - batch.target).square().mean()
        return float(1 - wrong / batch.target.var(correction=0))
    return float((outputs.argmax(-1) == batch.target).float().mean())


def _flow(model: Reader, batch: MemoryBatch) -> GradientFlow:
    """The gradient that comes back to the state as a whole, all its tensors together."""
    flows = gradient_flow(model, lambda: loss_of(model, batch, None).mean)
    norms = torch.stack([flow.norms for flow in flows]).square().sum(0).sqrt()
    return GradientFlow(flows[0].layer, ", ".join(flow.state for flow in flows), norms)
