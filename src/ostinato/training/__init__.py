"""Training: backpropagation through time, whole or truncated, that can be stopped, killed and resumed."""

from ostinato.training.checkpoint import clear_checkpoints, latest
from ostinato.training.distributed import Process
from ostinato.training.gradients import TrainingDiverged
from ostinato.training.interruption import Interrupted
from ostinato.training.loop import Trainer
from ostinato.training.loss import Loss, LossSum
from ostinato.training.onlooker import Look, Onlooker
from ostinato.training.progress import History, Record
from ostinato.training.report import Report
from ostinato.training.seeds import seed_everything
from ostinato.training.settings import TrainingSettings

__all__ = [
    "History",
    "Interrupted",
    "Look",
    "Loss",
    "LossSum",
    "Onlooker",
    "Process",
    "Record",
    "Report",
    "Trainer",
    "TrainingDiverged",
    "TrainingSettings",
    "clear_checkpoints",
    "latest",
    "seed_everything",
]
