"""A training in float64 for one or more processes; `torchrun` runs it as a program."""

import os
import signal
import sys
from pathlib import Path

import torch
from torch import nn

from ostinato.data.batches import IndexBatches, StreamBatches
from ostinato.training import (
    DistributedContext,
    Interrupted,
    LossSum,
    Trainer,
    TrainingDiverged,
    TrainingLogger,
    TrainingSettings,
)


def train(folder, which="plain", process=None):
    process = process or DistributedContext.from_environment()
    torch.manual_seed(0)
    x = torch.randn(20, 6, 3, dtype=torch.float64)
    torch.manual_seed(process.rank)  # other first weights in every process: those of the first one count
    model = nn.GRU(3, 4, batch_first=True).double()
    accumulation_steps, shared = 2, {"rank": process.rank, "world_size": process.world_size}
    calls, weights = 0, []

    def loss(model, batch, state):
        nonlocal calls
        calls += 1
        if process.rank == process.world_size - 1 and calls == 5 and which == "interrupted":
            os.kill(os.getpid(), signal.SIGINT)
        y, hidden = model(batch, state)
        broken = which == "diverged" and calls == 5 and process.rank == process.world_size - 1
        errors = (y - 1).square() * (float("nan") if broken else 1.0)
        if which == "masked":  # few rows count: in some batches none of one process, in some none at all
            errors = errors[batch[:, 0, 0] > 1]
        weights.append(errors.numel())
        return LossSum(errors.sum(), errors.numel(), hidden)

    if which == "streams":
        batches = StreamBatches(x, chunk=2, **shared)
        data = _First(batches)
    else:
        data = IndexBatches(20, 8, lambda rows: x[rows], **shared)
    settings = TrainingSettings(
        epochs=3, accumulation_steps=accumulation_steps, ema_decay=0.5, learning_rate=0.05, schedule="cosine"
    )
    resume = which == "resumed"
    trainer = Trainer(model, loss, settings, folder=folder, logger=TrainingLogger(folder))
    history = trainer.fit(data, lambda model: float((model(x)[0] - 1).square().mean()), resume=resume)
    assert which != "masked" or process.world_size == 1 or 0 in weights
    return model, history


class _First:
    """Streams of one tensor, without the tuple about it."""

    def __init__(self, batches):
        self.batches, self.continues = batches, batches.continues

    def __len__(self):
        return len(self.batches)

    def epoch(self, number, start=0):
        return (batch for (batch,) in self.batches.epoch(number, start))


def outcome(folder, which):
    try:
        model, history = train(folder, which)
    except Interrupted as interrupted:
        return {"interrupted": interrupted.step, "checkpoint": interrupted.checkpoint.name}
    except TrainingDiverged as diverged:
        return {"diverged": diverged.step}
    return {"weights": model.state_dict(), "score": history.best_score}


if __name__ == "__main__":
    torch.set_num_threads(1)
    root = Path(sys.argv[1])
    for which in sys.argv[2:]:
        folder = root / ("interrupted" if which == "resumed" else which)
        found = outcome(folder, which)
        if "weights" in found:
            from safetensors.torch import save_file

            save_file(
                found["weights"], root / f"{which}-{os.environ['RANK']}.safetensors", {"score": repr(found["score"])}
            )
        else:
            (root / f"{which}-{os.environ['RANK']}.txt").write_text(repr(found))
