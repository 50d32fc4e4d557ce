"""Distributions of counts: what a network says of them, how likely they make what came, and their quantiles."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from ostinato.data import Panel
from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.forecast import Forecast

Array = npt.NDArray[np.float64]

LEAST = 1e-4
"""Of a mean, in sizes of its window, and of a dispersion: their logarithms and inverses stay finite."""

FEW = 30
"""Means below which quantiles are found by counting up, faster than SciPy finds them."""


def parameters(out: Tensor, size: Tensor) -> Tensor:
    """The mean of each step, and the dispersion of a negative binomial distribution (Salinas et al. 2020, "DeepAR").

    With a window's size v (1 and the mean of its values; section 3.3 there) the mean is ``v softplus(o)``, the
    dispersion ``softplus(o') / sqrt(v)`` (the equations of section 3.1, scaled).

    Args:
        out: ``(batch, horizon, 1 or 2)``.
        size: ``(batch, horizon)``, of the window.
    """
    mean, *dispersion = F.softplus(out).unbind(-1)
    return torch.stack([size * (mean + LEAST), *(each / size.sqrt() + LEAST for each in dispersion)], dim=-1)


def negative_log_likelihood(parameters: Tensor, counts: Tensor) -> Tensor:
    """Of every count, under a Poisson distribution or, with a dispersion a, a negative binomial one.

    The variance of the first is its mean m, that of the second m + a m² (Salinas et al. 2020, section 3.1).

    Args:
        parameters: ``(..., 1 or 2)``: the mean, perhaps the dispersion; above 0.
        counts: ``(...)``, of 0 or more.

    Returns:
        ``(...)``, of float64: differences of `lgamma` need it.
    """
    mean, *dispersion = parameters.double().unbind(-1)
    counts = counts.double()
    if not dispersion:
        return mean - counts * mean.log() + torch.lgamma(counts + 1)
    spread = dispersion[0]
    ways = torch.lgamma(counts + 1 / spread) - torch.lgamma(1 / spread) - torch.lgamma(counts + 1)
    return torch.log1p(spread * mean) / spread + counts * torch.log1p(1 / (spread * mean)) - ways


def distribution(parameters: Array, levels: Sequence[float]) -> Forecast:
    """Medians, quantiles and means, by parameters ``(..., 1 or 2)`` as above."""
    mean = parameters[..., 0]
    spread = parameters[..., 1] if parameters.shape[-1] == 2 else np.zeros_like(mean)
    quantiles = np.empty((*mean.shape, len(levels)))
    few = mean < FEW
    quantiles[few] = _counted_up(mean[few], spread[few], np.asarray(levels))
    quantiles[~few] = _of_many(mean[~few, None], spread[~few, None], levels)
    return Forecast(quantiles[..., levels.index(0.5)], quantiles, mean)


def _counted_up(mean: Array, spread: Array, levels: Array) -> Array:
    """Quantiles ``(n, levels)`` of small counts: their probabilities summed from 0 on; no spread is Poisson's."""
    own = np.where(spread > 0, spread, 1.0)
    each = np.exp(np.where(spread > 0, -np.log1p(spread * mean) / own, -mean))
    quantiles, total = np.zeros((len(mean), len(levels))), each.copy()
    left, count = np.arange(len(mean)), 0
    while left.size:
        beyond = total[left, None] < levels
        quantiles[left] += beyond
        left = left[beyond.any(axis=1) & (each[left] > 0)]  # no sum of these may reach a level next to 1
        each[left] *= mean[left] * (1 + spread[left] * count) / (1 + spread[left] * mean[left]) / (count + 1)
        total[left] += each[left]
        count += 1
    return quantiles


def _of_many(mean: Array, spread: Array, levels: Sequence[float]) -> Array:
    """The same of large counts, ``(n, 1)`` each."""
    from scipy import stats  # not before: it is slow to load

    own = np.where(spread > 0, spread, 1.0)
    negative_binomial = stats.nbinom.ppf(levels, 1 / own, 1 / (1 + own * mean))
    return np.asarray(np.where(spread > 0, negative_binomial, stats.poisson.ppf(levels, mean)))


def refuse_other_than_counts(panel: Panel) -> None:
    """Makes sure that all observed values count something.

    Raises:
        OstinatoError: One does not; it names the first.
    """
    bad = panel.observed & ~is_count(panel.target)
    if bad.any():
        raise OstinatoError(
            "this output needs counts (whole numbers, none below 0), but "
            f"{panel.value_at(int(np.argmax(bad)))}: mend that row or use output='quantiles'"
        )


def is_count(values: Array) -> npt.NDArray[np.bool_]:
    """Which are whole numbers, none below 0."""
    return np.asarray((values >= 0) & (values == np.floor(values)))
