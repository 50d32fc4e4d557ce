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


BERLIN = pd.to_datetime(["2019-12-31 22:00", "2019-12-31 23:00"]).tz_localize("UTC").tz_convert("Europe/Berlin")


@pytest.mark.parametrize(
    ("values", "zone"),
    [
        (["2019-12-31T23:00:00+01:00", "2020-01-01T00:00:00+0100"], "UTC+01:00"),
        (["2019-12-31T23:00 -03", "2020-01-01T00:00 -03"], "UTC-03:00"),
        (["2019-12-31T23:00Z", "2020-01-01T00:00:00.000Z"], "UTC"),
        (["2019-12-31 23:00:00 UTC", "2020-01-01 00:00:00 UTC"], "UTC"),
        (BERLIN, "Europe/Berlin"),
    ],
)
def test_times_with_a_zone_are_those_of_its_clock_and_keep_it(values, zone):
    read = times(values)
    np.testing.assert_array_equal(read.values, np.array(["2019-12-31T23", "2020-01-01T00"], "datetime64[ns]"))
    assert read.zone == zone
    assert zone in read.notes[0]
    instants = pd.DatetimeIndex(read.values).tz_localize(zone).tz_convert("UTC").tz_localize(None)
    np.testing.assert_array_equal(read.instants, instants)


def test_times_of_several_offsets_are_those_of_their_clocks_unless_a_zone_is_named():
    values = ["2024-03-08 00:00:00-05:00", "2024-03-11 00:00:00-04:00"]
    read = times(values)
    np.testing.assert_array_equal(read.values, np.array(["2024-03-08", "2024-03-11"], "datetime64[ns]"))
    np.testing.assert_array_equal(read.instants, np.array(["2024-03-08T05", "2024-03-11T04"], "datetime64[ns]"))
    assert read.zone is None
    assert "2 UTC offsets" in read.notes[0]
    assert read_times(read_table(pd.DataFrame({"t": values})), "t", zone="America/New_York").zone == "America/New_York"


def test_times_without_a_zone_are_of_the_one_that_is_named():
    table = read_table(pd.DataFrame({"t": ["2024-03-31 00:00", "2024-03-31 02:30", "2024-10-27 02:30"]}))
    read = read_times(table, "t", zone="Europe/Berlin")
    utc = np.array(["2024-03-30T23:00", "2024-03-31T01:00", "2024-10-27T00:30"], "datetime64[ns]")
    np.testing.assert_array_equal(read.instants, utc)
    with pytest.raises(OstinatoError, match=re.escape("'Nowhere/City' is the name of no time zone")):
        read_times(table, "t", zone="Nowhere/City")


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
        (["1", "2", "\u0663"], "row 2, column 't': '\u0663' is not a whole number"),
        (["\u0663", "\u0664"], "row 0, column 't': '\u0663' is not a date or time"),
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
