"""Calendar codes in digits are dates, and counters are counters."""

import re

import numpy as np
import pandas as pd
import pytest

from ostinato.data import Panel, PanelSpec, read_table
from ostinato.data.times import read_times
from ostinato.errors import OstinatoError


def read(values, column="when", **how):
    return read_times(read_table(pd.DataFrame({column: values})), column, **how)


MONTHS = pd.date_range("2019-11-01", periods=15, freq="MS")
WEEKS = pd.date_range("2020-11-02", periods=14, freq="W-MON")
DAYS = pd.date_range("2023-12-20", periods=40)
CODES = {
    "months": (MONTHS, MONTHS.strftime("%Y%m")),
    "weeks": (WEEKS, WEEKS.strftime("%G%V")),
    "quarters": (MONTHS[2::3], [f"{each.year}{each.quarter}" for each in MONTHS[2::3]]),
    "days": (DAYS, DAYS.strftime("%Y%m%d")),
    "short_days": (DAYS, DAYS.strftime("%y%m%d")),
    "days_of_year": (DAYS, DAYS.strftime("%Y%j")),
    "hours": (pd.date_range("2023-12-31", periods=40, freq="h"),) * 2,
    "minutes": (pd.date_range("2023-12-31 23:30", periods=40, freq="min"),) * 2,
    "seconds": (pd.date_range("2023-12-31 23:59:30", periods=40, freq="s"),) * 2,
    "unix_seconds": (DAYS, DAYS.astype("datetime64[s]").astype("int64")),
    "unix_milliseconds": (DAYS, DAYS.astype("datetime64[ms]").astype("int64")),
    "unix_microseconds": (DAYS, DAYS.astype("datetime64[us]").astype("int64")),
    "unix_nanoseconds": (DAYS, DAYS.astype("datetime64[ns]").astype("int64")),
}
for code, spelling in {"hours": "%Y%m%d%H", "minutes": "%Y%m%d%H%M", "seconds": "%Y%m%d%H%M%S"}.items():
    CODES[code] = (CODES[code][0], CODES[code][0].strftime(spelling))


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("kind", ["text", "integer", "float"])
def test_codes_are_the_dates_they_stand_for(code, kind):
    dates, codes = CODES[code]
    found = read(
        [str(number) if kind == "text" else {"integer": int, "float": float}[kind](number) for number in codes]
    )
    if (code, kind) == ("unix_nanoseconds", "float"):  # a float64 does not hold them
        return
    np.testing.assert_array_equal(found.values, dates.to_numpy().astype("datetime64[ns]"))
    assert found.format == code
    assert bool(found.notes) == (code not in {"days", "hours", "minutes", "seconds"})


def test_the_days_of_spreadsheets_are_dates_in_a_column_that_is_called_so():
    numbers = [45292, 45292.25, 45293]
    dates = np.array(["2024-01-01", "2024-01-01T06", "2024-01-02"], "datetime64[ns]")
    np.testing.assert_array_equal(read(numbers, "Order Date").values, dates)
    np.testing.assert_array_equal(read(list(map(str, numbers)), "date").values, dates)
    np.testing.assert_array_equal(read([45292, 45293], "cycle").values, [45292, 45293])
    np.testing.assert_array_equal(read([45292, 45293], "cycle", format="excel_days").values, dates[[0, 2]])


@pytest.mark.parametrize(
    ("values", "column"),
    [
        (range(12), "t"),
        (range(1990, 2020), "year"),
        (range(200001, 200090), "t"),
        ([*range(200001, 200030), *range(200031, 200120)], "t"),
        (range(202001, 202011), "step"),
        (range(20000, 20100), "t"),
        (range(1000001, 1000400), "t"),
        (range(0, 1000, 10), "t"),
        ([5, 100001, 3000000000], "t"),
        ([-3, -2, -1], "date"),
    ],
)
def test_counters_stay_counters(values, column):
    found = read(list(values), column)
    np.testing.assert_array_equal(found.values, list(values))
    assert (found.format, found.notes) == ("counter", ())


