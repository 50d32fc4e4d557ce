"""Units of each series: against plain numpy series by series, there and back, and no look at later rows."""

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from forecast_scenario import COVARIATES, long, wide
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data import Panel, PanelSpec
from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.standardise import Standardiser


def panel_of(*series):
    """Series given as arrays, NaN where missing."""
    frames = [
        pd.DataFrame({"unique_id": f"s{i}", "ds": np.arange(len(values)), "y": values})
        for i, values in enumerate(series)
    ]
    return Panel.from_table(pd.concat(frames), PanelSpec(frequency="1"))


def plain_change(values, lag):
    """Mean absolute change over `lag` steps where both ends are observed; None where there is none."""
    changes = [abs(values[t] - values[t - lag]) for t in range(lag, len(values))]
    changes = [change for change in changes if not np.isnan(change)]
    return np.mean(changes) if changes else None


def assert_same(scales, others):
    for name, values in asdict(scales).items():
        np.testing.assert_array_equal(values, getattr(others, name), err_msg=name)


@st.composite
def panels(draw):
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    series, ends = [], []
    for _ in range(draw(st.integers(1, 6))):
        rows = int(random.integers(2, 30))
        values = random.normal(size=rows) * 10.0 ** random.integers(-6, 7) + 10.0 ** random.integers(-3, 6)
        values = np.where(random.random(rows) < random.choice([0, 0.4]), np.nan, values)
        values[0] = np.nan_to_num(values[0], nan=1.0)
        if random.random() < 0.2:
            values = np.where(np.isnan(values), np.nan, 0.1)
        series.append(values)
        ends.append(int(random.integers(1, rows + 1)))
    return series, ends


@given(case=panels(), season_length=st.integers(1, 8))
@settings(max_examples=100, deadline=None)
def test_statistics_of_each_series_are_those_of_its_observed_training_rows(case, season_length):
    series, ends = case
    panel = panel_of(*series)
    scales = Standardiser.fit(panel, panel.offsets[:-1] + ends, log=False, season_length=season_length).scales
    for number, (values, end) in enumerate(zip(series, ends, strict=True)):
        part = values[:end]
        seen = part[~np.isnan(part)]
        constant = seen.std() <= 1e-12 * np.abs(seen.mean())
        scale = 1.0 if constant else seen.std()
        change, season_error = plain_change(part, 1), plain_change(part, season_length)
        np.testing.assert_allclose(scales.location[number], seen.mean(), rtol=1e-9)
        np.testing.assert_allclose(scales.scale[number], scale, rtol=1e-9)
        np.testing.assert_allclose(scales.change[number], change / scale if change else 1.0, rtol=1e-9)
        np.testing.assert_allclose(scales.season_error[number], season_error or np.nan, rtol=1e-9)


def test_a_constant_series_has_unit_scale_and_no_seasonal_error():
    panel = panel_of(np.full(20, 0.1), np.full(20, -1e9))
    scales = Standardiser.fit(panel, panel.offsets[1:], log=False, season_length=3).scales
    assert scales.scale.tolist() == [1, 1]
    assert scales.change.tolist() == [1, 1]
    assert np.isnan(scales.season_error).all()


@pytest.mark.parametrize("log", [False, True])
def test_there_and_back_again(log):
    panel = panel_of(np.geomspace(0.1, 1e3, 30), np.full(20, 7.0), np.arange(1.0, 40.0))
    standardiser = Standardiser.fit(panel, panel.offsets[1:], log=log, season_length=1)
    unit = standardiser.transform(panel, standardiser.scales)
    rows = standardiser.scales.rows(panel.codes)
    np.testing.assert_allclose(standardiser.back(unit.target, rows), panel.target, rtol=1e-9)
    quantiles = standardiser.back(np.stack([unit.target] * 3, axis=1)[:, None], rows)
    np.testing.assert_allclose(quantiles, np.stack([panel.target] * 3, axis=1)[:, None], rtol=1e-9)
    for number in (0, 2):
        one = unit.series(number).target
        np.testing.assert_allclose([one.mean(), one.std()], [0, 1], atol=1e-9)


def test_in_log_mode_the_statistics_are_those_of_logarithms_but_the_seasonal_error_is_in_the_targets_units():
    prices = np.exp(np.random.default_rng(0).normal(size=50))
    panel = panel_of(prices)
    scales = Standardiser.fit(panel, panel.offsets[1:], log=True, season_length=4).scales
    logs = np.log(prices)
    np.testing.assert_allclose(scales.location, logs.mean())
    np.testing.assert_allclose(scales.scale, logs.std())
    np.testing.assert_allclose(scales.change, np.abs(np.diff(logs)).mean() / logs.std())
    np.testing.assert_allclose(scales.season_error, np.abs(prices[4:] - prices[:-4]).mean())


def test_forecasts_of_what_is_never_below_nought_in_training_are_not_either():
    panel = panel_of([0.0, 1, 3, 0, 2, np.nan, 1, -1], [0.5, 1, 2], [-1.0, 0, 2], [1.0, 2, 3])
    ends = panel.offsets[:-1] + np.array([7, 3, 3, 3])  # -1 comes after the training part of the first
    low = np.full((4, 2), -50.0)
    standardiser = Standardiser.fit(panel, ends, log=False, season_length=1)
    assert (standardiser.back(low, standardiser.scales) >= 0).all(axis=1).tolist() == [True, True, False, True]
    free = Standardiser.fit(panel, ends, log=False, season_length=1, counts=False)
    assert (free.back(low, free.scales) < 0).all()


