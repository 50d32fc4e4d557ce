"""Power transforms: against scipy, there and back, and the power that evens out the spread of a series."""

import numpy as np
import pandas as pd
import pytest
from forecast_scenario import TINY, wide
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ostinato import Forecaster, OstinatoError
from ostinato.tasks.forecasting.power import POWERS, box_cox, even_power, from_box_cox


@given(power=st.sampled_from(list(POWERS)), values=st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_a_transform_is_scipys_and_goes_back(power, values):
    values = np.array(values)
    there = box_cox(values, np.array(power))
    np.testing.assert_allclose(there, stats.boxcox(values, power), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(from_box_cox(there, np.array(power)), values, rtol=1e-6)


def test_what_lies_below_all_values_of_a_power_goes_back_to_nothing():
    assert from_box_cox(np.array([-3.0, -2.0]), np.array(0.5)).tolist() == [0, 0]


def seasons(power, rng, number=40, length=12):
    """A series whose spread in a season grows as mean ** (1 - power)."""
    means = np.geomspace(50, 5000, number)
    return np.concatenate([mean + mean ** (1 - power) * 0.3 * rng.normal(size=length) for mean in means])


@pytest.mark.parametrize("power", [0, 0.3, 0.5, 1])
def test_the_power_is_the_one_after_which_all_seasons_spread_alike(power):
    values = seasons(power, np.random.default_rng(1))
    found = even_power(values, np.ones(len(values), bool), np.array([0, len(values)]), 12)
    assert found == pytest.approx(power, abs=0.15)


@given(seed=st.integers(0, 10_000), lengths=st.lists(st.integers(1, 90), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_each_series_has_a_power_of_its_own(seed, lengths):
    rng = np.random.default_rng(seed)
    series = [np.exp(rng.normal(size=length).cumsum() / 5) for length in lengths]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    seen = rng.random(offsets[-1]) > 0.1
    together = even_power(np.concatenate(series), seen, offsets, 7)
    for number, values in enumerate(series):
        own = seen[offsets[number] : offsets[number + 1]]
        (alone,) = even_power(values, own, np.array([0, len(values)]), 7)
        assert alone == together[number]
        assert alone in POWERS


def test_the_power_varies_least_as_by_guerrero():
    coreforecast = pytest.importorskip("coreforecast.scalers")
    values = seasons(0.4, np.random.default_rng(3))
    (found,) = even_power(values, np.ones(len(values), bool), np.array([0, len(values)]), 12)
    theirs = coreforecast.boxcox_lambda(values, method="guerrero", season_length=12, lower=0, upper=1)
    assert found == pytest.approx(theirs, abs=0.05)


@pytest.mark.parametrize("transform", ["log", "box_cox"])
def test_a_forecaster_of_a_transformed_target_answers_in_its_own_units(transform, tmp_path):
    frame = wide(120)
    frame["y"] **= 2
    forecaster = Forecaster(**TINY, transform=transform).fit(frame, holdout=0.2)
    scores = forecaster.evaluate(frame)
    assert "direction" not in scores.rows["ostinato"]
    assert scores.rows["seasonal naive"]["mae"] < 2000  # in the target's own units: it is about 10,000
    table = forecaster.predict(frame)
    assert (table.filter(regex="forecast|q0") > 0).all(axis=None)
    forecaster.save(tmp_path / "model")
    pd.testing.assert_frame_equal(Forecaster.load(tmp_path / "model").predict(frame), table)
    stream = forecaster.stream(frame[:-1])
    np.testing.assert_allclose(stream.update(frame["y"].iloc[-1]).point, table["forecast"], rtol=1e-5)


@pytest.mark.parametrize("transform", ["log", "box_cox"])
def test_a_transform_of_what_is_not_positive_is_refused(transform):
    frame = wide(60, "a")
    frame.loc[35, "a"] = 0
    with pytest.raises(OstinatoError, match="transform need positive values, but series 'a' is 0 at"):
        Forecaster(**TINY, transform=transform).fit(frame)


def test_returns_are_of_logarithms_alone():
    with pytest.raises(OstinatoError, match="leave transform out"):
        Forecaster(returns="log", transform="box_cox")