def test_months_and_weeks_of_one_year_are_told_by_the_name_and_a_note_says_what_was_taken():
    codes = list(range(202001, 202011))
    months, weeks = read(codes, "period"), read(codes, "ISO week")
    assert months.notes[0].startswith("202001 in period is read as a month written YYYYMM: 2020-01-01")
    assert weeks.notes[0].startswith("202001 in ISO week is read as an ISO week written YYYYWW: 2019-12-30")
    assert read(codes, "period", format="counter").values.tolist() == codes
    assert read([2020, 2021], "year", format="years").values[1] == np.datetime64("2021-01-01")


@pytest.mark.parametrize("code", ["excel_days", "unix_seconds", "unix_nanoseconds", "months", "counter"])
@pytest.mark.parametrize("value", ["9" * 20, "9" * 400, "-" + "9" * 19, "197001999"])
def test_numbers_out_of_all_bounds_are_refused(code, value):
    if code in ("counter", "unix_seconds", "unix_nanoseconds") and len(value) == 9:
        assert len(read([value], format=code).values) == 1
        return
    with pytest.raises(OstinatoError, match=r"row 0, column 'when'"):
        read([value], format=code)


@pytest.mark.parametrize(
    ("codes", "wrong", "what"),
    [
        (MONTHS.strftime("%Y%m"), "202013", "a month written YYYYMM"),
        (MONTHS.strftime("%Y%m"), "202100", "a month written YYYYMM"),
        (DAYS.strftime("%Y%m%d"), "20240230", "a date written YYYYMMDD"),
    ],
)
def test_a_slip_of_the_pen_among_codes_is_named_with_its_row(codes, wrong, what):
    with pytest.raises(OstinatoError, match=re.escape(f"row {len(codes)}, column 'when': '{wrong}' is not {what}")):
        read([*codes, wrong])


@pytest.mark.parametrize(
    ("texts", "dates"),
    [
        (["2020-W53", "2021-W01"], ["2020-12-28", "2021-01-04"]),
        (["2020W53", "2021w1"], ["2020-12-28", "2021-01-04"]),
        (["2020-W53-7", "2021-W01-1"], ["2021-01-03", "2021-01-04"]),
        (["2020H2", "2021-H1"], ["2020-07-01", "2021-01-01"]),
        (["Q4 2020", "Q1-2021"], ["2020-10-01", "2021-01-01"]),
        (["2020 q4", "2021q1"], ["2020-10-01", "2021-01-01"]),
    ],
)
def test_weeks_and_parts_of_years_in_text_are_their_first_days(texts, dates):
    np.testing.assert_array_equal(read(texts).values, np.array(dates, "datetime64[ns]"))


@pytest.mark.parametrize(
    "texts", [["2021-W53", "2021-W01"], ["2020-W00", "2020-W01"], ["2020Q5", "2020Q1"], ["2020H3", "2020H1"]]
)
def test_weeks_and_quarters_that_are_none_are_refused(texts):
    with pytest.raises(OstinatoError, match=f"row 0.*'{texts[0]}' is not a date or time"):
        read(texts)


@pytest.mark.parametrize("code", ["months", "weeks", "quarters", "days", "days_of_year", "unix_seconds"])
def test_no_row_is_invented_and_a_panel_reads_new_data_as_it_was_read(code):
    dates, codes = CODES[code]
    frame = pd.DataFrame({"date": list(map(int, codes)), "y": np.arange(len(dates))})
    panel = Panel.from_table(frame)
    assert panel.lengths.tolist() == [len(dates)]
    np.testing.assert_array_equal(panel.times, dates.to_numpy())
    assert panel.spec.time_format == code
    assert PanelSpec.model_validate_json(panel.spec.model_dump_json()) == panel.spec
    again = Panel.from_table(frame[-3:], panel.spec)
    np.testing.assert_array_equal(again.times, dates[-3:].to_numpy())