def test_a_zero_is_zero_again():
    """The relative error of 1e-17 where nothing came would be 200 %."""
    panel = panel_of(np.array([0.0, 0, 0.7, 0, 1.3, 0.1, 0, 3.3]))
    standardiser = Standardiser.fit(panel, panel.offsets[1:], log=False, season_length=1)
    unit = standardiser.transform(panel, standardiser.scales).target
    back = standardiser.back(unit, standardiser.scales.rows(panel.codes))
    np.testing.assert_array_equal(back == 0, panel.target == 0)


@pytest.mark.parametrize("price", [0.0, -3.0])
def test_a_price_that_is_not_positive_is_named_with_its_series_and_time(price):
    frame = wide(20, "apple", "pear")
    frame.loc[7, "pear"] = price
    frame.loc[6, "pear"] = np.nan
    panel = Panel.from_table(frame, PanelSpec())
    with pytest.raises(OstinatoError, match=rf"positive.*'pear' is {price:g} at 2024-01-13: mend"):
        Standardiser.fit(panel, panel.offsets[1:], log=True, season_length=1)


def test_series_of_the_training_keep_their_units_and_new_ones_take_their_own_rows():
    training = panel_of(np.arange(10.0), np.arange(20.0) ** 2)
    standardiser = Standardiser.fit(training, training.offsets[1:], log=False, season_length=2)
    later = panel_of(np.arange(50.0) * 7 + 3)
    later = replace(later, ids=np.array(["s1"]))
    known = standardiser.scales_of(later, later.offsets[1:])
    np.testing.assert_array_equal(known.location, standardiser.scales.location[1:])
    new = replace(later, ids=np.array(["stranger"]))
    own = standardiser.scales_of(new, np.array([30]))
    expected = Standardiser.fit(later, np.array([30]), log=False, season_length=2).scales
    assert_same(own, expected)
    assert standardiser.index(new).tolist() == [-1]


def test_a_mixture_of_known_and_new_series_gets_the_units_of_each():
    training = panel_of(np.arange(10.0), np.arange(20.0) ** 2)
    standardiser = Standardiser.fit(training, training.offsets[1:], log=False, season_length=2)
    mixed = replace(panel_of(np.arange(5.0), np.ones(9), np.arange(6.0)), ids=np.array(["s1", "new", "s0"]))
    assert standardiser.index(mixed).tolist() == [1, -1, 0]
    scales = standardiser.scales_of(mixed, mixed.offsets[1:])
    first, second = standardiser.scales.location
    assert scales.location.tolist() == [second, 1.0, first]


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_what_comes_after_the_training_rows_changes_no_statistic(seed):
    panel = Panel.from_table(long(seed=0), PanelSpec(**COVARIATES))
    ends = panel.offsets[:-1] + np.array([50, 40, 30])
    after = np.arange(len(panel.target)) >= np.repeat(ends, panel.lengths)
    random = np.random.default_rng(seed)

    def changed(array):
        columns = after.reshape(-1, *(1,) * (array.ndim - 1))
        return np.where(columns, random.uniform(1, 1e6, size=array.shape), array)

    other = replace(panel, target=changed(panel.target), past=changed(panel.past), future=changed(panel.future))
    for log in (False, True):
        first, second = (Standardiser.fit(each, ends, log=log, season_length=7) for each in (panel, other))
        assert_same(first.scales, second.scales)
        for moments, theirs in zip(first.covariates, second.covariates, strict=True):
            np.testing.assert_array_equal(moments, theirs)


def test_covariates_are_standardised_by_their_observed_training_values_and_zero_where_missing():
    frame = long()
    panel = Panel.from_table(frame, PanelSpec(**COVARIATES))
    ends = panel.offsets[:-1] + np.array([50, 40, 30])
    standardiser = Standardiser.fit(panel, ends, log=False, season_length=7)
    unit = standardiser.transform(panel, standardiser.scales)
    part = pd.concat([one.iloc[:end] for (_, one), end in zip(frame.groupby("unique_id"), (50, 40, 30), strict=True)])
    for column, name in enumerate(("wind", "rain")):
        expected = ((frame[name] - part[name].mean()) / part[name].std(ddof=0)).fillna(0.0)
        np.testing.assert_allclose(unit.past[:, column], expected, rtol=1e-9, atol=1e-12)
    expected = (frame["promo"] - part["promo"].mean()) / part["promo"].std(ddof=0)
    np.testing.assert_allclose(unit.future[:, 0], expected, rtol=1e-9)
    np.testing.assert_allclose(unit.static[:, 0], [-np.sqrt(1.5), 0, np.sqrt(1.5)], atol=1e-12)


def test_a_constant_covariate_is_not_blown_up():
    frame = wide(40).assign(fee=0.1)
    panel = Panel.from_table(frame, PanelSpec(target="y", future=("fee",)))
    standardiser = Standardiser.fit(panel, panel.offsets[1:], log=False, season_length=7)
    changed = replace(panel, future=panel.future + 0.1)
    np.testing.assert_allclose(standardiser.transform(changed, standardiser.scales).future, 0.1)
