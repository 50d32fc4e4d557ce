"""Sample paths: marginals are the forecast quantiles, steps and series go together, sums have right intervals."""

from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from forecast_scenario import TINY, long, wide
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato import Forecaster, OstinatoError
from ostinato.parts import put_together, taken_apart
from ostinato.tasks.forecasting.paths import Copula, persistent

LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
KNOTS = np.array([NormalDist().inv_cdf(level) for level in LEVELS])


def normal_quantiles(n, spread):
    """Of forecasts that are normal about 0, with these standard deviations ``(horizon,)``."""
    return np.broadcast_to(np.asarray(spread)[:, None] * KNOTS, (n, len(spread), len(LEVELS))).copy()


def walks(n, horizon, seed=0):
    return np.random.default_rng(seed).normal(size=(n, horizon)).cumsum(axis=1)


def fitted(target, quantiles=None, moment=None, observed=None):
    n, horizon = target.shape
    quantiles = normal_quantiles(n, np.sqrt(np.arange(1, horizon + 1))) if quantiles is None else quantiles
    observed = np.ones_like(target, bool) if observed is None else observed
    return Copula.fit(quantiles, target, observed, LEVELS, np.arange(n) if moment is None else moment)


def sampled(copula, quantiles, samples, seed=0):
    return np.concatenate(list(copula.paths(quantiles, LEVELS, samples, seed)), axis=1)


@given(share=st.floats(0, 1), horizon=st.integers(1, 8))
@settings(max_examples=50, deadline=None)
def test_persistent_errors_correlate_as_those_of_an_autoregression(share, horizon):
    effect = np.array([[share ** (i - j) if i >= j else 0.0 for j in range(horizon)] for i in range(horizon)])
    covariance = effect @ effect.T
    size = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(persistent(share, horizon), covariance / np.outer(size, size), atol=1e-12)


@pytest.mark.parametrize("windows", [30, 3000])
def test_the_steps_of_a_random_walk_go_together_as_its_own_do(windows):
    copula = fitted(walks(windows, 6))
    step = np.arange(1, 7)
    true = np.sqrt(np.minimum.outer(step, step) / np.maximum.outer(step, step))
    np.testing.assert_allclose(copula.steps, true, atol=0.15 if windows == 30 else 0.06)


def test_steps_without_memory_stay_apart():
    target = np.random.default_rng(1).normal(size=(3000, 5))
    np.testing.assert_allclose(fitted(target, normal_quantiles(3000, np.ones(5))).steps, np.eye(5), atol=0.08)


def test_what_is_missing_says_nothing():
    target = walks(4000, 5)
    observed = np.random.default_rng(2).random(target.shape) > 0.4
    there = fitted(np.where(observed, target, 1e9), observed=observed)
    np.testing.assert_allclose(there.steps, fitted(target).steps, atol=0.05)


def test_samples_have_the_forecast_quantiles():
    quantiles = np.sort(np.random.default_rng(3).normal(size=(2, 3, len(LEVELS))) * 5, axis=-1)
    copula = Copula(persistent(0.9, 3), 0.5)
    values = sampled(copula, quantiles, 40_000)
    found = np.moveaxis(np.quantile(values, LEVELS, axis=0), 0, -1)
    np.testing.assert_allclose(found, quantiles, atol=0.3)


@pytest.mark.parametrize("shared", [0.0, 0.5, 0.9])
def test_the_sum_over_series_knows_what_they_share(shared):
    random, times, series = np.random.default_rng(4), 400, 8
    common = np.sqrt(shared) * random.normal(size=(times, 1, 1))
    target = (common + np.sqrt(1 - shared) * random.normal(size=(times, series, 1))).reshape(-1, 1)
    moment = np.repeat(np.arange(times), series)
    copula = fitted(target, normal_quantiles(len(target), [1.0]), moment)
    assert copula.series == pytest.approx(shared, abs=0.07)
    total = sampled(copula, normal_quantiles(series, [1.0]), 20_000).sum(axis=1)
    assert total.std() == pytest.approx(np.sqrt(series + series * (series - 1) * shared), rel=0.08)


def test_the_sum_over_the_horizon_of_a_walk_is_as_wide_as_it_is():
    copula, horizon = fitted(walks(2000, 10)), 10
    quantiles = normal_quantiles(1, np.sqrt(np.arange(1, horizon + 1)))
    total = sampled(copula, quantiles, 20_000).sum(axis=2)
    true = walks(20_000, horizon, seed=9).sum(axis=1)
    assert total.std() == pytest.approx(true.std(), rel=0.05)
    apart = sampled(Copula(np.eye(horizon), 0.0), quantiles, 20_000).sum(axis=2)
    assert apart.std() < 0.7 * true.std()  # what independent steps would say


