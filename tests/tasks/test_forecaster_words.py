"""A Forecaster with covariates of words, from the fit to a saved model and a stream."""

import numpy as np
import pandas as pd
import pytest
from forecast_scenario import TINY

import ostinato
from ostinato import Forecaster, OstinatoError

WORDS = {"past": ("weather", "wind"), "future": ("event", "price"), "horizon": 3}


def rides(rows=80):
    random = np.random.default_rng(3)
    weather, event = random.choice(["clear", "mist", "rain"], rows), random.choice(["fair", "none"], rows)
    return pd.DataFrame(
        {
            "ds": pd.date_range("2024-01-01", periods=rows),
            "y": 50 + 20 * (event == "fair") - 10 * (weather == "rain") + random.normal(size=rows),
            "weather": weather,
            "wind": random.normal(size=rows),
            "event": event,
            "price": random.random(rows),
        }
    )


@pytest.fixture(scope="module")
def fitted():
    return Forecaster(**TINY | WORDS).fit(rides()[:70])


def to_come(frame, rows):
    return frame.assign(y=frame["y"].where(frame.index < rows))


def test_a_saved_model_reads_words_as_it_did(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = ostinato.load(tmp_path / "model")
    table = to_come(rides()[:73], 70)
    pd.testing.assert_frame_equal(loaded.predict(table), fitted.predict(table), check_exact=True)
    assert loaded.model.spec.categories == {"weather": ("clear", "mist", "rain"), "event": ("fair", "none")}


def test_each_word_makes_a_forecast_of_its_own(fitted):
    table = to_come(rides()[:73], 70)
    other = table.assign(event=table["event"].where(table.index < 70, "fair"))
    none = table.assign(event=table["event"].where(table.index < 70, "none"))
    assert (fitted.predict(other)["forecast"] != fitted.predict(none)["forecast"]).all()


def test_a_word_that_training_did_not_know_is_named_with_its_place(fitted, tmp_path):
    table = to_come(rides()[:73], 70)
    table.loc[71, "event"] = "gig"
    table.to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(
        OstinatoError, match=r"new.csv, line 73, column 'event': 'gig' was not .*\(known: fair, none\)$"
    ):
        fitted.predict(tmp_path / "new.csv")


def test_a_stream_takes_words(fitted):
    table = rides()
    row, later = table.iloc[70], table[71:74]
    stream = fitted.stream(table[:70])
    given = {
        "past": {"weather": row["weather"], "wind": row["wind"]},
        "known": {"event": row["event"], "price": row["price"]},
        "ahead": {"event": later["event"].tolist(), "price": later["price"].tolist()},
    }
    with pytest.raises(OstinatoError, match=r"^weather='hail' was not there in training \(known: clear, mist, rain\)$"):
        stream.update(row["y"], **given | {"past": {"weather": "hail", "wind": 1.0}})
    forecast = stream.update(row["y"], **given)
    expected = fitted.predict(to_come(table[:74], 71))
    np.testing.assert_allclose(forecast.point, expected["forecast"], rtol=1e-6)
    assert stream.update(None, **given | {"past": {}}) is not None


def test_training_goes_on_with_the_words_that_are_known(fitted):
    table = rides()
    onward = Forecaster(epochs=1).fit(table, warm_start=fitted)
    assert onward.model.spec.categories == fitted.model.spec.categories
    with pytest.raises(OstinatoError, match="'hail' was not there in training"):
        Forecaster(epochs=1).fit(table.replace({"weather": {"mist": "hail"}}), warm_start=fitted)
