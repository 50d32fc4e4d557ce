"""Tables as a person reads them: as many digits as tell numbers apart, and no more."""

import numpy as np
import pandas as pd

DIGITS = 7
"""Significant digits that are shown at least: as many as the network's 32-bit numbers hold."""

_MOST = 17  # a float64 holds no more


def rounded_csv(table: pd.DataFrame) -> str:
    """A table as CSV, its numbers rounded.

    They are shown with `DIGITS` digits; where those of a series (of rows with the same first column) differ by less
    than a hundredth, with so many of what they differ by: a billion and one and a billion and two are not a billion
    twice.
    """
    floats = table.select_dtypes("float").columns
    if floats.empty:
        return table.to_csv(index=False)
    block = table[floats].replace([np.inf, -np.inf], np.nan)
    groups = table.iloc[:, 0].astype(str)
    low, high = (getattr(block.groupby(groups), name)().reindex(groups) for name in ("min", "max"))
    low, high = low.min(axis=1).to_numpy(), high.max(axis=1).to_numpy()
    spread, size = high - low, np.maximum(np.abs(low), np.abs(high))
    common = np.log10(np.divide(size, spread, out=np.ones_like(size), where=spread > 0))
    digits = np.clip(np.where(common > 2, DIGITS + np.floor(common), DIGITS), DIGITS, _MOST).astype(int)
    shown = table.astype(dict.fromkeys(floats, object))
    for name in floats:
        shown[name] = [_rounded(value, number) for value, number in zip(table[name], digits, strict=True)]
    return shown.to_csv(index=False)


def _rounded(value: float, digits: int) -> str:
    if np.isnan(value):
        return ""
    return np.format_float_positional(value, precision=digits, fractional=False, trim="-")
