"""Training a Forecaster's network."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.data import IndexBatches, WindowBatch, Windows
from ostinato.tasks.forecasting.backtest import batches
from ostinato.tasks.forecasting.loss import forecast_loss
from ostinato.tasks.forecasting.network import ForecastNetwork, Sizes
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.training import Process, Report, Trainer, seed_everything

CALIBRATION_WINDOWS = 2048
"""Training windows on which a network's input and output scales are measured."""

SMALL = 64
"""Units up to which one CPU thread is fastest, and on a busy machine faster by far."""


def train(
    settings: ForecasterSettings,
    training: Windows,
    validating: Windows,
    folder: str | Path | None,
    resume: bool,
    report: Report | None,
) -> ForecastNetwork:
    """A network trained on some windows, with the weights that forecast others best."""
    panel = training.panel
    process = Process.from_environment()
    seed_everything(settings.seed)
    names = panel.names
    sizes = Sizes(len(names.past), len(training.known_names), len(names.static), len(panel))
    network = ForecastNetwork(settings, sizes)
    some = np.random.default_rng(settings.seed).permutation(len(training))[:CALIBRATION_WINDOWS]
    network.calibrate(training.gather(some))
    network.to(process.device)
    order = IndexBatches(
        len(training),
        settings.batch_size,
        training.gather,
        seed=settings.seed,
        rank=process.rank,
        world=process.world,
        limit=settings.batches_per_epoch,
    )

    def loss(model: nn.Module, batch: WindowBatch, state: None) -> tuple[Tensor, None]:
        batch = WindowBatch(*(tensor.to(process.device) for tensor in batch))
        return forecast_loss(settings, model(batch), batch), None

    def score(model: nn.Module) -> float:
        losses = [
            (float(loss(model, batch, None)[0]), int(batch.target_observed.sum())) for batch in batches(validating)
        ]
        return sum(value * count for value, count in losses) / sum(count for _, count in losses)

    checkpoints = None if folder is None else Path(folder) / "checkpoints"
    with _threads(settings):
        Trainer(network, loss, settings, folder=checkpoints, report=report).fit(order, score, resume=resume)
    return network.cpu()


@contextmanager
def _threads(settings: ForecasterSettings) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(settings.threads or (1 if settings.hidden_size <= SMALL else before))
    try:
        yield
    finally:
        torch.set_num_threads(before)
