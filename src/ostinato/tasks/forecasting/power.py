"""The power transform of Box & Cox 1964, and the power that evens out the spread of a series."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

POWERS = np.linspace(0, 1, 21)
"""Those that are tried: from the logarithm, 0, to the values themselves, 1."""


def box_cox(values: Floats, power: Floats) -> Floats:
    """Positive values as ``(values ** power - 1) / power``, or their logarithm where the power is 0.

    Args:
        values: Any shape, above 0.
        power: From 0 to 1, of the same shape or one that broadcasts.
    """
    logarithm = np.log(values)
    # expm1 and not a difference of powers: near 0 that would lose every digit
    return np.where(power == 0, logarithm, np.expm1(power * logarithm) / np.where(power == 0, 1, power))


def from_box_cox(values: Floats, power: Floats) -> Floats:
    """The way back; what lies below all that a power can give becomes 0."""
    with np.errstate(divide="ignore"):
        logarithm = np.log1p(np.maximum(power * values, -1)) / np.where(power == 0, 1, power)
    return np.exp(np.where(power == 0, values, logarithm))


def even_power(values: Floats, seen: npt.NDArray[np.bool_], offsets: Numbers, season_length: int) -> Floats:
    """For each series the power after which its seasons spread alike, whatever their level.

    It makes the ratio of spread to mean ** (1 - power) vary least over seasons (Guerrero 1993, "Time-series analysis
    supported by power transformations"); 1 where there are not two whole seasons that vary.

    Args:
        values: ``(rows,)`` of all series one after another, above 0 where seen.
        seen: ``(rows,)``: which count.
        offsets: ``(series + 1,)``, where each series begins, and the end of the last.
        season_length: Steps of a season; two at least are taken together.

    Returns:
        ``(series,)``, each one of `POWERS`.
    """
    steps, lengths = max(season_length, 2), np.diff(offsets)
    blocks = -(-lengths // steps)
    first = np.concatenate([[0], np.cumsum(blocks)])
    position = np.arange(len(values)) - np.repeat(offsets[:-1], lengths)
    block = np.repeat(first[:-1], lengths) + position // steps

    def summed(each: Floats) -> Floats:
        return np.asarray(np.bincount(block[seen], each[seen], minlength=first[-1]), np.float64)

    mean = summed(values) / steps
    spread = np.sqrt(summed((values - mean[block]) ** 2) / (steps - 1))
    whole = (np.bincount(block[seen], minlength=first[-1]) == steps) & (spread > 0)
    owner = np.repeat(np.arange(len(lengths)), blocks)[whole]
    count = np.bincount(owner, minlength=len(lengths))
    variation = np.full((len(POWERS), len(lengths)), np.inf)
    for row, power in enumerate(POWERS):
        ratio = spread[whole] / mean[whole] ** (1 - power)
        middle = np.bincount(owner, ratio, minlength=len(lengths)) / np.maximum(count, 1)
        square = np.bincount(owner, (ratio - middle[owner]) ** 2, minlength=len(lengths))
        variation[row] = np.sqrt(square) / np.where(middle > 0, middle, 1)
    return np.where(count > 1, POWERS[variation.argmin(axis=0)], 1.0)
