"""Data and their targets in lists of their own, as scikit-learn gives them."""

from typing import Any

import numpy as np
import pandas as pd

from ostinato.errors import OstinatoError

LISTS: tuple[type[Any], ...] = (list, tuple, np.ndarray, pd.Series)
"""What holds data, or their targets, one after another."""


def refuse_unmatched(data: Any, y: Any, what: str, *, lists: tuple[type[Any], ...] = LISTS) -> None:
    """Makes sure that targets come beside a list of data, one for each.

    Args:
        data: A list, an array or whatever else of `lists` holds one thing after another.
        y: Likewise.
        what: What `y` holds, in words.
        lists: What data may come in; a tuple may mean something else.

    Raises:
        OstinatoError: They do not.
    """
    if not isinstance(data, lists) or not isinstance(y, LISTS) or len(y) != len(data):
        raise OstinatoError(f"y holds {what}; other data to choose when to stop are given as validation=...")
