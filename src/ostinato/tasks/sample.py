"""A sample of some records, for what need not look at all of them."""

import numpy as np
import numpy.typing as npt


def evenly(count: int, most: int = 32) -> npt.NDArray[np.int64]:
    """Numbers of at most so many among `count` things, evenly spread over them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
