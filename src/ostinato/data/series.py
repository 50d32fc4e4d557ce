"""Series as they come from pandas and NumPy, without a table around them."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.data.arrow import ArrowStream
from ostinato.data.file_format import USUAL, FileFormat
from ostinato.data.table import Source, Table, read_frame, read_table
from ostinato.errors import OstinatoError

SeriesSource = Source | npt.NDArray[Any]
"""A table or a Series, or an array ``(time,)`` or ``(time, series)``."""


def series_table(source: SeriesSource, form: FileFormat = USUAL) -> Table:
    """Reads a table, or makes one of series that come alone.

    Args:
        source: A table, as for `read_table`. A Series: the column has its name, or "y", and the index is the time where
            it has a name or holds dates. An array: ``(time,)`` is the column "y", ``(time, series)`` are the columns
            "series_0", "series_1" and so on.
        form: How a CSV file is written.

    Raises:
        OstinatoError: Anything else, or as `read_table`.
    """
    if isinstance(source, np.ndarray):
        if source.ndim not in (1, 2):
            raise OstinatoError(f"an array of shape {source.shape}: give (time,), or (time, series)")
        columns = ["y"] if source.ndim == 1 else [f"series_{number}" for number in range(source.shape[1])]
        return read_frame(pd.DataFrame(source, columns=columns), "the array")
    if not isinstance(source, str | Path | Table | pd.DataFrame | pd.Series | ArrowStream):
        raise OstinatoError(
            f"series are read from a file, a DataFrame, a Series or an array, not from a {type(source).__name__}"
        )
    return read_table(source, form)
