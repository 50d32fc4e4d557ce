"""Intervals hold what they promise: after calibration on other forecasts, and on when the data change."""

import numpy as np
import pytest
from forecast_scenario import TINY, wide
from hypothesis import given
from hypothesis import strategies as st

from ostinato import Forecaster
from ostinato.tasks.forecasting.conformal import Adaptation, BacktestAdaptation, Calibration
from ostinato.tasks.forecasting.split import PanelPart

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
PAIRS = {0.9: (0, 4), 0.5: (1, 3)}


def normal(n, horizon=3, spread=1.0, seed=0):
    """Forecasts that believe in a standard normal distribution, and what comes of one of another spread."""
    quantiles = np.broadcast_to(np.array([-1.645, -0.674, 0.0, 0.674, 1.645]), (n, horizon, 5)).copy()
    target = spread * np.random.default_rng(seed).normal(size=(n, horizon))
    return quantiles, target, np.ones((n, horizon), bool)


def coverage(quantiles, target, nominal):
    low, high = PAIRS[nominal]
    return ((quantiles[..., low] <= target) & (target <= quantiles[..., high])).mean()


@pytest.mark.parametrize("spread", [0.3, 1.0, 4.0])
def test_calibrated_intervals_hold_on_forecasts_that_were_not_calibrated_on(spread):
    calibration = Calibration.fit(*normal(4000, spread=spread), LEVELS)
    quantiles, target, _ = normal(4000, spread=spread, seed=1)
    for nominal in PAIRS:
        assert coverage(calibration.moved(quantiles), target, nominal) == pytest.approx(nominal, abs=0.02)


def test_each_step_of_the_horizon_has_its_own_margin_where_errors_are_many_and_a_common_one_where_they_are_few():
    quantiles, target, observed = normal(1000)
    target[:, 2] *= 5
    own = Calibration.fit(quantiles, target, observed, LEVELS).margin
    assert own[2, 0] > 2 * abs(own[0, 0])
    common = Calibration.fit(quantiles[:30], target[:30], observed[:30], LEVELS).margin
    assert (common == common[0]).all()


def test_targets_that_were_not_observed_do_not_count():
    quantiles, target, observed = normal(300)
    observed[::2] = False
    target[::2] = np.nan
    whole = Calibration.fit(quantiles[1::2], target[1::2], observed[1::2], LEVELS)
    assert np.array_equal(Calibration.fit(quantiles, target, observed, LEVELS).margin, whole.margin)


@given(st.integers(0, 2**32 - 1))
def test_quantiles_rise_and_the_median_stays_whatever_the_margins(seed):
    random = np.random.default_rng(seed)
    quantiles = np.sort(random.normal(size=(4, 2, 5)), axis=-1)
    moved = Calibration(LEVELS, random.normal(size=(2, 2))).moved(quantiles)
    assert (np.diff(moved, axis=-1) >= 0).all()
    assert np.array_equal(moved[..., 2], quantiles[..., 2])


def test_intervals_go_on_to_hold_when_the_spread_of_the_data_changes():
    calibration = Calibration.fit(*normal(2000), LEVELS)
    adaptation = BacktestAdaptation(calibration)
    quantiles, target, observed = normal(1500, spread=3.0, seed=2)
    issued = np.empty_like(quantiles)
    for time in range(len(quantiles)):
        issued[time] = adaptation.moved(time, quantiles[time : time + 1])
        adaptation.forecast(time, issued[time][None], target[time : time + 1], observed[time : time + 1])
    assert coverage(calibration.moved(quantiles), target, 0.9) < 0.5
    for nominal in PAIRS:
        assert coverage(issued[300:], target[300:], nominal) == pytest.approx(nominal, abs=0.03)


def test_nothing_is_used_before_its_time():
    calibration = Calibration.fit(*normal(500), LEVELS)
    quantiles, target, observed = normal(40, horizon=3, seed=3)
    other = target.copy()
    other[20:] = 1e6  # what comes of forecasts from position 20 on is known from position 21 on

    def issued(what):
        adaptation, given_out = BacktestAdaptation(calibration), []
        for time in range(len(quantiles)):
            given_out.append(adaptation.moved(time, quantiles[time : time + 1]))
            adaptation.forecast(time, given_out[-1], what[time : time + 1], observed[time : time + 1])
        return np.concatenate(given_out)

    first, second = issued(target), issued(other)
    assert np.array_equal(first[:21], second[:21])
    assert not np.array_equal(first[21, 0], second[21, 0])
    assert np.array_equal(first[21, 1:], second[21, 1:])  # two steps ahead it is not known yet


def test_several_series_at_one_time_move_intervals_by_their_mean_in_one_batch_or_two():
    calibration = Calibration.fit(*normal(500), LEVELS)
    quantiles, target, observed = normal(6, seed=4)

    def after(*cuts):
        adaptation = BacktestAdaptation(calibration)
        for part in np.split(np.arange(6), cuts):
            moved = adaptation.moved(0, quantiles[part])
            adaptation.forecast(0, moved, target[part], observed[part])
        return adaptation.moved(5, quantiles[:1])

    assert np.allclose(after(), after(2, 3))


def test_a_stream_is_calibrated_as_the_backtest_is():
    frame = wide(90)
    forecaster = Forecaster(**TINY).fit(frame[:60])
    model = forecaster.model
    stream = forecaster.stream(frame[:60])
    streamed = [stream.update(float(y), time=time) for time, y in frame[["ds", "y"]][60:].itertuples(index=False)]
    panel = model.read(frame)
    scales = model.standardiser.scales_of(panel, np.array([60]))
    part = PanelPart(panel, np.array([60]), panel.lengths)  # from the end of the history on
    windows = part.windows(model.standardiser.transform(panel, scales), model.settings)
    quantiles = model.adapting_on(panel)(windows.gather(np.arange(len(windows)))).quantiles
    plain = model.network_on(panel)(windows.gather(np.arange(len(windows)))).quantiles
    assert not np.allclose(quantiles, plain)
    for number, forecast in enumerate(streamed[: len(windows) - 1], start=1):
        expected = model.standardiser.back(quantiles[number][None], scales)[0]
        assert np.allclose(forecast.quantiles, expected, rtol=1e-5), number


@pytest.mark.parametrize("given", [{"output": "mae"}, {"quantiles": (0.5,)}, {"quantiles": (0.5, 0.9)}])
def test_forecasts_without_an_interval_have_nothing_to_calibrate(given):
    frame = wide(80)
    forecaster = Forecaster(**TINY | given).fit(frame[:60])
    assert forecaster.model.calibration is None
    assert forecaster.evaluate(frame).count > 0
    assert forecaster.stream(frame[:60]).update(100.0) is not None


def test_a_loaded_model_has_the_same_intervals(tmp_path):
    forecaster = Forecaster(**TINY).fit(wide(80))
    forecaster.save(tmp_path)
    assert Forecaster.load(tmp_path).predict(wide(80)).equals(forecaster.predict(wide(80)))


def test_adaptation_judges_late_answers_gently():
    adaptation = Adaptation(Calibration(LEVELS, np.zeros((100, 2))))
    adaptation.judge(np.arange(100), np.zeros((100, 2)))
    quantiles, _, _ = normal(1, horizon=100)
    widened = adaptation.moved(quantiles)[0, :, -1]
    assert (np.diff(widened) <= 0).all()
    assert widened[0] > widened[-1] > quantiles[0, -1, -1]