def test_counts_that_several_levels_share_stand_in_their_middle():
    quantiles = np.tile(np.array([0.0, 0, 0, 0, 1, 2, 4]), (500, 2, 1))
    target = np.random.default_rng(5).poisson(0.5, size=(500, 2)).astype(float)
    copula = Copula.fit(quantiles, target, np.ones_like(target, bool), LEVELS, np.arange(500))
    np.testing.assert_allclose(copula.steps, np.eye(2), atol=0.15)


def test_a_copula_is_kept_whole():
    copula = fitted(walks(50, 4))
    again = put_together(Copula, *taken_apart(copula, Copula))
    np.testing.assert_array_equal(again.steps, copula.steps)
    assert again.series == copula.series
    with pytest.raises(ValueError, match="correlations of shape"):
        Copula(np.zeros((2, 3)), 0.5)


@pytest.fixture(scope="module")
def shops():
    return Forecaster(**TINY, past=("wind", "rain"), future=("promo",)).fit(long(), holdout=0.2)


@pytest.fixture(scope="module")
def pair():
    return Forecaster(**TINY).fit(wide(120, "a", "b"), holdout=0.2)


def test_sample_paths_are_a_table_and_the_same_each_time(pair, tmp_path):
    frame = wide(120, "a", "b")
    table = pair.predict(frame, samples=7)
    assert list(table.columns) == ["unique_id", "ds", "sample", "forecast"]
    assert len(table) == 2 * 5 * 7
    assert table["sample"].tolist() == list(range(7)) * 10
    pair.save(tmp_path / "model")
    pd.testing.assert_frame_equal(Forecaster.load(tmp_path / "model").predict(frame, samples=7), table)
    plain = pair.predict(frame)
    many = pair.predict(frame, samples=4000).groupby(["unique_id", "ds"])["forecast"].median()
    np.testing.assert_allclose(many.to_numpy(), plain["forecast"], rtol=0.02)


def test_sums_have_a_row_each(pair):
    frame = wide(120, "a", "b")
    plain = pair.predict(frame)
    by_series = pair.predict(frame, total="horizon")
    assert by_series["unique_id"].tolist() == ["a", "b"]
    assert (by_series["ds"] == plain["ds"].max()).all()
    sums = plain.groupby("unique_id")["forecast"].sum()
    np.testing.assert_allclose(by_series["forecast"], sums, rtol=0.05)
    by_step = pair.predict(frame, total="series")
    assert by_step["unique_id"].tolist() == ["total"] * 5
    assert by_step["ds"].tolist() == sorted(plain["ds"].unique())
    both = pair.predict(frame, total="both")
    assert list(both.columns) == ["unique_id", "ds", "forecast", "mean", "q0.1", "q0.5", "q0.9"]
    assert both["mean"].item() == pytest.approx(by_series["mean"].sum())
    width = (plain["q0.9"] - plain["q0.1"]).sum()
    assert 0 < (both["q0.9"] - both["q0.1"]).item() < width  # intervals do not add up, but where all goes together
    samples = pair.predict(frame, total="both", samples=11)
    assert len(samples) == 11


def test_series_that_end_apart_have_no_sum(shops):
    frame = long((80, 70, 60))
    last = frame.groupby("unique_id").tail(5).index
    past = frame.assign(y=frame["y"].where(~frame.index.isin(last)))
    with pytest.raises(OstinatoError, match="a sum over series needs series that end together"):
        shops.predict(past, total="series")
    assert len(shops.predict(past, total="horizon")) == 3


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"output": "mse"}, "no sample paths: they need an output that gives an interval"),
        ({"quantiles": (0.5,)}, "no sample paths"),
        ({"quantiles": (0.1, 0.5, 0.7)}, "no sample paths.*quantiles of which two are symmetric about the median"),
    ],
)
def test_a_model_without_intervals_has_no_paths(more, says):
    forecaster = Forecaster(**TINY | more).fit(wide(100))
    with pytest.raises(OstinatoError, match=says):
        forecaster.predict(wide(100), samples=3)


def test_fewer_than_one_sample_is_refused(pair):
    with pytest.raises(OstinatoError, match="samples must be at least 1"):
        pair.predict(wide(120, "a", "b"), samples=0)


def test_paths_of_counts_are_counts():
    frame = wide(120)
    frame["y"] = np.random.default_rng(0).poisson(1.5, 120)
    table = Forecaster(**TINY, output="negative_binomial").fit(frame).predict(frame, samples=20)
    assert (table["forecast"] >= 0).all()
    assert (table["forecast"] == table["forecast"].round()).all()
