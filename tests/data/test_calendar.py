import numpy as np
import pandas as pd
import pytest

from ostinato.data import Frequency, calendar_features


def features(alias, start="2020-02-27", count=400):
    times = pd.date_range(start, periods=count, freq=alias)
    values, names = calendar_features(times.to_numpy().astype("datetime64[ns]"), Frequency.parse(alias))
    assert values.dtype == np.float32
    assert values.shape == (count, len(names))
    return times, dict(zip(names, values.T, strict=True))


def phase(found, period):
    return np.arctan2(found[f"{period}_sin"], found[f"{period}_cos"]) / (2 * np.pi) % 1


@pytest.mark.parametrize(
    ("alias", "periods"),
    [
        ("15min", ["minute_of_hour", "hour_of_day", "day_of_week", "day_of_year"]),
        ("h", ["hour_of_day", "day_of_week", "day_of_year"]),
        ("D", ["day_of_week", "day_of_month", "day_of_year"]),
        ("B", ["day_of_week", "day_of_month", "day_of_year"]),
        ("W-SAT", ["day_of_year"]),
        ("MS", ["month_of_year"]),
        ("QE-DEC", ["month_of_year"]),
        ("BME", ["month_of_year"]),
        ("WOM-3FRI", ["month_of_year"]),
        ("SMS-15", ["day_of_month", "day_of_year"]),
        ("C", ["day_of_week", "day_of_month", "day_of_year"]),
        ("bh", ["hour_of_day", "day_of_week", "day_of_year"]),
        ("YS-JAN", []),
    ],
)
def test_the_periods_are_those_longer_than_a_step(alias, periods):
    _, found = features(alias, count=20)
    assert list(found) == [f"{period}_{wave}" for period in periods for wave in ("sin", "cos")]


def test_each_pair_is_a_point_on_the_circle_at_its_place_in_the_period():
    times, found = features("15min")
    hours = times.hour + times.minute / 60
    np.testing.assert_allclose(phase(found, "minute_of_hour") * 60, times.minute, atol=1e-4)
    np.testing.assert_allclose(phase(found, "hour_of_day") * 24, hours, atol=1e-4)
    np.testing.assert_allclose(phase(found, "day_of_week") * 7, times.day_of_week, atol=1e-4)
    for period in ("hour_of_day", "day_of_week", "day_of_year"):
        np.testing.assert_allclose(found[f"{period}_sin"] ** 2 + found[f"{period}_cos"] ** 2, 1, atol=1e-6)


def test_months_and_years_of_any_length_are_full_circles():
    times, found = features("D", "1899-02-20", 2000)
    days = np.where(times.is_leap_year, 366, 365)
    np.testing.assert_allclose(phase(found, "day_of_month") * times.days_in_month, times.day - 1, atol=1e-3)
    np.testing.assert_allclose(phase(found, "day_of_year") * days, times.day_of_year - 1, atol=1e-2)
    times, found = features("ME")
    np.testing.assert_allclose(phase(found, "month_of_year") * 12, times.month - 1, atol=1e-4)


def test_integer_time_has_no_calendar():
    values, names = calendar_features(np.arange(5), Frequency.parse("1"))
    assert values.shape == (5, 0)
    assert names == ()
