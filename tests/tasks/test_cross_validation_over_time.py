"""Forecasts from several cutoffs, each by a model that knew nothing after it."""

import numpy as np
import pandas as pd
import pytest
from forecast_scenario import TINY, long, wide

from ostinato import Forecaster, OstinatoError


@pytest.mark.parametrize("refit", [False, True])
def test_every_cutoff_has_a_forecast_of_each_series_beside_what_came(refit):
    frame = wide(100, "a", "b")
    table = Forecaster(**TINY).cross_validation(frame, n_windows=3, step=2, refit=refit)
    assert list(table.columns) == ["unique_id", "ds", "cutoff", "y", "forecast", "q0.1", "q0.5", "q0.9"]
    assert len(table) == 2 * 3 * TINY["horizon"]
    assert sorted(table["cutoff"].unique()) == sorted(frame["ds"].iloc[[-6, -8, -10]])
    true = frame.melt("ds", var_name="unique_id", value_name="true")
    both = table.merge(true, on=["unique_id", "ds"])
    assert len(both) == len(table)
    assert np.allclose(both["y"], both["true"])
    steps = (table["ds"] - table["cutoff"]).dt.days
    assert steps.tolist() == list(range(1, 6)) * 6
    assert table["unique_id"].is_monotonic_increasing


@pytest.mark.parametrize("refit", [False, True])
def test_a_model_is_trained_on_the_rows_before_its_cutoff_alone(refit):
    frame = wide(100)
    changed = frame.copy()
    changed.loc[changed.index[-5:], "y"] = 1e6  # what comes after the last cutoff
    first, second = (
        Forecaster(**TINY).cross_validation(table, n_windows=2, step=3, refit=refit) for table in (frame, changed)
    )
    assert first["forecast"].equals(second["forecast"])
    by_hand = Forecaster(**TINY).fit(frame[: 100 - (5 if refit else 8)])
    told = by_hand.predict(frame[:95])["forecast"]
    assert np.allclose(told, first["forecast"].to_numpy()[-5:])


def test_what_was_not_observed_is_missing():
    table = Forecaster(**TINY).cross_validation(long(missing=0.3), n_windows=4)
    assert table["y"].isna().any()
    assert table["forecast"].notna().all()


def test_the_forecaster_itself_stays_as_it_was():
    forecaster = Forecaster(**TINY)
    forecaster.cross_validation(wide(60))
    with pytest.raises(OstinatoError, match="not fitted"):
        forecaster.predict(wide(60))


@pytest.mark.parametrize("wrong", [{"n_windows": 0}, {"step": 0}])
def test_numbers_below_one_are_refused(wrong):
    with pytest.raises(OstinatoError, match="must be at least 1"):
        Forecaster(**TINY).cross_validation(wide(60), **wrong)


def test_too_few_rows_are_said():
    with pytest.raises(OstinatoError, match="rows"):
        Forecaster(**TINY).cross_validation(pd.Series(np.arange(20.0), name="y"), n_windows=9)


def test_evaluate_scores_the_same_forecasts():
    frame = wide(100, "a", "b", missing=0.1)
    table = Forecaster(**TINY).cross_validation(frame, n_windows=4, step=3)
    forecaster = Forecaster(**TINY).fit(frame[: 100 - 5 - 3 * 3])
    scores = forecaster.evaluate(frame, stride=3).rows["ostinato"]
    seen = table[table["y"].notna()]
    assert scores["mae"] == pytest.approx((seen["y"] - seen["forecast"]).abs().mean())
    assert scores["coverage_80"] == pytest.approx(seen["y"].between(seen["q0.1"], seen["q0.9"]).mean())


def test_each_series_has_scores_of_its_own():
    frame = wide(100, "a", "b", missing=0.1)
    table = Forecaster(**TINY).cross_validation(frame, n_windows=4, step=3)
    forecaster = Forecaster(**TINY).fit(frame[: 100 - 5 - 3 * 3])
    scores = forecaster.evaluate(frame, stride=3)
    each = forecaster.scores_by_series
    assert each["unique_id"].unique().tolist() == ["a", "b"]
    assert each["model"].unique().tolist() == list(scores.rows)
    own = each[each["model"] == "ostinato"].set_index("unique_id")
    assert own["forecasts"].tolist() == [4, 4]
    seen = table[table["y"].notna()].assign(error=lambda row: (row["y"] - row["forecast"]).abs())
    assert own["mae"].to_dict() == pytest.approx(seen.groupby("unique_id")["error"].mean().to_dict())
