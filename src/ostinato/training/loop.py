"""The training loop: backpropagation through time, whole or truncated, with everything needed to stop and go on."""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from ostinato.data.batches import Batches, ScalesLearningRate
from ostinato.engine import detach
from ostinato.errors import OstinatoError
from ostinato.training.carried import State, storable
from ostinato.training.checkpoint import checkpoint_path, latest, save_checkpoint
from ostinato.training.distributed import DistributedContext
from ostinato.training.gradients import TrainingDiverged, clip_gradients, diverged, divide_gradients, gradient_norm
from ostinato.training.interruption import Interrupted, interruption
from ostinato.training.logger import TrainingLogger
from ostinato.training.loss import Loss, LossSum
from ostinato.training.monitor import Monitor
from ostinato.training.progress import Clock, History, OutOfTimeError, Progress
from ostinato.training.run import Run
from ostinato.training.seeds import seed_everything
from ostinato.training.settings import TrainingSettings

ZERO_GRADIENT_STEPS = 10
"""Optimiser steps in a row without any gradient after which training stops."""

B = TypeVar("B")


class Trainer(Generic[B]):
    """Trains a model.

    An optimiser step follows the gradient of the mean loss: the sums of all its batches, in all processes, divided once
    by the sum of their weights. So neither `accumulation_steps` nor the number of processes changes what is minimised.
    A step whose batches weigh nothing changes no weight.

    A run that was interrupted or killed, when resumed, ends with the weights of an uninterrupted one, bit for bit on
    the CPU, provided that model and loss draw their randomness from PyTorch's global generators and the batches draw
    theirs from (seed, epoch). Under `torchrun` all processes call `fit`; the first one writes and validates.

    Args:
        model: trained in place, on the device it is on.
        loss: the loss of a batch, as a sum and a weight.
        settings: how to train; batch_size is the business of whoever makes the batches.
        folder: where checkpoints are kept; None for none.
        logger: shows and writes down how training goes; None for silence.
        monitor: looks at the model as it trains, and says why a training broke; None for nobody.

    Raises:
        OstinatoError: settings that ask for a doctor without a monitor.

    Example:
        >>> import torch
        >>> from torch.nn import functional as F
        >>> from ostinato.cells import GRU
        >>> from ostinato.data import StreamBatches
        >>> from ostinato.nn import Recurrent
        >>> from ostinato.topologies import ManyToMany
        >>> from ostinato.training import LossSum, Trainer, TrainingSettings
        >>> def loss(model, batch, state):
        ...     x, target = batch
        ...     y, state = model(x, state)
        ...     return LossSum(F.mse_loss(y, target, reduction="sum"), target.numel(), state)
        >>> x = torch.randn(8, 60, 1)
        >>> settings = TrainingSettings(epochs=3, learning_rate=1e-2)
        >>> trainer = Trainer(ManyToMany(Recurrent(GRU, 1, 8), 1), loss, settings)
        >>> history = trainer.fit(StreamBatches(x, x.cumsum(1), chunk=20))  # the state goes on from chunk to chunk
        >>> len(history.epochs), history.epochs[-1].step
        (3, 9)
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss[B],
        settings: TrainingSettings,
        *,
        folder: Path | None = None,
        logger: TrainingLogger | None = None,
        monitor: Monitor | None = None,
    ) -> None:
        if settings.doctor is not None and monitor is None:
            raise OstinatoError(
                f"doctor={settings.doctor!r} needs somebody to look: Trainer(..., monitor=Doctor(model, settings)), "
                "from ostinato.diagnostics"
            )
        self.model, self.loss, self.settings, self.folder = model, loss, settings, folder
        self.monitor = monitor
        self.process = DistributedContext.from_environment()
        self.logger = logger if logger is not None and self.process.main else TrainingLogger(progress=False)

    def fit(
        self,
        batches: Batches[B],
        validate: Callable[[nn.Module], float] | None = None,
        *,
        resume: bool = False,
        last_epoch: int | None = None,
    ) -> History:
        """Train, and leave the best weights in the model, which is in evaluation mode then.

        Args:
            batches: to train on.
            validate: scores a model, lower is better; called after each epoch in evaluation mode without gradients,
                on the averaged weights when there are such. None to keep the last weights.
            resume: go on from the newest checkpoint in the folder.
            last_epoch: the epoch, counted from 1, after which to stop; schedules go by all epochs of the settings. None
                for the last of these.

        Returns:
            The history, from the first epoch on also when resumed.

        Raises:
            TrainingDiverged: a loss, gradient or score is not finite.
            Interrupted: Ctrl-C or SIGTERM; a checkpoint was written when there is a folder. Where an epoch was scored,
                the best weights so far are left in the model.
            OstinatoError: settings that ask for a score without `validate`, nothing to resume from or a checkpoint that
                does not fit, a new run where checkpoints are, losses without a valid weight, or an epoch of none.
            TypeError: a loss that is no `LossSum`, or a state that is no nested tuples of tensors.
        """
        settings = self.settings
        checkpoint = self._checkpoint(validate, resume)
        self.process.join()
        with interruption() as asked, _matmuls(settings.matmul_precision):
            run = Run(self.model, settings, self.process, len(batches), self.monitor, last_epoch)
            if checkpoint is not None:
                run.load_state_dict(checkpoint)
            else:
                seed_everything((settings.seed + self.process.rank) % 2**32)  # dropout differs between processes
            clock = Clock(run.progress, settings.max_seconds, validates=validate is not None)
            self.logger.begin(run.steps, run.progress.step, run.progress.epoch)
            try:
                overtime = False
                while not run.finished:
                    overtime = self._train_epoch(run, batches, clock, asked)
                    interrupted, unscored = self._end_epoch(run, validate, clock, asked, saved=overtime)
                    overtime |= unscored
                    if overtime:  # saved before validation, as the epoch may not be over
                        break
                    due = settings.checkpoint_every is None or run.finished or interrupted
                    path = self._save(run) if due else None
                    if interrupted:
                        raise Interrupted(path, run.progress.step)
            except Interrupted as interrupted:
                if run.best is not None:
                    run.give_best()
                    self.model.eval()
                    interrupted.usable = True
                raise
            finally:
                self.logger.end()
            run.give_best()
            self.model.eval()
            return run.history(overtime)

    def _checkpoint(self, validate: object, resume: bool) -> Path | None:
        """The checkpoint to go on from."""
        wanting = (*(["patience"] if self.settings.patience else []), *self.settings.steered_by_scores)
        if wanting and validate is None:
            raise OstinatoError(f"{' and '.join(wanting)} need a validation score: give validation data or turn it off")
        newest = latest(self.folder) if self.folder is not None else None
        if resume and newest is None:
            raise OstinatoError(f"no checkpoint to resume from in {self.folder}: train without resuming")
        if newest is not None and not resume:
            raise OstinatoError(f"{self.folder} holds checkpoints of an earlier run: resume it, or remove them first")
        return newest

    def _train_epoch(self, run: Run, batches: Batches[B], clock: Clock, asked: threading.Event) -> bool:
        """Train until the epoch is over (False) or the seconds are used up (True)."""
        settings, progress = self.settings, run.progress
        stream = batches.epoch(progress.epoch, progress.batch)
        self.model.train()
        while progress.batch < len(batches):
            group = min(settings.accumulation_steps, len(batches) - progress.batch)
            lr_scale = _lr_scale(batches, progress.epoch, range(progress.batch, progress.batch + group))
            own_total, own_weight, again = self._accumulate_gradients(run, batches, stream, group)
            # One exchange per step: what any process saw or was asked, all know.
            total, weight, asks, late, spent = self.process.all_reduce_sum(
                own_total, own_weight, asked.is_set(), clock.overtime, clock.spent
            )
            run.schedule.spent = spent / self.process.world_size
            place = progress.place(group)
            if not (0 < weight < math.inf or weight == total == 0):
                raise OstinatoError(
                    f"the losses of optimiser step {progress.step + 1} ({place}) add up to {total:g} over a weight of "
                    f"{weight:g}: give a weight above 0, or 0 where there is nothing to learn and the sum is 0 too"
                )
            if weight:
                self._step(run, clock, total, weight, lr_scale, place, again)
            else:
                self.model.zero_grad()  # optimisers pass over what has no gradient: no decay, no momentum
                run.step(lr_scale)
                progress.step += 1
            every = settings.checkpoint_every
            due = every is not None and progress.step % every == 0
            path = self._save(run) if due or asks or late else None
            if asks:
                raise Interrupted(path, progress.step)
            if late:
                return True
        return False

    def _step(
        self,
        run: Run,
        clock: Clock,
        total: float,
        weight: float,
        lr_scale: float,
        place: str,
        again: Callable[[], Tensor],
    ) -> None:
        """Take an optimiser step down the gradient of the mean loss.

        Args:
            run: with the gradients of the sum of the losses.
            clock: of the training.
            total: that sum, of all processes.
            weight: what to divide it by.
            lr_scale: what the learning rate is multiplied by.
            place: where in the data, in words.
            again: takes the mean loss of a batch of this process again.
        """
        progress = run.progress
        divide_gradients(self.model, weight / self.process.world_size)  # several processes have averaged theirs
        loss, norm, rate = total / weight, gradient_norm(self.model), run.learning_rate
        size = norm.item()
        if not math.isfinite(loss) or not math.isfinite(size):
            raise diverged(self.model, self.settings, loss, rate, progress.step + 1, place, self._cause(again))
        self._check_moving(progress, size, again)
        clip_gradients(self.model, self.settings.clip_value, run.clip_norm, norm)
        run.step(lr_scale)
        progress.count_step(total, weight, size)
        self.logger.record(clock.record("step", loss, None, rate, size))
        if self.monitor is not None:
            observation = self.monitor.observe(progress.step, size, rate, again)
            self.logger.observed(progress.step, progress.epoch + 1, observation)

    def _cause(self, again: Callable[[], Tensor]) -> str:
        """Why the loss of a batch or its gradient left its bounds, where somebody knows."""
        return "" if self.monitor is None else self.monitor.cause(again)

    def _check_moving(self, progress: Progress, norm: float, again: Callable[[], Tensor]) -> None:
        """Stop when all gradients have been zero for too many steps."""
        progress.zero_gradient_steps = progress.zero_gradient_steps + 1 if norm == 0 else 0
        if progress.zero_gradient_steps < ZERO_GRADIENT_STEPS:
            return
        step = progress.step + 1
        found = self._cause(again) or "the loss does not depend on the weights any more"
        raise TrainingDiverged(
            f"all gradients were zero for {ZERO_GRADIENT_STEPS} optimiser steps, up to step {step}: {found}. Nothing "
            "is learned any more: lower learning_rate, or take a cell that does not die (gru, lstm)",
            step,
        )

    def _accumulate_gradients(
        self, run: Run, batches: Batches[B], stream: Iterator[B], group: int
    ) -> tuple[float, float, Callable[[], Tensor]]:
        """Add up the gradients of the losses of the next `group` batches.

        Returns:
            The sum of those losses, that of their weights, and what takes the mean loss of the last batch that weighs
            anything again, on whatever the weights of the model are then.
        """
        total, weight = torch.zeros((), device=run.device), 0.0
        weighed: tuple[B, State] | None = None
        for remaining in reversed(range(group)):
            before = run.carried if batches.continues(run.progress.batch) else None
            batch = next(stream)
            with self.process.no_sync(run.wrapped) if remaining else nullcontext():
                found = self._loss_of(run.wrapped, batch, before)
                found.total.backward()  # type: ignore[no-untyped-call]
            total, weight = total + found.total.detach(), weight + float(found.weight)
            weighed = (batch, before) if found.weight or weighed is None else weighed
            run.carried = detach(storable(found.state))
            run.progress.batch += 1
        assert weighed is not None  # a group has a batch at least
        batch, before = weighed
        return total.item(), weight, lambda: self._loss_of(run.model, batch, before).mean

    def _loss_of(self, model: nn.Module, batch: B, state: State) -> LossSum:
        """The loss of a batch, refused when it is none of which batches can be put together."""
        found = self.loss(model, batch, state)
        if not isinstance(found, LossSum):
            raise TypeError(
                f"a loss gives LossSum(total, weight, state), the sum over a batch and what makes it a mean; this one "
                f"gives a {type(found).__name__}"
            )
        return found

    def _end_epoch(
        self,
        run: Run,
        validate: Callable[[nn.Module], float] | None,
        clock: Clock,
        asked: threading.Event,
        *,
        saved: bool,
    ) -> tuple[bool, bool]:
        """Score, record and count the epoch.

        Returns:
            Whether a process was asked to stop meanwhile, and whether the time was over before the score was there; a
            checkpoint is then `saved` to validate again.
        """
        progress = run.progress
        if not progress.weight_sum:
            raise OstinatoError(
                f"nothing to learn from in epoch {progress.epoch + 1}: the losses of {progress.batch} batches weigh "
                "0 in all. Look for targets that are all missing or masked"
            )
        own = self._score(run, validate, clock) if validate is not None and self.process.main else 0.0
        total, unscored, asks = self.process.all_reduce_sum(own or 0.0, own is None, asked.is_set())
        if unscored and not saved:
            self._save(run)
        score = total if validate is not None and not unscored else None
        if score is not None and math.isnan(score):
            message = f"the validation score is nan after epoch {progress.epoch + 1} (optimiser step {progress.step})"
            raise TrainingDiverged(f"{message}: look for such values in the validation data", progress.step)
        loss = progress.loss_sum / progress.weight_sum
        rate, norm = run.learning_rate, progress.norm_sum / max(progress.norms, 1)
        record = clock.record("epoch", loss, score, rate, norm)
        if progress.count_epoch(record):
            run.remember_best()
        run.begin_averaging()
        run.schedule.epoch(score)
        self.logger.record(record)
        return bool(asks), bool(unscored)

    def _score(self, run: Run, validate: Callable[[nn.Module], float], clock: Clock) -> float | None:
        """The validation score; None where the time is over before it is there."""
        scored = run.scored.eval()
        try:
            with torch.no_grad(), clock.validating(scored):
                return float(validate(scored))
        except OutOfTimeError:
            return None

    def _save(self, run: Run) -> Path | None:
        if self.folder is None:
            return None
        tensors, facts = run.state_dict()
        if self.process.main:
            save_checkpoint(self.folder, run.progress.step, tensors, facts)
        self.process.all_reduce_sum(0.0)  # none goes on before the file is there
        return checkpoint_path(self.folder, run.progress.step)


@contextmanager
def _matmuls(precision: str | None) -> Iterator[None]:
    """Where torch multiplies matrices as exactly as this says, and afterwards as before; None changes nothing."""
    if precision is None:
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _lr_scale(batches: Batches[B], epoch: int, indices: range) -> float:
    """What the learning rate is multiplied by at a step over these batches."""
    if not isinstance(batches, ScalesLearningRate):
        return 1.0
    return sum(batches.lr_scale(epoch, index) for index in indices) / len(indices)
