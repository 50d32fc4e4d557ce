"""What a Forecaster minimises."""

import torch
from torch import Tensor

from ostinato.data import WindowBatch
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.training import LossSum


def forecast_loss(settings: ForecasterSettings, forecast: Tensor, batch: WindowBatch) -> LossSum:
    """The loss at the observed targets of a batch, and how many numbers were forecast there.

    Quantiles: the pinball loss (Koenker & Bassett 1978), ``max(q (y - f), (q - 1) (y - f))``, twice its mean over the
    levels q, so that the median alone gives the absolute error; otherwise the absolute or squared error of the point.

    Args:
        settings: `output` and `quantiles` choose the loss.
        forecast: ``(batch, horizon, outputs)``.
        batch: Windows with targets, in the same units.
    """
    seen = batch.target_observed[..., None]
    error = torch.where(seen, batch.target[..., None] - forecast, 0)
    if settings.output == "quantiles":
        levels = error.new_tensor(settings.quantiles)
        each = 2 * torch.maximum(levels * error, (levels - 1) * error)
    else:
        each = error.abs() if settings.output == "mae" else error.square()
    return LossSum(each.sum(), seen.sum() * forecast.shape[-1])
