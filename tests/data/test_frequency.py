import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data import Frequency
from ostinato.errors import OstinatoError

ALIASES = ["1", "30", "s", "min", "15min", "30min", "h", "2h", "D", "2D", "B", "2B", "W-MON", "W-SAT", "2W-WED"]
ALIASES += ["BMS", "BME", "2BME", "BQS-FEB", "BQE-DEC", "BYE-DEC", "WOM-3FRI", "WOM-1MON", "LWOM-THU", "3WOM-2TUE"]
ALIASES += ["SMS-15", "SME-15", "SMS-10", "SME-20", "C", "bh"]
ALIASES += ["MS", "ME", "2MS", "6ME", "QS-JAN", "QS-FEB", "QE-DEC", "YS-JAN", "YS-OCT", "YE-DEC", "YE-JUN"]
INFERRED = [a for a in ALIASES if a not in ("2B", "6ME", "C", "bh")]
SEASONS = {"s": 60, "min": 1440, "10min": 144, "15min": 96, "30min": 48, "h": 24, "2h": 12, "7h": 1, "D": 7, "2D": 1}
SEASONS |= {"B": 5, "W-SUN": 52, "2W": 26, "MS": 12, "ME": 12, "2MS": 6, "QS": 4, "YS": 1, "1": 1}
SEASONS |= {"BME": 12, "BQE": 4, "WOM-3FRI": 12, "3WOM-3FRI": 4, "SMS": 24, "C": 5, "bh": 8, "M-15": 12, "3BM-3": 4}


def grid(alias, count, start="2019-12-20"):
    if alias.isdecimal():
        return 5 + int(alias) * np.arange(count)
    return pd.date_range(start, periods=count, freq=alias).to_numpy().astype("datetime64[ns]")


def infer(*series):
    return Frequency.infer(np.concatenate(series), np.cumsum([0, *map(len, series)]))


@pytest.mark.parametrize("alias", ALIASES)
def test_the_times_are_those_pandas_gives(alias):
    times = grid(alias, 40)
    frequency = Frequency.parse(alias)
    np.testing.assert_array_equal(frequency.at(times[0], np.arange(40)), times)
    np.testing.assert_array_equal(frequency.steps(np.repeat(times[:1], 40), times), np.arange(40))


@pytest.mark.parametrize("alias", INFERRED)
def test_the_frequency_is_inferred_and_gaps_do_no_harm(alias):
    times = grid(alias, 40)
    assert infer(times).alias == alias
    kept = np.delete(times, [3, 4, 17, 30])
    assert infer(kept, times[:10]).alias == alias


@settings(max_examples=60, deadline=None)
@given(
    alias=st.sampled_from(INFERRED),
    starts=st.lists(
        st.dates(pd.Timestamp("1700-01-01").date(), pd.Timestamp("2200-01-01").date()), min_size=1, max_size=4
    ),
    count=st.integers(12, 30),
)
def test_many_series_walk_their_own_grids(alias, starts, count):
    series = [grid(alias, count, str(start)) for start in starts]
    frequency = infer(*series)
    last = np.array([times[-1] for times in series])
    ahead = frequency.after(last, 7)
    assert ahead.shape == (len(series), 7)
    for start, times, row in zip(starts, series, ahead, strict=True):
        np.testing.assert_array_equal(np.append(times, row), grid(alias, count + 7, str(start)))


def test_series_of_different_phase_share_a_frequency():
    hourly = grid("h", 24)
    frequency = infer(hourly, hourly + np.timedelta64(17, "m"))
    assert frequency.alias == "h"
    after = frequency.after(np.array([hourly[-1], hourly[-1] + np.timedelta64(17, "m")]), 2)
    np.testing.assert_array_equal(np.diff(after, axis=1), np.timedelta64(1, "h"))


def test_weekdays_alone_are_business_days_only_when_a_weekend_has_passed():
    assert infer(grid("B", 12, "2020-01-06")).alias == "B"
    assert infer(grid("D", 5, "2020-01-06")).alias == "D"


def test_a_time_off_the_grid_is_not_where_its_step_leads():
    frequency = Frequency.parse("MS")
    start, off = np.array(["2020-01-01"], "datetime64[ns]"), np.array(["2020-03-15"], "datetime64[ns]")
    assert frequency.at(start, frequency.steps(start, off)) != off


