"""Training: backpropagation through time, whole or truncated, that can be stopped, killed and resumed."""

from ostinato.training.checkpoint import clear_checkpoints, latest
from ostinato.training.device import moved
from ostinato.training.distributed import DistributedContext
from ostinato.training.gradients import TrainingDiverged
from ostinato.training.interruption import Interrupted
from ostinato.training.logger import TrainingLogger
from ostinato.training.loop import Trainer
from ostinato.training.loss import Loss, LossSum
from ostinato.training.monitor import Monitor, Observation
from ostinato.training.progress import History, MetricsRecord
from ostinato.training.seeds import random_numbers_kept, seed_everything
from ostinato.training.settings import TrainingSettings
from ostinato.training.threads import num_threads

__all__ = [
    "DistributedContext",
    "History",
    "Interrupted",
    "Loss",
    "LossSum",
    "MetricsRecord",
    "Monitor",
    "Observation",
    "Trainer",
    "TrainingDiverged",
    "TrainingLogger",
    "TrainingSettings",
    "clear_checkpoints",
    "latest",
    "moved",
    "num_threads",
    "random_numbers_kept",
    "seed_everything",
]
