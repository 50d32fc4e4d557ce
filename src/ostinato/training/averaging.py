"""An exponential moving average of the weights."""

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def moving_average(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of the model that `update_parameters` moves by `1 - decay` towards the trained weights at each step.

    The first update copies the weights. Buffers (running statistics) are not averaged but kept equal to the model's.
    """
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]