@pytest.mark.parametrize(
    ("alias", "season_length"),
    SEASONS.items(),
)
def test_the_default_season(alias, season_length):
    assert Frequency.parse(alias).season_length == season_length


@pytest.mark.parametrize(
    "alias", ["", "fortnight", "0", "-1D", "M-31", "BM-21", "M-0", "99999999999999999999D", "1.5", "²"]
)
def test_an_unknown_frequency_is_refused_with_those_there_are(alias):
    with pytest.raises(OstinatoError, match="give a pandas alias"):
        Frequency.parse(alias)


@pytest.mark.parametrize(("old", "new"), [("M", "ME"), ("Q-DEC", "QE-DEC"), ("H", "h"), ("2T", "min"), ("BM", "BME")])
def test_an_alias_of_older_pandas_is_answered_with_that_of_today(old, new):
    with pytest.raises(OstinatoError, match=f"frequency '{old}' is not known, did you mean '{new}'"):
        Frequency.parse(old)


def test_one_row_a_series_has_no_frequency():
    with pytest.raises(OstinatoError, match="no series has two rows"):
        infer(grid("D", 1), grid("D", 1))


def test_times_beyond_the_clock_of_datetime64_are_refused():
    for alias in ("h", "D", "B", "MS", "YE"):
        with pytest.raises(OstinatoError, match="beyond the year 2261"):
            Frequency.parse(alias).after(np.array(["2261-12-31T23:00"], "datetime64[ns]"), 40)


def every(months, count, day, start="2019-11"):
    firsts = np.datetime64(start, "M") + months * np.arange(count)
    return np.array([day(first.astype("datetime64[D]"), (first + 1).astype("datetime64[D]")) for first in firsts])


@pytest.mark.parametrize(
    ("alias", "months", "day"),
    [
        ("M-15", 1, lambda first, after: first + 14),
        ("M-2", 1, lambda first, after: first + 1),
        ("M-30", 1, lambda first, after: min(first + 29, after - 1)),
        ("3M-15", 3, lambda first, after: first + 14),
        ("12M-24", 12, lambda first, after: first + 23),
        ("BM-3", 1, lambda first, after: np.busday_offset(first, 2, roll="forward")),
        ("3BM-5", 3, lambda first, after: np.busday_offset(first, 4, roll="forward")),
    ],
)
def test_any_day_of_a_month_is_a_grid(alias, months, day):
    times = every(months, 40, day).astype("datetime64[ns]")
    assert infer(times[:24]).alias == alias
    assert infer(np.delete(times, [3, 4, 17, 30])).alias == alias
    frequency = Frequency.parse(alias)
    np.testing.assert_array_equal(frequency.at(times[0], np.arange(40)), times)
    np.testing.assert_array_equal(frequency.steps(np.repeat(times[:1], 40), times), np.arange(40))
    np.testing.assert_array_equal(frequency.after(times[23:24], 16)[0], times[24:])


def test_every_four_weeks_is_no_month():
    assert infer(grid("4W-FRI", 6, "2024-01-05")).alias == "4W-FRI"
    assert infer(grid("4W-FRI", 20, "2024-01-05")).alias == "4W-FRI"


def test_the_time_of_day_is_kept():
    for alias in ("BME", "M-15", "WOM-3FRI", "SMS-15"):
        start = grid(alias, 1)[0] if alias != "M-15" else np.datetime64("2020-01-15")
        later = Frequency.parse(alias).at(start + np.timedelta64(16, "h"), np.arange(3)).astype("datetime64[ns]")
        assert set(pd.DatetimeIndex(later).hour) == {16}


@pytest.mark.parametrize("alias", ["BME", "WOM-3FRI", "SMS-15", "M-15", "bh", "C"])
def test_a_time_off_any_grid_is_not_where_its_step_leads(alias):
    frequency = Frequency.parse(alias)
    start = grid(alias, 1)[:1] if alias != "M-15" else np.array(["2020-01-15"], "datetime64[ns]")
    off = start + np.timedelta64(1, "D")
    for first, then in ((start, off), (off, off)):
        assert frequency.at(first, frequency.steps(first, then)) != then
