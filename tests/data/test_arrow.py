"""Frames and series of polars, pyarrow and others, which hand their columns over by Arrow's C interface."""

import importlib.util

import numpy as np
import pandas as pd
import pytest

from ostinato.data import LabelledSpec, Panel, PanelSpec, read_labelled, read_table
from ostinato.data.pairs import ParallelTexts, read_sources
from ostinato.data.series import series_table
from ostinato.errors import OstinatoError

pyarrow = pytest.importorskip("pyarrow")


class Frame:
    """Hands its columns over as a polars.DataFrame does, and is nothing else that pandas or pyarrow know."""

    def __init__(self, table):
        self.table, self.columns = table, table.column_names

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


class Column:
    """As a polars.Series does."""

    def __init__(self, name, values):
        self.name, self.values = name, pyarrow.chunked_array([values])

    def __arrow_c_stream__(self, requested_schema=None):
        return self.values.__arrow_c_stream__(requested_schema)


FORMS = {"a pyarrow.Table": lambda table: table, "a frame of another library": Frame}


def daily():
    days = pd.date_range("2024-01-01", periods=12)
    return pd.DataFrame({"ds": days, "y": np.arange(12.0) ** 2, "n": range(12), "shop": [*"abc"] * 4})


@pytest.mark.parametrize("form", FORMS)
def test_a_frame_is_read_as_the_same_of_pandas(form):
    given = FORMS[form](pyarrow.Table.from_pandas(daily()))
    spec = PanelSpec(target="y", past=("n",))
    expected = Panel.from_table(daily(), spec)
    pd.testing.assert_frame_equal(Panel.from_table(series_table(given), spec).to_frame(), expected.to_frame())
    assert read_table(given).texts("shop").tolist() == [*"abc"] * 4
    dated = pyarrow.Table.from_pandas(daily().set_index("ds"))
    assert read_table(FORMS[form](dated)).columns == ["y", "n", "shop", "ds"]


def test_values_that_are_missing_stay_so_and_types_of_arrow_are_read():
    table = pyarrow.table(
        {
            "count": pyarrow.array([1, None, 3], pyarrow.int8()),
            "price": pyarrow.array([None, 2, 3], pyarrow.decimal128(8, 2)),
            "word": pyarrow.array(["a", None, "a"]).dictionary_encode(),
            "open": [True, False, None],
        }
    )
    read = read_table(Frame(table))
    np.testing.assert_array_equal(
        read.numbers(["count", "price", "open"]), [[1, np.nan, 1], [np.nan, 2, 0], [3, 3, np.nan]]
    )
    assert read.texts("word").tolist() == ["a", "", "a"]


@pytest.mark.parametrize(
    ("series", "name"),
    [
        (Column("sales", [1.0, 2.0]), "sales"),
        (pyarrow.chunked_array([[1.0], [2.0]]), "y"),
        (pd.Series([1.0, 2.0], name="sales"), "sales"),
        (pd.Series([1.0, 2.0]), "y"),
    ],
)
def test_a_series_is_a_table_of_one_column(series, name):
    for table in (read_table(series), series_table(series)):
        assert table.columns == [name]
        assert table.numbers([name]).ravel().tolist() == [1, 2]


@pytest.mark.parametrize("form", FORMS)
def test_every_reader_of_tables_takes_frames(form):
    given = FORMS[form](pyarrow.table({"text": ["dull", "good"], "label": ["-", "+"]}))
    assert read_labelled(given, LabelledSpec()).labels == ("-", "+")
    pairs = FORMS[form](pyarrow.table({"source": ["one", "two"], "target": ["eins", "zwei"]}))
    assert ParallelTexts.of(pairs).targets == ("eins", "zwei")
    assert read_sources(pairs) == (["one", "two"], None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros(3), "^give a CSV or Parquet file or a DataFrame, not ndarray$"),
        ({"y": [1.0]}, "^give a CSV or Parquet file or a DataFrame, not dict$"),
        (None, "^give a CSV or Parquet file or a DataFrame, not NoneType$"),
        (pyarrow.table({"y": [1.0, np.inf]}), "^the Table, row 1, column 'y': an infinite value"),
        (Frame(pyarrow.table({"y": ["1", "two"]})), "^the Frame, row 1, column 'y': 'two' is not a number$"),
        (pyarrow.table({"y": pyarrow.array([], pyarrow.float64())}), "^the Table: no rows"),
        (Column("y", [{"a": 1}]), r"^the Column: no column 'y' \(columns: a\)$"),
    ],
)
def test_what_is_no_table_or_a_damaged_one_is_refused_in_one_line(given, message):
    with pytest.raises(OstinatoError, match=message):
        read_table(given).numbers(["y"])


def test_without_pyarrow_one_line_says_what_to_install(monkeypatch):
    table = Frame(pyarrow.table({"y": [1.0]}))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(OstinatoError, match=r"^the Frame: frames .* need pyarrow: pip install 'ostinato\[parquet\]'$"):
        read_table(table)
