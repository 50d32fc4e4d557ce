"""Averages of the weights."""

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def moving_average(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of the model that `update_parameters` moves by `1 - decay` towards the trained weights at each step.

    The first update copies the weights. Buffers (running statistics) are not averaged but kept equal to the model's.
    """
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]


def plain_average(model: nn.Module) -> AveragedModel:
    """A copy of the model that `update_parameters` makes the mean of the weights at all of its calls.

    The average of averaged stochastic gradient descent (Polyak & Juditsky 1992), from its making on.
    """
    return AveragedModel(model)
