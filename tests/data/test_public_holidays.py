"""Holidays as a feature of times: which days, in which places, at which steps."""

import sys

import numpy as np
import pandas as pd
import pytest

from ostinato.data import Frequency, Panel, Windows
from ostinato.data.calendar import time_features
from ostinato.data.public_holidays import _holidays_in, holiday_feature
from ostinato.errors import OstinatoError


def marked(place, start="2024-01-01", periods=366, freq="D"):
    """The days of a range with a holiday in them."""
    times = pd.date_range(start, periods=periods, freq=freq)
    feature = holiday_feature(times.to_numpy().astype("datetime64[ns]"), Frequency.parse(freq), place)
    assert feature.dtype == np.float32
    return sorted(set(times[feature == 1].strftime("%m-%d")))


def test_the_holidays_of_a_country_and_those_that_a_part_of_it_has_besides():
    country = marked("DE")
    assert country == ["01-01", "03-29", "04-01", "05-01", "05-09", "05-20", "10-03", "12-25", "12-26"]
    assert set(marked("DE-BY")) - set(country) == {"01-06", "05-30", "11-01"}
    assert "07-04" in marked("US")


def test_a_holiday_that_is_observed_on_another_day_is_marked_across_the_end_of_a_year():
    assert marked("US", "2021-12-29", 5) == ["01-01", "12-31"]


@pytest.mark.parametrize("freq", ["h", "15min", "B", "bh"])
def test_every_step_of_a_holiday_is_marked(freq):
    times = pd.date_range("2024-05-06", "2024-05-11", freq=freq)  # Thursday the 9th is Ascension Day
    feature = holiday_feature(times.to_numpy().astype("datetime64[ns]"), Frequency.parse(freq), "DE")
    assert np.array_equal(feature == 1, times.day == 9)


@pytest.mark.parametrize(
    ("freq", "what"),
    [("W-SUN", "steps are of 'W-SUN'"), ("2D", "steps are of '2D'"), ("MS", "steps"), ("1", "no dates")],
)
def test_steps_that_are_no_part_of_a_day_are_refused(freq, what):
    times = np.arange("2024-01-01", "2024-01-10", dtype="datetime64[D]").astype("datetime64[ns]")
    with pytest.raises(OstinatoError, match=f"holidays='DE' mark days, and these .*{what}.*: leave holidays out"):
        holiday_feature(times, Frequency.parse(freq), "DE")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("XX", "no holidays of XX are known"),
        ("Germany", "'Germany' is no code of a country"),
        ("DE-XY", r"DE has no part XY \(it has: .*BY.*\)"),
        ("", "'' is no code"),
    ],
)
def test_places_without_holidays_are_refused_by_name(place, message):
    with pytest.raises(OstinatoError, match=message):
        marked(place, periods=3)


def test_without_the_library_the_extra_is_named(monkeypatch):
    _holidays_in.cache_clear()
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(OstinatoError, match=r"needs the library holidays: pip install 'ostinato\[forecast\]'"):
        marked("DE", periods=3)


def test_it_stands_behind_the_features_of_the_calendar_with_or_without_them():
    times = np.arange("2024-12-24", "2024-12-27", dtype="datetime64[D]").astype("datetime64[ns]")
    features, names = time_features(times, Frequency.parse("D"), holidays="DE-BY")
    assert (features.shape, names[-1]) == ((3, 7), "holiday_DE-BY")
    alone, names = time_features(times, Frequency.parse("D"), calendar=False, holidays="DE-BY")
    assert (alone.ravel().tolist(), names) == ([0, 1, 1], ("holiday_DE-BY",))


def test_the_day_is_that_of_the_clock_on_the_wall():
    times = pd.date_range("2024-12-23", periods=24 * 4, freq="h", tz="UTC").tz_convert("Europe/Berlin")
    panel = Panel.from_table(pd.DataFrame({"ds": times, "y": np.arange(len(times), dtype=float)}))
    batch = Windows.last(panel, 96, 4, calendar=False, holidays="DE").gather([0])
    known = batch.past_known[0, :, 0].numpy()
    assert np.array_equal(known == 1, pd.DatetimeIndex(times).day.isin([25, 26]))
