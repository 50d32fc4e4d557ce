"""Series too short to train on: left out with a note, and forecast all the same."""

import numpy as np
import pandas as pd
import pytest
from forecast_scenario import TINY, wide

import ostinato
from ostinato import Forecaster, OstinatoError

LENGTHS = {"a": 60, "new": 4, "b": 50, "newest": 1, "short": 11}


def panel(lengths=LENGTHS):
    frames = [wide(rows, seed=seed).assign(unique_id=name) for seed, (name, rows) in enumerate(lengths.items())]
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def fitted():
    return Forecaster(**TINY).fit(panel())


def test_they_are_left_out_with_a_note_and_forecast(fitted):
    note = "3 of 5 series are too short to train on (new, newest, short): left out, and still forecast"
    assert note in fitted.notes
    assert fitted.model.standardiser.ids == ("a", "b")
    forecast = fitted.predict(panel())
    assert forecast["unique_id"].unique().tolist() == list(LENGTHS)
    assert np.isfinite(forecast["forecast"]).all()
    assert len(forecast) == 5 * TINY["horizon"]


def test_the_others_are_learned_as_if_the_short_ones_were_not_there(fitted):
    alone = panel()[lambda table: table["unique_id"].isin(["a", "b"])]
    other = Forecaster(**TINY).fit(alone)
    pd.testing.assert_frame_equal(other.predict(alone), fitted.predict(alone), check_exact=True)


def test_they_are_left_out_with_a_holdout_and_validation_data_and_by_refit(tmp_path):
    table = panel()
    forecaster = Forecaster(**TINY).fit(table, holdout=0.2)
    assert forecaster.model.standardiser.ids == ("a", "b")
    assert np.isfinite(forecaster.evaluate(table).rows["ostinato"]["mae"])
    assert forecaster.refit(table).model.standardiser.ids == ("a", "b", "short")
    forecaster.save(tmp_path / "model")
    pd.testing.assert_frame_equal(
        ostinato.load(tmp_path / "model").predict(table), forecaster.predict(table), check_exact=True
    )
    grown = {name: rows + 6 for name, rows in LENGTHS.items()}
    later = panel(grown).groupby("unique_id").tail(6)
    assert Forecaster(**TINY).fit(table, validation=later).model.standardiser.ids == ("a", "b", "short")


def test_where_all_are_too_short_or_each_has_a_vector_of_its_own_it_is_an_error():
    with pytest.raises(OstinatoError, match=r"series 'b' has 3 rows, .* needs at least 7"):
        Forecaster(**TINY).fit(panel({"a": 6, "b": 3}))
    with pytest.raises(OstinatoError, match=r"series 'newest' has 1 rows"):
        Forecaster(**TINY, series_embedding=2).fit(panel())
