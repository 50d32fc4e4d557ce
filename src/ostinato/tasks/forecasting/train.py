"""Training a Forecaster's network."""

from pathlib import Path

import numpy as np
from torch import nn

from ostinato.data import IndexBatches, WindowBatch, Windows
from ostinato.tasks.fitting import fit_network
from ostinato.tasks.forecasting.backtest import batches
from ostinato.tasks.forecasting.loss import forecast_loss
from ostinato.tasks.forecasting.network import ForecastNetwork, Sizes
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.training import DistributedContext, LossSum, TrainingLogger, seed_everything

CALIBRATION_WINDOWS = 2048
"""Training windows on which a network's input and output scales are measured."""


def train(
    settings: ForecasterSettings,
    training: Windows,
    validating: Windows,
    folder: str | Path | None,
    resume: bool,
    logger: TrainingLogger | None,
) -> ForecastNetwork:
    """A network trained on some windows, with the weights that forecast others best."""
    panel = training.panel
    process = DistributedContext.from_environment()
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
        world_size=process.world_size,
        limit=settings.batches_per_epoch,
    )

    def loss(model: nn.Module, batch: WindowBatch, state: None) -> LossSum:
        batch = WindowBatch(*(tensor.to(process.device) for tensor in batch))
        return forecast_loss(settings, model(batch), batch)

    def score(model: nn.Module) -> float:
        losses = [loss(model, batch, None) for batch in batches(validating)]
        return sum(float(each.total) for each in losses) / sum(float(each.weight) for each in losses)

    fit_network(network, loss, order, score, settings, folder, resume, logger)
    return network
