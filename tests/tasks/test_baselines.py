"""Baselines: exact on the series they describe, ridge as its closed form, quantiles calibrated, state complete."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.errors import OstinatoError
from ostinato.parts import put_together, taken_apart
from ostinato.tasks.forecasting import baselines as module
from ostinato.tasks.forecasting.baselines import BaselineBatch, Baselines, fit_baselines
from ostinato.tasks.forecasting.ridge import PENALTIES

LEVELS = (0.1, 0.5, 0.9)


def windows(values, window, horizon, scale=1.0):
    """Every window of one series."""
    cut = np.lib.stride_tricks.sliding_window_view(values, window + horizon)
    n = len(cut)
    observed = np.ones((n, horizon), bool)
    return BaselineBatch(cut[:, :window], np.full(n, window), np.full(n, scale), cut[:, window:], observed, np.zeros(n))


def fit(values, window, horizon, season_length=1, validation=(), **more):
    training = [windows(values, window, horizon)] if isinstance(values, np.ndarray) else values
    return fit_baselines(
        training, validation, window=window, horizon=horizon, season_length=season_length, levels=LEVELS, **more
    )


def pieces(batch, *cuts):
    edges = [0, *cuts, len(batch.context)]
    return [BaselineBatch(*(part[a:b] for part in batch)) for a, b in pairwise(edges)]


def noise(seed, n):
    return np.random.default_rng(seed).normal(size=n)


TIME = np.arange(120.0)
SEASONAL = np.tile([3.0, -1.0, 4.0, 1.0], 30)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("naive", np.full(120, 7.0)),
        ("drift", 5 - 0.3 * TIME),
        ("seasonal naive", SEASONAL),
        ("seasonal drift", SEASONAL + 0.25 * TIME),
        ("seasonal naive 8", np.repeat(SEASONAL[:60], 2)),
        ("ridge", 10 * 0.9 ** TIME[:40] + 2),
    ],
)
def test_each_baseline_is_exact_on_the_series_it_describes(name, values):
    fitted = fit(values, window=10, horizon=6, season_length=4, longer_seasons=(8,))
    batch = windows(values, 10, 6)
    forecast = fitted.forecast(name, batch)
    np.testing.assert_allclose(forecast.point, batch.target, atol=1e-4)
    np.testing.assert_allclose(forecast.quantiles, np.repeat(batch.target[:, :, None], 3, axis=2), atol=1e-4)


def test_seasonal_baselines_are_offered_only_when_the_window_holds_the_seasons():
    assert fit(SEASONAL, window=3, horizon=2, season_length=4).names == ("naive", "drift", "ridge")
    assert fit(SEASONAL, window=4, horizon=2, season_length=4).names == ("naive", "drift", "seasonal naive", "ridge")
    every = ("naive", "drift", "seasonal naive", "seasonal drift", "ridge")
    assert fit(SEASONAL, window=8, horizon=2, season_length=4).names == every
    several = fit(SEASONAL, window=8, horizon=2, season_length=4, longer_seasons=(6, 8, 12))
    assert several.names == (*every[:-1], "seasonal naive 6", "seasonal naive 8", "ridge")
    assert fit(SEASONAL, window=8, horizon=2, season_length=1).names == ("naive", "drift", "ridge")


def test_a_baseline_that_is_not_on_offer_is_refused_by_name():
    fitted = fit(SEASONAL, window=3, horizon=2, season_length=4)
    with pytest.raises(ValueError, match="no baseline 'seasonal naive'; there are naive, drift, ridge"):
        fitted.forecast("seasonal naive", windows(SEASONAL, 3, 2))


def test_what_stands_before_a_short_context_is_ignored():
    values = SEASONAL + noise(0, 120)
    fitted = fit(values, window=8, horizon=3, season_length=4)
    context = np.array([[0, 0, 0, 0, 0, 5.0, 6.0, 8.0]])
    other = np.where(np.arange(8) < 5, np.nan, context)
    for name in fitted.names:
        short, same = (
            fitted.forecast(
                name, BaselineBatch(c, np.array([3]), np.ones(1), np.zeros((1, 3)), np.zeros((1, 3), bool), np.zeros(1))
            )
            for c in (context, other)
        )
        np.testing.assert_array_equal(short.point, same.point)
        if name == "drift":
            np.testing.assert_allclose(short.point, [[9.5, 11.0, 12.5]])
        if name == "seasonal naive":
            np.testing.assert_allclose(short.point, [[5.0, 5.0, 6.0]])
        if name == "seasonal drift":
            np.testing.assert_allclose(short.point, [[5.0, 5.0, 6.0]])


def test_one_value_alone_is_repeated_by_all_but_ridge():
    fitted = fit(SEASONAL, window=8, horizon=3, season_length=4)
    one = BaselineBatch(
        np.full((1, 8), 2.0), np.array([1]), np.ones(1), np.zeros((1, 3)), np.zeros((1, 3), bool), np.zeros(1)
    )
    for name in set(fitted.names) - {"ridge"}:
        np.testing.assert_array_equal(fitted.point(name, one), np.full((1, 3), 2.0))


def ridge_by_closed_form(batch, penalty):
    """Solves the centred normal equations of all windows at once."""
    x = (batch.context[:, :-1] - batch.context[:, -1:]) / batch.scale[:, None]
    y = (batch.target - batch.context[:, -1:]) / batch.scale[:, None]
    xc, yc = x - x.mean(0), y - y.mean(0)
    weight = np.linalg.solve(xc.T @ xc + penalty * np.eye(x.shape[1]), xc.T @ yc)
    return weight, y.mean(0) - x.mean(0) @ weight, x, y


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), window=st.integers(2, 9), horizon=st.integers(1, 4), validate=st.booleans())
def test_ridge_is_its_closed_form_with_the_penalty_of_least_error(seed, window, horizon, validate):
    values = np.cumsum(noise(seed, 80))
    batch, judge = windows(values[:60], window, horizon, scale=2.0), windows(values[60:], window, horizon, scale=2.0)
    ridge = fit(pieces(batch, 5, 17), window, horizon, validation=[judge] if validate else ()).ridge

    weight, bias, x, y = ridge_by_closed_form(batch, ridge.penalty)
    np.testing.assert_allclose(ridge.weight, weight, atol=1e-6)
    np.testing.assert_allclose(ridge.bias, bias, atol=1e-6)

    def error(penalty):
        weight, bias, _, _ = ridge_by_closed_form(batch, penalty)
        if validate:
            _, _, xj, yj = ridge_by_closed_form(judge, penalty)
            return ((yj - xj @ weight - bias) ** 2).sum()
        xc = x - x.mean(0)
        hat = xc @ np.linalg.solve(xc.T @ xc + penalty * np.eye(window - 1), xc.T)
        return ((y - x @ weight - bias) ** 2).sum() / (len(x) - 1 - np.trace(hat)) ** 2

    unit = ((x - x.mean(0)) ** 2).sum(0).mean()
    assert error(ridge.penalty) == pytest.approx(min(error(unit * penalty) for penalty in PENALTIES), rel=1e-6)


def test_windows_with_an_unobserved_target_do_not_enter_ridge():
    batch = windows(np.cumsum(noise(4, 60)), 5, 3)
    holes = np.random.default_rng(0).random(batch.target.shape) > 0.1
    holed = batch._replace(target=np.where(holes, batch.target, np.nan), observed=holes)
    complete = holes.all(axis=1)
    kept = BaselineBatch(*(part[complete] for part in batch))
    np.testing.assert_allclose(fit([holed], 5, 3).ridge.weight, fit([kept], 5, 3).ridge.weight)


def test_ridge_beats_the_others_where_the_past_matters():
    values, shocks = np.zeros(2000), noise(1, 2000)
    for t in range(2, 2000):
        values[t] = 1.2 * values[t - 1] - 0.6 * values[t - 2] + shocks[t]
    fitted = fit(values[:1500], window=12, horizon=4, season_length=4)
    test = windows(values[1500:], 12, 4)
    errors = {name: np.abs(fitted.point(name, test) - test.target).mean() for name in fitted.names}
    assert min(errors, key=errors.get) == "ridge"


def test_a_window_of_one_step_leaves_ridge_its_intercept():
    fitted = fit(5 - 0.3 * TIME, window=1, horizon=3)
    assert fitted.names == ("naive", "drift", "ridge")
    np.testing.assert_allclose(fitted.ridge.bias, [-0.3, -0.6, -0.9])
    np.testing.assert_allclose(fitted.point("drift", windows(TIME, 1, 3))[0], [0, 0, 0])


def test_the_quantiles_are_those_of_each_baselines_own_residuals_step_by_step():
    batch = windows(np.cumsum(noise(2, 300)), 6, 4, scale=0.5)
    fitted = fit([batch], 6, 4)
    residuals = batch.target - batch.context[:, -1:]
    expected = np.quantile(residuals, LEVELS, axis=0, method="weibull").T
    forecast = fitted.forecast("naive", batch)
    np.testing.assert_allclose(forecast.quantiles - forecast.point[:, :, None], np.broadcast_to(expected, (291, 4, 3)))


def test_the_residuals_of_ridge_are_leave_one_out():
    batch = windows(np.cumsum(noise(5, 40)), 6, 2)
    fitted = fit([batch], 6, 2)
    errors = []
    for i in range(len(batch.context)):
        weight, bias, *_ = ridge_by_closed_form(
            BaselineBatch(*(np.delete(p, i, axis=0) for p in batch)), fitted.ridge.penalty
        )
        lags = batch.context[i, :-1] - batch.context[i, -1]
        errors.append(batch.target[i] - batch.context[i, -1] - lags @ weight - bias)
    expected = np.quantile(errors, LEVELS, axis=0, method="weibull").T
    np.testing.assert_allclose(fitted.residuals["ridge"], expected, atol=1e-8)


@pytest.mark.parametrize("window", [5, 60])
def test_intervals_keep_their_promise_on_new_noise_even_when_lags_are_many(window):
    random = np.random.default_rng(0)

    def sample(n, scales):
        scale = random.choice(scales, n)
        rows = random.normal(size=(n, window + 2)) * scale[:, None]
        return BaselineBatch(
            rows[:, :window], np.full(n, window), scale, rows[:, window:], np.ones((n, 2), bool), np.zeros(n)
        )

    fitted = fit([sample(150, [1.0, 50.0])], window, 2)
    test = sample(4000, [1.0, 50.0])
    for name in ("naive", "ridge"):
        quantiles = fitted.forecast(name, test).quantiles
        covered = (quantiles[:, :, 0] <= test.target) & (test.target <= quantiles[:, :, 2])
        assert covered.mean() == pytest.approx(0.8, abs=0.06)


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 100), max_size=4), limit=st.sampled_from([20, 1000]))
def test_batches_of_any_size_fit_the_same_baselines(cuts, limit):
    batch = windows(SEASONAL + noise(0, 120), 8, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "RESIDUAL_WINDOWS", limit)
        whole, parts = fit([batch], 8, 3, season_length=4), fit(pieces(batch, *sorted(cuts)), 8, 3, season_length=4)
    (tensors, _), (others, _) = (taken_apart(each, Baselines) for each in (whole, parts))
    assert tensors.keys() == others.keys()
    for name, tensor in tensors.items():
        np.testing.assert_allclose(others[name], tensor, atol=1e-9)
    assert parts.ridge.penalty == pytest.approx(whole.ridge.penalty)


def test_the_sample_of_many_windows_is_uniform_over_the_stream(monkeypatch):
    monkeypatch.setattr(module, "RESIDUAL_WINDOWS", 500)
    ramp = windows(np.arange(20_000.0), 1, 1)
    sample = module._Sample(1, 1, seed=0)
    for piece in pieces(ramp, 300, 7000, 7001):
        sample.add(piece)
    kept = sample.windows().context[:, 0]
    assert len(kept) == len(set(kept)) == 500
    assert kept.mean() == pytest.approx(10_000, rel=0.1)
    assert np.quantile(kept, [0.1, 0.9]) == pytest.approx([2000, 18_000], rel=0.25)


def test_a_step_that_is_never_observed_takes_the_quantiles_of_all_steps():
    batch = windows(np.cumsum(noise(2, 50)), 4, 3)
    observed = np.broadcast_to([True, True, False], batch.target.shape)
    fitted = fit([batch._replace(observed=observed)], 4, 3)
    assert fitted.names == ("naive", "drift")
    pool = (batch.target - batch.context[:, -1:])[:, :2]
    np.testing.assert_allclose(fitted.residuals["naive"][2], np.quantile(pool, LEVELS, method="weibull"))


def restored(fitted):
    """From tensors and JSON, as a saved model has them."""
    tensors, content = taken_apart(fitted, Baselines)
    return put_together(Baselines, tensors, json.loads(json.dumps(content)))


def test_what_is_saved_restores_the_same_forecasts():
    batch = windows(SEASONAL + noise(3, 120), 9, 5)
    fitted = fit([batch], 9, 5, season_length=4)
    again = restored(fitted)
    assert again.names == fitted.names
    for name in fitted.names:
        for ours, theirs in zip(again.forecast(name, batch), fitted.forecast(name, batch), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_baselines_without_ridge_are_restored_without_ridge():
    batch = windows(noise(3, 20), 4, 2)
    fitted = fit([batch._replace(observed=np.broadcast_to([True, False], batch.target.shape))], 4, 2)
    assert restored(fitted).names == ("naive", "drift")


def test_training_windows_without_any_observed_target_are_refused():
    batch = windows(noise(0, 20), 4, 2)
    for training in ([], [batch._replace(observed=np.zeros_like(batch.observed))]):
        with pytest.raises(OstinatoError, match="no training window has an observed target"):
            fit(training, 4, 2)


def test_arrays_that_break_the_contract_are_refused():
    batch = windows(noise(0, 20), 4, 2)
    with pytest.raises(ValueError, match="context must be 5 steps long, got 4"):
        fit([batch], 5, 2)
    with pytest.raises(ValueError, match="target must be 3 steps long, got 2"):
        fit([batch], 4, 3)
    with pytest.raises(ValueError, match="context has a value that is not finite"):
        fit([batch._replace(context=np.full_like(batch.context, np.nan))], 4, 2)
    with pytest.raises(ValueError, match="observed target is not finite"):
        fit([batch._replace(target=np.full_like(batch.target, np.inf))], 4, 2)
    with pytest.raises(ValueError, match="levels must lie between 0 and 1"):
        fit_baselines([batch], window=4, horizon=2, season_length=1, levels=(0.0, 0.5))
