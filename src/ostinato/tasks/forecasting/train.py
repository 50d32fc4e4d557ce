"""What a Forecaster's network is trained on and by, and judged by."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ostinato.data import IndexBatches, WindowBatch, Windows
from ostinato.tasks.forecasting.batches import batches
from ostinato.tasks.forecasting.counts import negative_log_likelihood
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.training import DistributedContext, LossSum, moved

BUDGET = 3 * 10**9
"""Numbers of windows that training reads, about, unless told how many steps it takes."""

LEAST_STEPS = 1_000
"""That it takes in any case."""


def training_batches(windows: Windows, settings: ForecasterSettings) -> IndexBatches[WindowBatch]:
    """Batches of windows, shuffled anew each epoch and shared out among processes."""
    context = DistributedContext.from_environment()
    return IndexBatches(
        len(windows),
        settings.batch_size,
        windows.gather,
        seed=settings.seed,
        rank=context.rank,
        world_size=context.world_size,
        limit=_most_batches(windows, settings),
    )


def _most_batches(windows: Windows, settings: ForecasterSettings) -> int:
    """Batches of an epoch; unless told how many, fewer of windows that take long to read."""
    told = {"max_steps", "batches_per_epoch"} & settings.model_fields_set
    steps = max(BUDGET // (settings.batch_size * windows.numbers), LEAST_STEPS)
    return settings.most_batches if told else min(settings.most_batches, max(steps // settings.epochs, 1))


def mean_loss(settings: ForecasterSettings, windows: Windows, device: torch.device) -> Callable[[nn.Module], float]:
    """What scores a network by its loss over all of some windows."""

    def score(model: nn.Module) -> float:
        on_device = (moved(batch, device) for batch in batches(windows))
        losses = [forecast_loss(settings, model(batch), batch) for batch in on_device]
        return sum(float(each.total) for each in losses) / sum(float(each.weight) for each in losses)

    return score


def forecast_loss(settings: ForecasterSettings, forecast: Tensor, batch: WindowBatch) -> LossSum:
    """The loss at the observed targets of a batch, and how many numbers were forecast there.

    Quantiles: the pinball loss (Koenker & Bassett 1978), ``max(q (y - f), (q - 1) (y - f))``, twice its mean over the
    levels q, so that the median alone gives the absolute error; distributions of counts: the negative logarithm of the
    likelihood; otherwise the absolute or squared error of the point.

    Args:
        settings: `output` and `quantiles` choose the loss.
        forecast: ``(batch, horizon, outputs)``.
        batch: Windows with targets, in the same units.
    """
    if settings.of_counts:
        each = negative_log_likelihood(forecast, torch.where(batch.target_observed, batch.target, 0))
        return LossSum((each * batch.target_observed).sum().to(forecast.dtype), batch.target_observed.sum())
    seen = batch.target_observed[..., None]
    error = torch.where(seen, batch.target[..., None] - forecast, 0)
    if settings.output == "quantiles":
        levels = error.new_tensor(settings.quantiles)
        each = 2 * torch.maximum(levels * error, (levels - 1) * error)
    else:
        each = error.abs() if settings.output == "mae" else error.square()
    return LossSum(each.sum(), seen.sum() * forecast.shape[-1])
