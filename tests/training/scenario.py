"""A small training with everything that must survive a kill."""

import os
import signal
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from ostinato.data.batches import IndexBatches, StreamBatches
from ostinato.training import LossSum, Trainer, TrainingLogger, TrainingSettings, seed_everything

SHARED = {
    "epochs": 3,
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "ema_decay": 0.8,
    "accumulation_steps": 2,
    "checkpoint_every": 2,
}
SETTINGS = {
    "rows": TrainingSettings(**SHARED, schedule="cosine", warmup=3, optimizer="adamw"),
    "streams": TrainingSettings(**SHARED, schedule="plateau", plateau_patience=0, optimizer="sgd", patience=3),
    "rmsprop": TrainingSettings(**SHARED, optimizer="rmsprop", clip_value=0.1),
}
KILLED_AT = 18  # batches, of 9 in each epoch and 2 in each step: after the first epoch, not where a checkpoint is


class Memory(NamedTuple):
    hidden: torch.Tensor
    seen: tuple[torch.Tensor, ...]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.recurrent = nn.GRU(3, 5, batch_first=True)
        self.dropout = nn.Dropout(0.3)
        self.norm = nn.BatchNorm1d(5)
        self.readout = nn.Linear(5, 1)

    def forward(self, x, memory=None):
        y, hidden = self.recurrent(x, None if memory is None else memory.hidden)
        seen = torch.zeros(()) if memory is None else memory.seen[0]
        return self.readout(self.norm(self.dropout(y[:, -1]))), Memory(hidden, (seen + 1,))


def batches(which):
    generator = torch.Generator().manual_seed(5)
    if which == "streams":
        x = torch.randn(4, 9 * 6, 3, generator=generator)
        return StreamBatches(x, x.cumsum(1)[..., :1], chunk=6)
    x = torch.randn(34, 7, 3, generator=generator)
    y = x.sum(1)[:, None, :1]
    return IndexBatches(34, 4, lambda rows: (x[rows], y[rows]), seed=3)


def validation(model):
    x = torch.linspace(-1, 1, 60).reshape(4, 5, 3)
    prediction, _ = model(x)
    return float((prediction - x.sum(1)[:, :1]).square().mean())


def loss_function(which, kill_at=None):
    calls = 0

    def loss(model, batch, state):
        nonlocal calls
        calls += 1
        if calls == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        x, y = batch
        assert state is None or type(state) is Memory
        prediction, memory = model(x, state)
        total = (prediction - y[:, -1]).square().sum()
        return LossSum(total, prediction.numel(), memory if which == "streams" else None)

    return loss


def train(which, folder=None, *, resume=False, kill_at=None, metrics=None):
    torch.set_num_threads(1)
    seed_everything(11)
    model = Model()
    logger = None if metrics is None else TrainingLogger(metrics, every=1, progress=False)
    trainer = Trainer(model, loss_function(which, kill_at), SETTINGS[which], folder=folder, logger=logger)
    return model, trainer.fit(batches(which), validation, resume=resume)


def train_all_until_killed(root):
    """One process for each kind of training; all are killed by SIGKILL."""
    for which in SETTINGS:
        folder = Path(root) / which
        child = os.fork()
        if not child:
            train(which, folder, kill_at=KILLED_AT, metrics=folder)
            os._exit(0)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
