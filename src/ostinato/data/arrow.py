"""Frames and series of other libraries (polars, pyarrow, DuckDB), which hand columns over by Arrow's C interface."""

import importlib.util
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from ostinato.errors import OstinatoError


@runtime_checkable
class ArrowStream(Protocol):
    """What has columns to hand over, or one: `polars.DataFrame`, `pyarrow.Table`, `polars.Series`."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A capsule of an `ArrowArrayStream`."""


def framed(source: Any) -> Any:
    """The same, but a DataFrame for a frame of another library."""
    is_frame = isinstance(source, ArrowStream) and hasattr(source, "columns")
    return from_arrow(source) if is_frame and not isinstance(source, pd.DataFrame) else source


def from_arrow(source: ArrowStream) -> pd.DataFrame:
    """The columns as pandas holds them; one that comes alone is called by its name, or "y".

    Raises:
        OstinatoError: pyarrow is not installed, or cannot read them.
    """
    origin = f"the {type(source).__name__}"
    require_pyarrow(origin, "frames and series that are not of pandas")
    import pyarrow

    try:
        try:
            table = pyarrow.table(source)
        except pyarrow.ArrowInvalid:  # one column, and no table
            table = pyarrow.table({str(getattr(source, "name", None) or "y"): pyarrow.chunked_array(source)})
        return to_pandas(table)
    except (pyarrow.ArrowException, ValueError, TypeError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OstinatoError(f"{origin}: pyarrow cannot read it: {reason}") from None


def to_pandas(table: Any) -> pd.DataFrame:
    """A `pyarrow.Table` as a DataFrame; an index that pandas wrote into it is a column, unless it only counts rows."""
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True, date_as_object=False)
    frame = frame.rename(columns={"__index_level_0__": "index"})
    if "index" in frame and "index" not in table.column_names and _counts_rows(frame["index"]):
        frame = frame.drop(columns="index")
    return frame


def require_pyarrow(origin: str, what: str) -> None:
    """Makes sure that pyarrow is there, which is needed for `what`.

    Raises:
        OstinatoError: It is not.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise OstinatoError(f"{origin}: {what} need pyarrow: pip install 'ostinato[parquet]'")


def _counts_rows(column: "pd.Series[Any]") -> bool:
    whole = pd.api.types.is_integer_dtype(column.dtype)
    return bool(whole and (column.to_numpy() == np.arange(len(column))).all())
