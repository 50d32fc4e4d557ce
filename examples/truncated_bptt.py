"""The training loop on a task of your own: one long stream, cut in chunks, with the state carried from chunk to chunk.

The target is a moving average of the last 20 inputs, while a chunk is 10 steps: without the carried state the network
could not see far enough back.
"""

import torch
from torch.nn import functional as F

from ostinato.cells import LSTM
from ostinato.data import StreamBatches
from ostinato.nn import Recurrent
from ostinato.topologies import ManyToMany
from ostinato.training import LossSum, Trainer, TrainingSettings


def loss(model, batch, state):
    x, target = batch
    y, state = model(x, state)
    return LossSum(F.mse_loss(y, target, reduction="sum"), target.numel(), state)


def main() -> None:
    torch.manual_seed(0)
    x = torch.randn(16, 800, 1)
    kernel = torch.full((1, 1, 20), 1 / 20)
    target = F.conv1d(F.pad(x.transpose(1, 2), (19, 0)), kernel).transpose(1, 2)

    model = ManyToMany(Recurrent(LSTM, 1, 32), 1)
    settings = TrainingSettings(epochs=8, learning_rate=1e-2, clip_norm=1.0, schedule="cosine")
    history = Trainer(model, loss, settings).fit(StreamBatches(x, target, chunk=10))
    for record in history.epochs:
        print(f"epoch {record.epoch}: loss {record.loss:.4f}")
    print(f"always answering zero: {target.square().mean():.4f}")


if __name__ == "__main__":
    main()
