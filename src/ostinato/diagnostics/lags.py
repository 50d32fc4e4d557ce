"""How far back the data itself reaches: correlation and information at each lag, before any network."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ostinato.engine.lengths import sequence_mask
from ostinato.errors import OstinatoError

BINS, FEATURES = 8, 4
"""Bins of a value, and features of the largest variance that are looked at."""

PAIRS, SHUFFLES = 8192, 100
"""Pairs of steps drawn for each lag, and shuffled draws that say what chance alone gives."""

STANDS_OUT, FADES = 3.0, 0.05
"""Standard deviations above chance, and the share of the largest information, above which a lag is needed."""


@dataclass(frozen=True)
class DataLags:
    """What the data at lag k still tells of now.

    Attributes:
        lags: From 0 on with a target, else from 1 on; those that at least a quarter as many pairs of steps have as the
            first ``(count,)``.
        autocorrelation: Of the input at each lag: covariances pooled over rows, with the features weighted by their
            variance ``(count,)``.
        information: Mutual information in nats between the input k steps ago and the target, or the input itself where
            no target is given: the largest over features, less what chance gives, at least 0 ``(count,)``.
        chance: What shuffled pairs give on average.
        threshold: What information, as given here, must exceed to stand out from chance.
        needed: The largest lag whose information stands out from chance and is above 5 % of the largest; None where
            none stands out.

    Example:
        >>> import torch
        >>> from ostinato.diagnostics import data_lags
        >>> x = torch.randn(16, 200, 1)
        >>> lags = data_lags(x, target=x.roll(12, dims=1)[..., 0])
        >>> int(lags.information.argmax()), lags.needed
        (12, 12)
    """

    lags: Tensor
    autocorrelation: Tensor
    information: Tensor
    chance: float
    threshold: float
    needed: int | None


def data_lags(
    x: Tensor, lengths: Tensor | None = None, target: Tensor | None = None, *, longest: int = 512, seed: int = 0
) -> DataLags:
    """Measures how far back the data reaches.

    Values are put into eight bins of equal counts (values of at most eight kinds are their own bins). The information
    of shuffled pairs says what chance gives; a lag stands out from it by three standard deviations, or by more where
    many lags are looked at, so that noise passes in a few of a hundred data sets only. That a series with slow waves of
    its own may seem to tell of another one is not seen by shuffling.

    Args:
        x: Input ``(batch, time, features)``.
        lengths: Valid steps of each row, integers ``(batch,)``; all steps unless given.
        target: For each step ``(batch, time)`` or ``(batch, time, size)``, or one for each row, ``(batch,)`` or
            ``(batch, size)``, which belongs to its last valid step. ``(batch, time)`` is one for each step. Not given,
            the input is asked what it tells of itself.
        longest: The largest lag looked at.
        seed: Of the draws.

    Returns:
        The lags, and how far back they are needed; no lag for rows of a single step without a target.

    Raises:
        OstinatoError: For values that are not finite.

    Example:
        >>> import torch
        >>> from ostinato.diagnostics import data_lags
        >>> x = torch.randn(16, 200, 1)
        >>> data_lags(x, target=x.roll(12, dims=1)[..., 0]).needed  # the target is the input of 12 steps before
        12
    """
    x = x.detach().double().cpu()
    valid = sequence_mask(torch.full((len(x),), x.shape[1]) if lengths is None else lengths.cpu(), x.shape[1])
    random = torch.Generator().manual_seed(seed)
    told, told_valid = (x, valid) if target is None else _by_step(target.detach().double().cpu(), valid)
    for name, values in (("x", x[valid]), ("target", told[told_valid])):
        if not bool(values.isfinite().all()):
            raise OstinatoError(f"{name} holds values that are not finite: fill or drop them first")
    lags, counts = _lags(told_valid, 0 if target is not None else 1, longest)
    correlated = _autocorrelation(x, valid, lags)
    if not len(lags):
        return DataLags(lags, correlated, correlated, 0.0, 0.0, None)
    from_codes, to_codes = _codes(x, valid), _codes(told, told_valid)
    alike = target is None
    count = min(int(counts.min()), PAIRS)
    found = []
    for lag in lags.tolist():
        then, now = _pairs(from_codes, to_codes, told_valid, lag, count, random)
        found.append(_information(then, now, alike))
    # Pairs of the last lag are shuffled: values are spread alike at all lags.
    shuffles = (torch.randperm(count, generator=random) for _ in range(SHUFFLES))
    by_chance = torch.tensor([_information(then[order], now, alike) for order in shuffles], dtype=torch.float64)
    # Their cube roots are nearly normal (Wilson & Hilferty 1931).
    roots, deviations = by_chance ** (1 / 3), max(STANDS_OUT, math.sqrt(2 * math.log(len(lags) / 0.01)))
    threshold = float((roots.mean() + deviations * roots.std()) ** 3 - by_chance.mean())
    information = (torch.tensor(found, dtype=torch.float64) - by_chance.mean()).clamp(min=0)
    needed = lags[(information > max(threshold, 0)) & (information > FADES * information.max())]
    return DataLags(
        lags, correlated, information, float(by_chance.mean()), threshold, int(needed[-1]) if len(needed) else None
    )


def _by_step(target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """A target for each step ``(batch, time, size)``, and which steps have one."""
    batch, time = valid.shape
    if target.dim() == 3 or target.shape == (batch, time):
        return target.reshape(batch, time, -1), valid
    last = valid & (valid.sum(1, keepdim=True) - 1 == torch.arange(time))
    return target.reshape(batch, 1, -1).expand(-1, time, -1), last


def _lags(told: Tensor, first: int, longest: int) -> tuple[Tensor, Tensor]:
    """The lags that enough pairs have, and how many have each."""
    by_step = told.sum(0)
    counts = [int(by_step[lag:].sum()) for lag in range(first, min(longest, len(by_step) - 1) + 1)]
    kept = [count for count in counts if count > 1 and 4 * count >= counts[0]]
    return torch.arange(first, first + len(kept)), torch.tensor(kept)


def _autocorrelation(x: Tensor, valid: Tensor, lags: Tensor) -> Tensor:
    values = x[valid]
    centred = torch.where(valid[..., None], x - values.mean(0), 0)
    spectrum = torch.fft.rfft(centred, n=2 * x.shape[1], dim=1)
    sums = torch.fft.irfft(spectrum.abs().square().sum((0, 2)), n=2 * x.shape[1])
    steps = valid.sum(1)
    pairs = (steps - lags[:, None]).clamp(min=0).sum(1)
    variance = sums[0] / steps.sum()
    return torch.where(variance > 0, sums[lags] / pairs / variance, 0)


def _codes(x: Tensor, valid: Tensor) -> Tensor:
    """The bins of the features of largest variance, ``(batch, time, at most 4)``."""
    values = x[valid]
    chosen = values.var(0, correction=0).argsort(descending=True, stable=True)[:FEATURES]
    codes = []
    for feature in chosen.tolist():
        column = values[:, feature].sort().values
        edges = torch.unique_consecutive(column)[1:]
        if len(edges) >= BINS:
            edges = torch.unique_consecutive(column[(torch.arange(1, BINS) * len(column)) // BINS])
        codes.append(torch.searchsorted(edges, x[..., feature].contiguous(), right=True))
    return torch.stack(codes, -1)


def _pairs(
    then: Tensor, now: Tensor, told: Tensor, lag: int, count: int, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Bins at a step and `lag` steps before, of some pairs of steps drawn uniformly: two of ``(count, features)``."""
    row, step = told[:, lag:].nonzero(as_tuple=True)
    chosen = torch.randperm(len(row), generator=random)[:count]
    return then[row[chosen], step[chosen]], now[row[chosen], step[chosen] + lag]


def _information(then: Tensor, now: Tensor, alike: bool) -> float:
    """The mutual information of bins in nats, the largest over pairs of features, or over each with itself."""
    pairs = [(a, b) for a in range(then.shape[1]) for b in range(now.shape[1]) if not alike or a == b]
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    joint = then[:, first] * BINS + now[:, second] + torch.arange(len(pairs)) * BINS**2
    counts = torch.bincount(joint.flatten(), minlength=len(pairs) * BINS**2).double()
    p = counts.view(-1, BINS, BINS) / len(then)
    independent = p.sum(1, keepdim=True) * p.sum(2, keepdim=True)
    return float(torch.where(p > 0, p * (p / independent).log(), 0).sum((1, 2)).max())
