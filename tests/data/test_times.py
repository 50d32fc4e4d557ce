import re

import numpy as np
import pandas as pd
import pytest

from ostinato.data import read_table
from ostinato.data.times import looks_like_dates, read_times
from ostinato.errors import OstinatoError

SPELLINGS = ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d %b %Y", "%B %d, %Y", "%d-%b-%Y"]
SPELLINGS += ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M %p"]


def times(values):
    return read_times(read_table(pd.DataFrame({"t": values})), "t")


@pytest.mark.parametrize(
    "spelling",
    SPELLINGS,
)
def test_common_spellings_of_dates_are_read(spelling):
    dates = pd.date_range("2020-01-05", periods=40)
    np.testing.assert_array_equal(times(dates.strftime(spelling)).values, dates.to_numpy())


@pytest.mark.parametrize(
    ("texts", "first", "second"),
    [
        (["2020-01", "2020-02"], "2020-01-01", "2020-02-01"),
        (["Jan 2020", "Feb 2020"], "2020-01-01", "2020-02-01"),
        (["2020Q1", "2020Q2"], "2020-01-01", "2020-04-01"),
        (["2019-Q3", "2019-Q4"], "2019-07-01", "2019-10-01"),
    ],
)
def test_months_and_quarters_are_their_first_days(texts, first, second):
    np.testing.assert_array_equal(times(texts).values, np.array([first, second], "datetime64[ns]"))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_dates_of_any_resolution_become_nanoseconds(unit):
    values = times(np.array(["2020-01-01", "2020-01-02"], f"datetime64[{unit}]")).values
    assert values.dtype == "datetime64[ns]"
    np.testing.assert_array_equal(values, np.array(["2020-01-01", "2020-01-02"], "datetime64[ns]"))


def test_periods_and_date_objects_are_read():
    periods = pd.period_range("2020-01", periods=3, freq="M")
    expected = np.array(["2020-01-01", "2020-02-01", "2020-03-01"], "datetime64[ns]")
    np.testing.assert_array_equal(times(periods).values, expected)
    np.testing.assert_array_equal(times([p.to_timestamp().date() for p in periods]).values, expected)


@pytest.mark.parametrize("values", [[1700, 1701], ["1700", "1701"], [1700.0, 1701.0]])
def test_whole_numbers_such_as_years_stay_whole_numbers(values):
    read = times(values).values
    assert read.dtype == np.int64
    np.testing.assert_array_equal(read, [1700, 1701])


def test_times_with_offsets_are_read_as_utc_and_a_note_says_so():
    for values in (
        ["2020-01-01T00:00:00+02:00", "2020-01-01T02:00:00+03:00"],
        pd.to_datetime(["2019-12-31 22:00", "2019-12-31 23:00"]).tz_localize("UTC").tz_convert("Europe/Helsinki"),
    ):
        read = times(values)
        np.testing.assert_array_equal(read.values, np.array(["2019-12-31T22", "2019-12-31T23"], "datetime64[ns]"))
        assert "read as UTC" in read.notes[0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["2020-01-01", "soon"], "row 1, column 't': 'soon' is not a date or time"),
        (["2020-01-01", "2020-02-30"], "row 1, column 't': '2020-02-30' is not a date or time"),
        (["2020-01-01", "now"], "row 1, column 't': 'now' is not a date or time"),
        (["2020-01-01", None], "row 1, column 't': no time in this row"),
        (["2020-01-01", ""], "row 1, column 't': no time in this row"),
        (["20200101", "20200102", "20200230"], "row 2, column 't': '20200230' is not a date written YYYYMMDD"),
        (["1", "2", "x"], "row 2, column 't': 'x' is not a whole number"),
        ([0.0, 0.5], "row 1, column 't': 0.5 is not a whole number"),
        (["2020-01-01T00:00Z", "2020-01-02T00:00"], "row 1, column 't': '2020-01-02T00:00' has no UTC offset"),
        (
            np.array(["1600-01-01", "1600-01-02"], "datetime64[s]"),
            "row 0, column 't': 1600-01-01 lies outside the years 1678 to 2261",
        ),
        (["01/02/2020", "01/03/2020"], "row 0, column 't': '01/02/2020' can be read as day/month and as month/day"),
    ],
)
def test_what_is_not_a_time_is_named_with_its_row(values, message):
    with pytest.raises(OstinatoError, match=re.escape(message)):
        times(values)


def test_a_column_of_dates_is_told_from_numbers_and_words():
    frame = pd.DataFrame(
        {"date": ["2020-01-01"], "zoned": ["2020-01-01T10:00Z"], "number": ["20200101"], "word": ["red"]}
    )
    table = read_table(frame)
    assert [name for name in frame if looks_like_dates(table, name)] == ["date", "zoned"]
