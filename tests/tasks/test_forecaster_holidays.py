"""Public holidays as an input that is known into the future, wherever a model is used."""

import numpy as np
import pandas as pd
import pytest
from forecast_scenario import TINY

from ostinato import Forecaster, OstinatoError, load
from ostinato.data import Frequency
from ostinato.data.public_holidays import holiday_feature


@pytest.fixture(scope="module")
def visitors():
    """Three years of days up to 20 December; nobody comes on a holiday."""
    days = pd.date_range("2022-01-01", "2024-12-20")
    closed = holiday_feature(days.to_numpy().astype("datetime64[ns]"), Frequency.parse("D"), "DE-BY")
    noise = np.random.default_rng(0).normal(0, 5, len(days))
    return pd.DataFrame({"ds": days, "y": 200 * (1 - closed) + noise})


@pytest.fixture(scope="module")
def forecaster(visitors):
    chosen = TINY | {"epochs": 6, "batches_per_epoch": 60, "learning_rate": 0.02, "patience": None, "dropout": 0.0}
    return Forecaster(**chosen, calendar=False, holidays="DE-BY").fit(visitors)


def test_the_holidays_to_come_are_forecast_without_a_table_of_them(forecaster, visitors):
    forecast = forecaster.predict(visitors).set_index("ds")["forecast"]
    assert forecast["2024-12-25"] < 100
    assert forecast[:"2024-12-24"].min() > 150


def test_they_are_what_an_explanation_names(forecaster, visitors):
    explanation = forecaster.explain(visitors)
    table = explanation.table(by_step=True)
    own = table[(table["step"] == 5) & (table["ahead"] == 5)]
    assert own["feature"].tolist() == ["holiday_DE-BY"]
    assert own["contribution"].iloc[0] < -100


def test_a_saved_model_remembers_the_place(forecaster, visitors, tmp_path):
    forecaster.save(tmp_path)
    loaded = load(tmp_path)
    assert loaded.settings.holidays == "DE-BY"
    assert loaded.predict(visitors).equals(forecaster.predict(visitors))


def test_a_stream_sees_the_same_holidays(forecaster, visitors):
    stream = forecaster.stream(visitors[:-1])
    streamed = stream.update(visitors["y"].iloc[-1])
    assert streamed.point == pytest.approx(forecaster.predict(visitors)["forecast"].to_numpy(), rel=1e-5)


def test_a_backtest_and_cross_validation_do(visitors):
    some = visitors[-120:]
    chosen = Forecaster(**TINY | {"epochs": 1}, holidays="DE")
    assert chosen.fit(some, holdout=0.2).evaluate(some).count > 0
    assert len(chosen.cross_validation(some, n_windows=2)) == 2 * TINY["horizon"]


def test_weeks_are_refused_before_training():
    frame = pd.DataFrame({"ds": pd.date_range("2023-01-01", periods=80, freq="W"), "y": np.arange(80.0)})
    with pytest.raises(OstinatoError, match="holidays='DE' mark days, and these steps are of 'W-SUN': leave holidays"):
        Forecaster(**TINY, holidays="DE").fit(frame)
