"""Counts, most of them zero: never below zero, told by their mean, beside the forecasts that suit them."""

import numpy as np
import pandas as pd
import pytest
from forecast_scenario import TINY, wide

from ostinato import Forecaster
from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.intermittent import INTERMITTENT

SMALL = TINY | {"epochs": 1}
OUTPUTS = ["poisson", "negative_binomial"]


def parts(series=4, months=60, share=0.26, seed=0):
    """Sales of spare parts: in most months none."""
    random = np.random.default_rng(seed)
    sold = random.poisson(2, (series, months)) + 1
    sold *= random.random((series, months)) < share
    times = pd.date_range("2018-01-01", periods=months, freq="MS")
    return pd.concat(
        pd.DataFrame({"unique_id": f"p{number}", "ds": times, "y": row}) for number, row in enumerate(sold)
    )


def numbers(table):
    return table.select_dtypes("number")


def quantiles(table):
    return table.filter(regex=r"^q0")


@pytest.fixture(scope="module", params=["quantiles", *OUTPUTS])
def fitted(request):
    return Forecaster(**SMALL, output=request.param).fit(parts(), holdout=0.2)


def test_nothing_is_forecast_below_zero_and_the_mean_stands_in_a_column(fitted):
    forecast = fitted.predict(parts())
    assert list(forecast) == ["unique_id", "ds", "forecast", "mean", "q0.1", "q0.5", "q0.9"]
    assert (numbers(forecast) >= 0).all(axis=None)
    assert (np.diff(quantiles(forecast), axis=1) >= 0).all()
    if fitted.settings.output != "quantiles":
        assert (quantiles(forecast) % 1 == 0).all(axis=None)
        assert forecast["forecast"].equals(forecast["q0.5"])


def test_a_note_says_that_most_are_zero(fitted):
    data = parts()
    trained = data.groupby("unique_id").head(42)["y"]  # of 60 months 48 are fitted on, of which the last 6 validate
    note = f"{trained.eq(0).mean():.0%} of the values of y are zero: the median says little, look at RMSE and mean"
    hint = "; output='negative_binomial' models such counts" if fitted.settings.output == "quantiles" else ""
    assert note + hint in fitted.notes


def test_the_table_holds_the_forecasts_of_intermittent_demand_and_squares_the_error_of_the_mean(fitted):
    data = parts()
    table = fitted.evaluate(data)
    assert set(INTERMITTENT) < set(table.rows)
    # A fifth of 60 months is scored; a forecast of zero is wrong by what was sold.
    target = data["y"].to_numpy().reshape(4, 60)
    after = [target[:, origin + 1 : origin + 6] for origin in range(47, 55)]
    np.testing.assert_allclose(table.rows["zero"]["mae"], np.mean(after), rtol=1e-6)
    told = [
        fitted.predict(data.groupby("unique_id").head(origin + 1))["mean"].to_numpy().reshape(4, 5)
        for origin in range(47, 55)
    ]
    if fitted.settings.output != "quantiles":  # whose quantiles go on being calibrated
        squared = np.mean((np.array(told) - np.array(after)) ** 2)
        np.testing.assert_allclose(table.rows["ostinato"]["mse"], squared, rtol=1e-5)


def test_a_saved_model_and_a_stream_tell_the_same(fitted, tmp_path):
    data = parts()
    fitted.save(tmp_path / "model")
    loaded = Forecaster.load(tmp_path / "model")
    told = fitted.predict(data)
    pd.testing.assert_frame_equal(loaded.predict(data), told)
    one = data[data["unique_id"] == "p1"]
    stream = loaded.stream(one[:-1], id="p1")
    last = stream.update(float(one["y"].iloc[-1]))
    np.testing.assert_allclose(last.mean, told[told["unique_id"] == "p1"]["mean"], rtol=0.1)
    np.testing.assert_allclose(last.point, told[told["unique_id"] == "p1"]["forecast"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "values",
    [np.arange(80) % 7 + 1.0, (np.arange(80) % 2) * 0.5, np.arange(80) % 3 - 1.0],
    ids=["no zeros", "no counts", "below zero"],
)
def test_other_series_have_neither_the_note_nor_the_mean_nor_those_baselines(values):
    frame = wide(80)
    frame["y"] = values
    forecaster = Forecaster(**SMALL).fit(frame, holdout=0.2)
    assert not any("zero" in note for note in forecaster.notes)
    assert "mean" not in forecaster.predict(frame)
    assert not set(INTERMITTENT) & set(forecaster.evaluate(frame).rows)


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_mean_and_the_spread_of_counts_are_learned(output):
    """Negative binomial ones of mean 6 and variance 6 + 0.5 * 36."""
    random = np.random.default_rng(0)
    counts = random.poisson(random.gamma(2, 3, (400, 3)))
    times = pd.date_range("2024-01-01", periods=400)
    frame = pd.DataFrame(counts, times, ["a", "b", "c"]).rename_axis("ds").reset_index()
    settings = TINY | {"epochs": 6, "batches_per_epoch": 40, "linear": False, "calendar": False}
    forecast = Forecaster(**settings, output=output, learning_rate=0.01).fit(frame).predict(frame)
    np.testing.assert_allclose(forecast["mean"].mean(), 6, rtol=0.2)
    low, high = {"poisson": (3, 9), "negative_binomial": (1, 13)}[output]
    np.testing.assert_allclose(quantiles(forecast)[["q0.1", "q0.9"]].mean(), [low, high], atol=1.5)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("bad", [2.5, -1.0])
def test_what_is_no_count_is_refused_with_its_series_and_time(output, bad):
    frame = wide(80, "apple", "pear").round({"apple": 0, "pear": 0})
    frame.loc[7, "pear"] = bad
    with pytest.raises(OstinatoError, match=rf"counts.*'pear' is {bad:g} at 2024-01-13.*output='quantiles'"):
        Forecaster(**SMALL, output=output).fit(frame)


def test_a_stream_refuses_what_is_no_count():
    frame = wide(60).round({"y": 0})
    stream = Forecaster(**SMALL, output="poisson").fit(frame).stream(frame)
    for bad in (0.5, -2):
        with pytest.raises(OstinatoError, match=f"needs counts .*, got {bad:g}"):
            stream.update(bad)


def test_settings_that_do_not_go_with_counts_are_refused():
    for other in ({"returns": "log"}, {"transform": "log"}, {"transform": "box_cox"}):
        with pytest.raises(OstinatoError, match="'poisson' is of counts as they are: leave returns and transform out"):
            Forecaster(output="poisson", **other)
    with pytest.raises(
        OstinatoError, match="scaling='mean' belongs to output='poisson' and output='negative_binomial'"
    ):
        Forecaster(output="poisson", scaling="level")
    with pytest.raises(OstinatoError, match="scaling='mean' belongs to output='poisson'"):
        Forecaster(scaling="mean")
    assert Forecaster(output="negative_binomial").settings.scaling == "mean"


def test_what_is_sold_far_beyond_the_interval_is_detected(fitted):
    data = parts()
    data.iloc[-1, data.columns.get_loc("y")] = 500
    found = fitted.detect(data)
    assert found["anomaly"].iloc[-1]
    if fitted.settings.output != "quantiles":  # whose intervals after one epoch mean nothing
        assert found["anomaly"].mean() < 0.5
