"""Training the network of a task."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from torch import nn

from ostinato.data.batches import Batches
from ostinato.diagnostics import Doctor
from ostinato.tasks.settings import NetworkSettings
from ostinato.training import DistributedContext, Loss, Trainer, TrainingLogger, clear_checkpoints

B = TypeVar("B")


def fit_network(
    network: nn.Module,
    loss: Loss[B],
    batches: Batches[B],
    score: Callable[[nn.Module], float],
    settings: NetworkSettings,
    folder: str | Path | None,
    resume: bool,
    logger: TrainingLogger | None,
) -> None:
    """Trains a network in place; it has the best weights then, is in evaluation mode and on the CPU.

    Args:
        network: On the device to train on.
        loss: Of a batch, see `Trainer`.
        batches: To train on.
        score: Scores a network on validation data, lower is better.
        settings: How, and on how many threads.
        folder: Where ``checkpoints/`` are written while training goes on; None for nowhere.
        resume: Go on from the newest checkpoint there.
        logger: Shows progress; None for silence.

    Raises:
        TrainingDiverged: The loss, a gradient or the score is not finite.
        Interrupted: Ctrl-C; a checkpoint was written where there is a folder.
        OstinatoError: There is nothing to resume from, or other checkpoints are there.
    """
    checkpoints = None if folder is None else checkpoints_of(folder)
    doctor = Doctor(network, settings)
    with settings.on_threads():
        trainer = Trainer(network, loss, settings, folder=checkpoints, logger=logger, monitor=doctor)
        trainer.fit(batches, score, resume=resume)
    network.cpu()


def evenly(count: int, most: int = 32) -> npt.NDArray[np.int64]:
    """Numbers of at most so many among `count` things, evenly spread over them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def checkpoints_of(folder: str | Path) -> Path:
    """Where the training of a model that goes into this folder keeps its checkpoints."""
    return Path(folder) / "checkpoints"


def drop_checkpoints(folder: str | Path | None) -> None:
    """Removes the checkpoints of a training that is over; under `torchrun` the first process does."""
    if folder is not None and DistributedContext.from_environment().main:
        clear_checkpoints(checkpoints_of(folder))
