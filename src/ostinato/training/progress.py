"""How far training is, and what it has seen so far."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any, Literal

from torch import nn

from ostinato.cells import Cell

KEPT_SHARE = 0.1
"""Of a limited time, what is kept for a first validation."""

GRACE = 1.0
"""Seconds that a validation may take beyond a limited time."""


@dataclass(frozen=True)
class MetricsRecord:
    """One line of the metrics: of an optimiser step, or of an epoch.

    Args:
        kind: which of the two.
        step: optimiser steps done.
        epoch: counted from 1.
        loss: mean training loss, of the step or the epoch.
        score: validation score at the end of an epoch, lower is better; None without validation.
        learning_rate: at the step, or at the last step of the epoch.
        gradient_norm: before clipping, of the step or the mean over the steps of the epoch.
        seconds: since training began, not counting pauses between runs.
        steps_per_second: mean over this run.

    Example:
        >>> from ostinato.training import MetricsRecord
        >>> record = MetricsRecord(
        ...     kind="epoch", step=120, epoch=3, loss=0.41, score=0.44, learning_rate=1e-3, gradient_norm=0.9,
        ...     seconds=12.5, steps_per_second=9.6,
        ... )
        >>> f"epoch {record.epoch}: {record.loss} in training, {record.score} in validation"
        'epoch 3: 0.41 in training, 0.44 in validation'
    """

    kind: Literal["step", "epoch"]
    step: int
    epoch: int
    loss: float
    score: float | None
    learning_rate: float
    gradient_norm: float
    seconds: float
    steps_per_second: float


@dataclass(frozen=True)
class History:
    """What a training gave.

    Args:
        epochs: a record for each.
        best_epoch: the one, counted from 1, whose weights are kept; None without validation.
        best_score: its validation score.
        stopped: what ended training: all epochs done, patience lost, or the seconds used up.

    Example:
        >>> import torch
        >>> from ostinato.data import StreamBatches
        >>> from ostinato.training import LossSum, Trainer, TrainingSettings
        >>> def loss(model, batch, state):
        ...     return LossSum(model(batch[0]).square().sum(), batch[0].shape[0])
        >>> trainer = Trainer(torch.nn.Linear(3, 1), loss, TrainingSettings(epochs=2))
        >>> history = trainer.fit(StreamBatches(torch.randn(4, 10, 3), chunk=5))
        >>> history.stopped, len(history.epochs), history.best_epoch  # nothing was validated
        ('epochs', 2, None)
    """

    epochs: tuple[MetricsRecord, ...]
    best_epoch: int | None
    best_score: float | None
    stopped: Literal["epochs", "patience", "seconds"]


@dataclass
class Progress:
    """Where training stands; all of it JSON.

    Args:
        epoch: epochs done, and so the number, from 0, of the one under way.
        batch: batches done of the epoch under way.
        step: optimiser steps done.
        loss_sum: of the batches of the epoch under way.
        weight_sum: what makes that a mean.
        norm_sum: of the gradient norms of its optimiser steps.
        norms: the number of these.
        seconds: of training.
        zero_gradient_steps: optimiser steps in a row, up to the last one, whose gradients were all zero.
        best_epoch: as in `History`.
        best_score: as in `History`.
        epochs_without_improvement: epochs since the best one.
        records: of the epochs done.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    weight_sum: float = 0.0
    norm_sum: float = 0.0
    norms: int = 0
    seconds: float = 0.0
    zero_gradient_steps: int = 0
    best_epoch: int | None = None
    best_score: float | None = None
    epochs_without_improvement: int = 0
    records: list[MetricsRecord] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Progress":
        """The inverse of `to_json`."""
        return cls(**{**content, "records": [MetricsRecord(**record) for record in content["records"]]})

    def place(self, batches: int) -> str:
        """Where the last `batches` batches were, in words, counted from 1."""
        where = f"batch {self.batch}" if batches == 1 else f"batches {self.batch - batches + 1} to {self.batch}"
        return f"epoch {self.epoch + 1}, {where}"

    def count_step(self, total: float, weight: float, norm: float) -> None:
        """Count an optimiser step of this sum of losses, its weight, and the norm of the gradient of their mean."""
        self.step += 1
        self.loss_sum += total
        self.weight_sum += weight
        self.norm_sum += norm
        self.norms += 1

    def count_epoch(self, record: MetricsRecord) -> bool:
        """Count the epoch of this record and make ready for the next; whether its score is the best so far."""
        better = record.score is not None and (self.best_score is None or record.score < self.best_score)
        if better:
            self.best_epoch, self.best_score, self.epochs_without_improvement = record.epoch, record.score, 0
        else:
            self.epochs_without_improvement += 1
        self.records.append(record)
        self.epoch += 1
        self.batch, self.loss_sum, self.weight_sum, self.norm_sum, self.norms = 0, 0.0, 0.0, 0.0, 0
        return better


class OutOfTimeError(Exception):
    """The seconds of a training are used up in the middle of something."""


class Clock:
    """Seconds and speed of one run of a training, from its making on.

    Of a limited time a part is kept for the last validation: as long as the one before took, at first a tenth.

    Args:
        progress: of the training.
        budget: seconds the run may take; None for any number.
        validates: whether epochs end with a validation.
    """

    def __init__(self, progress: Progress, budget: float | None, *, validates: bool = False) -> None:
        self._progress, self._budget = progress, budget
        self._steps_before, self._seconds_before = progress.step, progress.seconds
        self._kept = budget * KEPT_SHARE if budget is not None and validates else 0.0
        self._begun = perf_counter()

    @property
    def spent(self) -> float:
        """The share of the time for optimiser steps that is used up, at most 1; 0 without a limit."""
        if self._budget is None:
            return 0.0
        left = self._budget - self._kept
        return min((perf_counter() - self._begun) / left, 1.0) if left > 0 else 1.0

    @property
    def overtime(self) -> bool:
        """Whether no time is left for optimiser steps."""
        return self.spent >= 1

    @contextmanager
    def validating(self, model: nn.Module) -> Iterator[None]:
        """Where a validation is timed, and broken off when the budget, and `GRACE`, are used up.

        Raises:
            OutOfTimeError: from within the model, when it is called then.
        """
        begun = perf_counter()
        if self._budget is None:
            yield
            return
        deadline = max(self._begun + self._budget, begun + GRACE)

        def look(module: nn.Module, inputs: object) -> None:
            if perf_counter() > deadline:
                raise OutOfTimeError

        hooks = [part.register_forward_pre_hook(look) for part in _around_cells(model)]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
            self._kept = perf_counter() - begun

    def record(
        self, kind: Literal["step", "epoch"], loss: float, score: float | None, rate: float, norm: float
    ) -> MetricsRecord:
        """The record of now."""
        seconds = perf_counter() - self._begun
        self._progress.seconds = self._seconds_before + seconds
        return MetricsRecord(
            kind=kind,
            step=self._progress.step,
            epoch=self._progress.epoch + 1,
            loss=loss,
            score=score,
            learning_rate=rate,
            gradient_norm=norm,
            seconds=self._progress.seconds,
            steps_per_second=(self._progress.step - self._steps_before) / seconds,
        )


def _around_cells(module: nn.Module) -> Iterator[nn.Module]:
    """A module and its parts, without cells: a step that calls hooks would not be compiled."""
    if not isinstance(module, Cell):
        yield module
        for part in module.children():
            yield from _around_cells(part)
