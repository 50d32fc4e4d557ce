"""Numbers a network can digest: each series to unit scale once, each window again on its own."""

from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.tasks.forecasting.settings import Scaling


class ScaledWindow(NamedTuple):
    """A window in its own units, and the way back: ``y = location + scale * output``.

    Attributes:
        context: ``(batch, window)``, what is left.
        location: ``(batch, horizon)``, added to the network's output.
        scale: ``(batch, horizon)``, multiplies it.
    """

    context: Tensor
    location: Tensor
    scale: Tensor


def scale_window(
    kind: Scaling, context: Tensor, observed: Tensor, horizon: int, segment: int = 1, floor: float = 1e-2
) -> ScaledWindow:
    """Takes off each window what its level and trend say, so that the network sees only its shape.

    - "last": the last value (Lin et al. 2023, SegRNN, eq. 2).
    - "level": the mean of those observed among the last `segment` values, which noise disturbs less; the last value
      where none is.
    - "trend": a least-squares line, which goes on through the horizon.
    - "standard": the window's mean, and its standard deviation is the scale (Kim et al. 2022, without the affine part).
    - "difference": the network sees differences of neighbours in units of their root mean square s; the location is the
      last value, the scale s * sqrt(h), as a random walk's spread grows.
    - "mean": nothing, and 1 and the window's mean is the scale (Salinas et al. 2020, "DeepAR", section 3.3).
    - "none": nothing.

    Args:
        kind: One of the above.
        context: ``(batch, window)`` values; missing ones already carry the last observed value.
        observed: ``(batch, window)``, False for missing values and padding, which do not count in means and scales. In
            a window of nothing but those, the last value stands for all.
        horizon: Steps to forecast.
        segment: Steps of a segment.
        floor: Least scale, in units of the series' own scale: a constant window must not blow noise up.

    Returns:
        The scaled context, zero where padding or missing values stand before anything was observed.
    """
    nothing = ~observed.any(1, keepdim=True)
    observed = torch.cat([observed[:, :-1], observed[:, -1:] | nothing], dim=1)
    weight = observed.to(context.dtype)
    count = weight.sum(1, keepdim=True)
    steps = torch.arange(1, horizon + 1, dtype=context.dtype, device=context.device).expand(len(context), horizon)
    last = context[:, -1:]
    ones = torch.ones_like(steps)
    if kind == "none":
        return ScaledWindow(context, torch.zeros_like(steps), ones)
    if kind == "difference":
        known = weight[:, 1:] * weight[:, :-1]
        change = context.diff(dim=1) * known
        size = (change.square().sum(1, keepdim=True) / known.sum(1, keepdim=True).clamp(min=1)).sqrt()
        size = size.clamp(min=floor * floor)  # one step of a walk whose spread over many steps is the floor
        inputs = torch.cat([torch.zeros_like(last), change], dim=1) / size
        return ScaledWindow(inputs, last.expand_as(steps), size * steps.sqrt())
    started = observed.cummax(1).values.to(context.dtype)
    if kind == "mean":
        size = 1 + (context * weight).sum(1, keepdim=True) / count
        return ScaledWindow(context * started / size, torch.zeros_like(steps), size.expand_as(steps))
    if kind == "trend":
        line, ahead = _trend(context, weight, count, steps)
        return ScaledWindow((context - line) * started, ahead, ones)
    if kind == "standard":
        mean = (context * weight).sum(1, keepdim=True) / count
        size = ((context - mean).square() * weight).sum(1, keepdim=True).div(count).sqrt().clamp(min=floor)
        return ScaledWindow((context - mean) * started / size, mean.expand_as(steps), size.expand_as(steps))
    level = last
    if kind == "level":
        end, known = context[:, -segment:], weight[:, -segment:]
        mean = (end * known).sum(1, keepdim=True) / known.sum(1, keepdim=True).clamp(min=1)
        level = torch.where(known.any(1, keepdim=True), mean, last)
    return ScaledWindow((context - level) * started, level.expand_as(steps), ones)


def _trend(context: Tensor, weight: Tensor, count: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """The least-squares line through the observed values, in the window and in the horizon."""
    time = torch.arange(1 - context.shape[1], 1, dtype=context.dtype, device=context.device)
    mean_time = (time * weight).sum(1, keepdim=True) / count
    mean = (context * weight).sum(1, keepdim=True) / count
    spread = (weight * (time - mean_time).square()).sum(1, keepdim=True)
    slope = (weight * (time - mean_time) * (context - mean)).sum(1, keepdim=True)
    slope = slope / spread.clamp(min=0.5)  # that of two neighbours, the least there is; of a single value it is 0
    return mean + slope * (time - mean_time), mean + slope * (steps - mean_time)
