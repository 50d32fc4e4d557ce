"""Tables of results: which series and which time each row is of, and what was found there."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ostinato.data import Panel


def table_of(panel: Panel, found: Mapping[str, Any], ids: Any, times: Any = None) -> pd.DataFrame:
    """A table whose first columns are the id and the time, named as in the data.

    Where that is the name of a column of results ("sample", "model", "y"), they are called "unique_id" and "ds".

    Args:
        panel: The series, for the names.
        found: The columns of results.
        ids: Of the series of each row.
        times: Of each row, as they are written; None for a table without.
    """
    id, time = panel.names.id or "unique_id", panel.names.time or "step"
    keys = {"unique_id" if id in found else id: ids}
    if times is not None:
        keys["ds" if time in found else time] = times
    return pd.DataFrame(keys | dict(found))
