"""How fast something grows or fades with the lag."""

import torch
from torch import Tensor

TINY = 1e-30
"""Below this share of the largest, norms are lost in the number format, and take no part in a fit."""


def exponential_rate(norms: Tensor) -> Tensor:
    """The rate r of ``norm = a * exp(r * lag)``, by least squares on the logarithms.

    Args:
        norms: Of lags 1, 2, ... ``(rows, lags)``; NaN where a row has no such lag.

    Returns:
        Per step, in nats, ``(rows,)``: 0 keeps, log 2 doubles each step; NaN for a row with fewer than 2 norms above 0.
    """
    norms = norms.double()
    largest = torch.where(norms.isfinite(), norms, 0).amax(1, keepdim=True)
    usable = norms.isfinite() & (norms > TINY * largest) & (norms > torch.finfo(torch.float32).tiny)
    weight = usable.double()
    count = weight.sum(1)
    lags = torch.arange(1, norms.shape[1] + 1, dtype=torch.float64, device=norms.device).expand_as(norms)
    logs = torch.where(usable, norms, 1).log()
    middle = (weight * lags).sum(1, keepdim=True) / count[:, None]
    spread = torch.where(usable, lags - middle, 0)
    slope = (spread * logs).sum(1) / spread.square().sum(1)
    return torch.where(count >= 2, slope, torch.nan)
