"""What attention looked at."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Attention(NamedTuple):
    """What a translation looked at.

    Attributes:
        source: The units that were read, the end last.
        target: The units that were written, the end last.
        weights: How much of its attention each written unit (rows, which sum to 1) gave to each that was read,
            ``(target, source)``.
    """

    source: list[str]
    target: list[str]
    weights: npt.NDArray[np.float64]
