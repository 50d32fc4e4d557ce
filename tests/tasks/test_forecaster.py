"""The Forecaster from a table to forecasts and scores."""

import os
import signal
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from forecast_scenario import COVARIATES, TINY, Leaky, ahead, long, wide

from ostinato import Forecaster, OstinatoError
from ostinato.data import Frequency
from ostinato.demos.data import load_embedded
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.training import Interrupted, TrainingLogger

LEVELS = ["q0.1", "q0.5", "q0.9"]


@pytest.fixture(scope="module")
def single():
    """Of one daily series, fitted on the first 60 of 90 rows."""
    return Forecaster(**TINY).fit(wide()[:60])


@pytest.fixture(scope="module")
def shops():
    """Of three series with covariates of every kind and missing values, the last fifth of each held out."""
    return Forecaster(**TINY | COVARIATES | {"cell": "lstm", "num_layers": 2}).fit(long(), holdout=0.2)


def numbers(forecast):
    return forecast.drop(columns=[name for name in ("unique_id", "ds") if name in forecast])


def assert_same(forecast, other):
    pd.testing.assert_frame_equal(forecast, other, check_exact=True)


# Learning.


def test_it_learns_a_season_and_jumps_that_a_future_covariate_announces():
    random = np.random.default_rng(0)
    rows = 600
    promo = (random.random(rows) < 0.3).astype(float)
    y = 20 + 5 * np.sin(2 * np.pi * np.arange(rows) / 7) + 8 * promo + 0.5 * random.normal(size=rows)
    frame = pd.DataFrame({"ds": pd.date_range("2022-01-01", periods=rows), "y": y, "promo": promo})
    chosen = {"horizon": 7, "window": 14, "hidden_size": 16, "dropout": 0.0, "learning_rate": 0.01, "batch_size": 64}
    forecaster = Forecaster(**chosen, target="y", future="promo", epochs=30, quantiles=(0.1, 0.5, 0.9))
    scores = dict(forecaster.fit(frame, holdout=0.2).evaluate(frame).rows)
    ours = scores.pop("ostinato")
    assert ours["mae"] < 0.6  # 0.4 is the noise alone
    for name, theirs in scores.items():
        assert ours["mae"] < 0.25 * theirs["mae"], name
        assert ours["crps"] < 0.3 * theirs["crps"], name
    assert "beats every baseline on MAE" in forecaster.metrics.verdict()


def test_log_returns_of_a_random_walk_are_forecast_about_as_well_as_can_be():
    random = np.random.default_rng(4)
    price = 100 * np.exp(np.cumsum(0.01 * random.normal(size=600)))
    frame = pd.DataFrame({"ds": pd.bdate_range("2020-01-01", periods=600), "price": price})
    chosen = TINY | {"window": 20, "epochs": 5, "batches_per_epoch": None}
    scores = Forecaster(**chosen, returns="log").fit(frame, holdout=0.3).evaluate(frame).rows
    ours, walk = scores["ostinato"], scores["naive"]
    for metric in ("mae", "mase", "rmse"):
        assert ours[metric] < 1.1 * walk[metric], metric
    assert np.isnan(walk.pop("direction"))  # it says that nothing moves
    assert all(np.isfinite(figure) for row in scores.values() for figure in row.values())
    assert 0 < ours["smape"] < 5


# What predict gives.


def test_one_series_gets_a_row_for_each_step_after_its_end(single):
    forecast = single.predict(wide()[:60])
    assert forecast.columns.tolist() == ["unique_id", "ds", "forecast", *LEVELS]
    assert forecast["unique_id"].tolist() == ["y"] * 5
    assert forecast["ds"].tolist() == list(pd.date_range("2024-03-06", periods=5))
    assert np.isfinite(numbers(forecast)).all(axis=None)
    assert forecast["forecast"].equals(forecast["q0.5"].rename("forecast"))
    assert forecast["forecast"].between(60, 140).all()


def test_quantiles_are_sorted_also_where_the_network_crosses_them(single):
    model = single.model
    torch.manual_seed(0)
    wild = replace(model, network=model.build(model.settings, {"sizes": model.sizes}).eval())
    frame = wide()
    crossing = Forecaster(**TINY)
    crossing.settings, crossing._model = single.settings, wild
    assert (numbers(crossing.predict(frame))[LEVELS].diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    outputs = []
    wild.network.register_forward_hook(lambda _, inputs, output: outputs.append(output))
    crossing.predict(frame)
    assert (outputs[0].diff(dim=-1) < 0).any(), "the network of this test crosses no quantiles"


def test_a_long_table_gives_the_series_in_its_order_with_times_after_the_end_of_each(shops):
    frame = long()
    forecast = shops.predict(frame, future=ahead(frame, 5))
    assert forecast["unique_id"].tolist() == [f"shop {number}" for number in (0, 1, 2) for _ in range(5)]
    ends = frame.groupby("unique_id", sort=False)["ds"].max()
    expected = [time for end in ends for time in pd.date_range(end, periods=6)[1:]]
    assert forecast["ds"].tolist() == expected
    assert np.isfinite(numbers(forecast)).all(axis=None)
    level = forecast.groupby("unique_id", sort=False)["forecast"].mean()
    np.testing.assert_allclose(level, [50, 500, 5000], rtol=0.4)


def test_columns_are_named_as_in_the_table():
    names = {"unique_id": "shop", "ds": "day", "y": "sales"}
    frame = long().rename(columns=names)
    forecaster = Forecaster(**TINY, id="shop", time="day", target="sales").fit(frame)
    assert forecaster.predict(frame).columns.tolist() == ["shop", "day", "forecast", *LEVELS]


def test_a_wide_table_gives_each_column_as_a_series():
    frame = wide(80, "north", "south")
    forecast = Forecaster(**TINY).fit(frame).predict(frame)
    assert forecast["unique_id"].tolist() == ["north"] * 5 + ["south"] * 5
    level = forecast.groupby("unique_id")["forecast"].mean()
    np.testing.assert_allclose(level, [100, 200], rtol=0.3)


def test_each_series_is_forecast_by_its_own_past_whatever_stands_beside_it(shops):
    frame = long()
    later = ahead(frame, 5)
    together = shops.predict(frame, future=later)
    for name in ("shop 1", "shop 2"):
        alone = shops.predict(frame[frame["unique_id"] == name], future=later)
        other = together[together["unique_id"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, other, rtol=1e-5)


def test_integer_times_and_tables_without_a_time_column_go_on_counting():
    frame = wide()[["y"]]
    forecast = Forecaster(**TINY).fit(frame).predict(frame)
    assert forecast["step"].tolist() == [90, 91, 92, 93, 94]
    frame = frame.assign(year=np.arange(1900, 1990))
    assert Forecaster(**TINY).fit(frame).predict(frame)["year"].tolist() == [1990, 1991, 1992, 1993, 1994]


def test_files_give_what_data_frames_give(single, tmp_path):
    path = tmp_path / "daily.csv"
    wide().to_csv(path, index=False)
    pd.testing.assert_frame_equal(single.predict(path), single.predict(wide()))


@pytest.mark.parametrize("output", ["mae", "mse"])
def test_a_network_trained_for_points_gives_points(output):
    frame = wide()
    forecaster = Forecaster(**TINY, output=output).fit(frame, holdout=0.2)
    assert forecaster.predict(frame).columns.tolist() == ["unique_id", "ds", "forecast"]
    assert "crps" not in forecaster.evaluate(frame).rows["ostinato"]
    assert forecaster.stream(frame).update(100.0).quantiles is None


def test_future_covariates_come_from_the_same_table_or_another(shops):
    frame = long()
    later = ahead(frame, 5)
    joined = pd.concat([frame, later], ignore_index=True).sort_values(["unique_id", "ds"], ignore_index=True)
    assert_same(shops.predict(joined), shops.predict(frame, future=later))
    changed = shops.predict(frame, future=later.assign(promo=1 - later["promo"]))
    assert not numbers(changed).equals(numbers(shops.predict(frame, future=later)))


def test_future_covariates_that_are_not_there_are_asked_for(shops):
    frame = long()
    with pytest.raises(OstinatoError, match=r"no row for 2024-03-21 of series 'shop 0'.*promo .*5 steps"):
        shops.predict(frame)
    with pytest.raises(OstinatoError, match=r"no row for 2024-03-24"):
        shops.predict(frame, future=ahead(frame, 3))


def test_missing_values_are_imputed_and_flagged_and_everything_stays_finite():
    frame = wide(missing=0.3)
    frame.loc[[0, 1, 58, 59], "y"] = np.nan
    forecaster = Forecaster(**TINY).fit(frame, holdout=0.2)
    assert any("values of y are missing: imputed and flagged" in note for note in forecaster.notes)
    assert np.isfinite(numbers(forecaster.predict(frame))).all(axis=None)
    assert np.isfinite(numbers(forecaster.predict(frame[:60]))).all(axis=None)
    assert np.isfinite(forecaster.evaluate(frame).rows["ostinato"]["mae"])
    filled = frame.assign(y=frame["y"].ffill().bfill())
    assert not numbers(forecaster.predict(filled[:60])).equals(numbers(forecaster.predict(frame[:60])))


def test_a_window_without_any_observed_value_forecasts_about_its_last_one(single):
    frame = wide()[:60]
    gone = frame.assign(y=frame["y"].where(frame.index < 45))
    forecast = single.predict(gone)
    assert np.isfinite(numbers(forecast)).all(axis=None)
    assert forecast["forecast"].between(60, 140).all()


def test_a_forecast_begins_at_the_first_of_the_rows_whose_target_is_left_blank(single):
    frame = wide()
    frame.loc[60:, "y"] = np.nan
    assert_same(single.predict(frame), single.predict(wide()[:60]))
    assert single.predict(frame)["ds"].iloc[0] == frame["ds"][60]


def test_a_history_shorter_than_the_window_is_enough(single):
    for rows in (1, 2, 5, 11):
        forecast = single.predict(wide()[:rows])
        assert forecast["ds"].iloc[0] == pd.Timestamp("2024-01-06") + pd.Timedelta(days=rows)
        assert np.isfinite(numbers(forecast)).all(axis=None)


def test_of_a_known_series_only_the_last_window_counts(single):
    pd.testing.assert_frame_equal(single.predict(wide()), single.predict(wide()[-12:]), rtol=1e-6)


def test_a_series_that_training_did_not_know_is_forecast_in_its_own_units(shops):
    frame = long()
    new = frame[frame["unique_id"] == "shop 1"].assign(unique_id="new", size=4.0)
    new["y"] *= 1000
    later = ahead(frame, 5)
    old = shops.predict(frame[frame["unique_id"] == "shop 1"], future=later)
    forecast = shops.predict(new, future=later[later["unique_id"] == "shop 1"].assign(unique_id="new"))
    assert forecast["unique_id"].eq("new").all()
    np.testing.assert_allclose(forecast["forecast"], 1000 * old["forecast"], rtol=0.05)


def test_series_embeddings_need_known_series():
    frame = long()
    forecaster = Forecaster(**TINY | COVARIATES, series_embedding=3).fit(frame)
    assert np.isfinite(numbers(forecaster.predict(frame, future=ahead(frame, 5)))).all(axis=None)
    stranger = frame.replace({"unique_id": {"shop 2": "stranger"}})
    for use in (forecaster.predict, forecaster.evaluate):
        with pytest.raises(OstinatoError, match=r"series 'stranger' was not in the training data.*series_embedding=0"):
            use(stranger)


def test_a_category_that_training_did_not_know_is_named(shops):
    with pytest.raises(OstinatoError, match=r"column 'region': 'east' was not there in training \(known: north, south"):
        shops.predict(long().replace({"region": {"south": "east"}}))


@pytest.mark.parametrize("frequency", ["D", "h"])
def test_a_zone_is_kept_and_written(frequency, tmp_path):
    times = pd.date_range("2024-03-29", periods=90, freq=frequency, tz="Europe/Berlin")
    frame = wide(90).assign(ds=times)
    forecaster = Forecaster(**TINY | {"epochs": 1}).fit(frame[:80])
    forecaster.save(tmp_path / "model")
    forecaster = Forecaster.load(tmp_path / "model")
    assert list(forecaster.predict(frame[:80])["ds"]) == list(times[80:85])
    stream = forecaster.stream(frame[:79])
    assert list(stream.update(100.0, time=times[79]).times) == list(times[80:85])
    np.testing.assert_allclose(stream.update(100.0).point, stream.update(100.0, time=str(times[81])).point, rtol=0.2)


@pytest.mark.parametrize("unit", [1, 0.25], ids=["counts", "money"])
def test_forecasts_of_what_is_never_below_zero_are_not_either_and_a_note_says_so(unit):
    frame = wide(80)
    frame["y"] = unit * np.arange(80)[::-1]  # on its way below 0
    forecaster = Forecaster(**TINY | {"epochs": 1}).fit(frame)
    assert "y is never below 0 in training: forecasts are not, either, unless non_negative=False" in forecaster.notes
    assert (numbers(forecaster.predict(frame)) >= 0).all(axis=None)
    below = Forecaster(**TINY | {"epochs": 1}, non_negative=False).fit(frame)
    assert (numbers(below.predict(frame)) < 0).any(axis=None)
    assert not any("below 0" in note for note in below.notes)


def test_what_is_below_zero_once_or_far_from_it_has_no_floor_to_speak_of():
    frame = wide(80)
    assert not any("below 0" in note for note in Forecaster(**TINY | {"epochs": 1}).fit(frame).notes)
    frame["y"] = np.arange(80)[::-1] - 40.0
    forecaster = Forecaster(**TINY | {"epochs": 1}).fit(frame)
    assert not any("below 0" in note for note in forecaster.notes)
    assert (numbers(forecaster.predict(frame)) < 0).any(axis=None)


# Scores.


def test_evaluate_scores_every_origin_after_the_last_row_that_fitting_saw(single):
    table = single.evaluate(wide())
    assert table.count == 26  # origins 59 to 84
    assert single.metrics is table
    assert single.evaluate(wide(), stride=5).count == 6
    assert single.evaluate(wide()[40:]).count == 26
    assert next(iter(table.rows)) == "ostinato"
    assert {"naive", "drift", "seasonal naive", "ridge"} < set(table.rows)
    with pytest.raises(OstinatoError, match="stride must be at least 1, got 0"):
        single.evaluate(wide(), stride=0)


def test_scores_are_those_of_predicting_from_each_origin(single):
    frame = wide()
    target = frame["y"].to_numpy()
    errors, season = [], np.abs(target[7:52] - target[:45]).mean()  # 60 rows, of which the last 8 validate
    for origin in range(59, 85):
        forecast = single.predict(frame[: origin + 1])["forecast"].to_numpy()
        errors.append(forecast - target[origin + 1 : origin + 6])
    scores = single.evaluate(frame).rows
    np.testing.assert_allclose(scores["ostinato"]["mae"], np.abs(errors).mean(), rtol=1e-5)
    np.testing.assert_allclose(scores["ostinato"]["rmse"], np.sqrt(np.square(errors).mean()), rtol=1e-5)
    np.testing.assert_allclose(scores["ostinato"]["mase"], np.abs(errors).mean() / season, rtol=1e-5)
    naive = [target[origin] - target[origin + 1 : origin + 6] for origin in range(59, 85)]
    np.testing.assert_allclose(scores["naive"]["mae"], np.abs(naive).mean(), rtol=1e-5)


def test_what_evaluate_does_not_score_does_not_change_what_it_gives(single):
    frame = wide()
    old = frame.assign(y=frame["y"].where(frame.index >= 48, 0.0))  # before the first scored window
    assert single.evaluate(old).rows == single.evaluate(frame).rows


def test_with_nothing_after_what_fitting_saw_there_is_nothing_to_score(single):
    for rows in (30, 60, 64):
        with pytest.raises(OstinatoError, match=r"no series goes on for 5 steps after.*nothing to score"):
            single.evaluate(wide()[:rows])


def test_a_holdout_is_what_evaluate_scores(shops):
    frame = long()
    unseen = [-(-length // 5) for length in (80, 70, 60)]
    assert shops.evaluate(frame).count == sum(rows - 5 + 1 for rows in unseen)


def test_what_is_held_out_has_no_part_in_the_fit():
    frame = wide()
    other = frame.assign(y=frame["y"].where(frame.index < 72, 1e3))
    first, second = (Forecaster(**TINY).fit(table, holdout=0.2) for table in (frame, other))
    assert_same(first.predict(frame), second.predict(frame))
    other = frame.assign(y=frame["y"].where(frame.index < 60, 1e3))  # trained on
    assert not first.predict(frame).equals(Forecaster(**TINY).fit(other, holdout=0.2).predict(frame))


def test_of_a_new_series_the_first_window_only_measures_its_units():
    known, new = (
        wide(rows, *names).melt("ds", var_name="unique_id", value_name="y")
        for rows, names in ((60, ("a", "b")), (40, ("c", "d")))
    )
    forecaster = Forecaster(**TINY).fit(known)
    with pytest.raises(OstinatoError, match=r"none of these series was .* they are c, d, and those were a, b: .*--new"):
        forecaster.evaluate(new)
    assert forecaster.evaluate(new, new_series=True).count == 2 * (40 - 12 - 5 + 1)
    both = pd.concat([new, known], ignore_index=True)
    assert forecaster.evaluate(both).count == 2 * (40 - 12 - 5 + 1)
    short = new[new["ds"] < "2024-01-14"]  # 8 rows each: 3 of context, then what is scored
    assert forecaster.evaluate(short, new_series=True).count == 2
    first = forecaster.evaluate(short, new_series=True).rows["naive"]["mase"]
    assert np.isnan(first)  # 3 rows hold no season


def test_validation_data_decide_when_to_stop_and_go_on_where_the_training_data_end():
    frame = wide()
    forecaster = Forecaster(**TINY).fit(frame[:60], validation=frame[60:75])
    assert forecaster.evaluate(frame).count == 90 - 75 - 5 + 1
    with pytest.raises(OstinatoError, match=r"'y' begin at 2024-03-07, and must go on .* at 2024-03-06"):
        Forecaster(**TINY).fit(frame[:60], validation=frame[61:75])
    with pytest.raises(OstinatoError, match="validation data or a holdout, not both"):
        Forecaster(**TINY).fit(frame[:60], validation=frame[60:75], holdout=0.1)
    with pytest.raises(OstinatoError, match="the validation part has no observed value to forecast"):
        Forecaster(**TINY).fit(frame[:60], validation=frame[60:64])


def test_a_share_for_validation_does_what_the_same_rows_as_validation_data_do():
    frame = wide(80)
    first = Forecaster(**TINY).fit(frame)  # an eighth of 80 rows is 10
    second = Forecaster(**TINY).fit(frame[:70], validation=frame[70:])
    assert_same(first.predict(frame), second.predict(frame))


def test_validation_data_without_times_are_counted_on():
    frame = wide()[["y"]]
    forecaster = Forecaster(**TINY).fit(frame[:60], validation=frame[60:75])
    assert forecaster.evaluate(frame).count == 90 - 75 - 5 + 1


# Whose series it is.


@pytest.mark.parametrize("spelling", [lambda number: number, float, "{}.0".format, " {} ".format])
def test_a_series_is_known_however_its_number_is_spelled(spelling):
    frame = wide(60, "7", "12").melt("ds", var_name="unique_id", value_name="y").astype({"unique_id": int})
    other = frame.assign(unique_id=frame["unique_id"].map(spelling))
    forecaster = Forecaster(**TINY | {"epochs": 1}).fit(frame, holdout=0.2)
    assert forecaster.evaluate(other).rows == forecaster.evaluate(frame).rows
    assert_same(forecaster.predict(other), forecaster.predict(frame))


def test_rows_to_come_are_found_however_the_number_of_their_series_is_spelled():
    frame = wide(60, "7", "12").melt("ds", var_name="unique_id", value_name="y").astype({"unique_id": int})
    frame["plan"] = 1.0
    frame.loc[frame["ds"] > "2024-02-20", "y"] = np.nan
    forecaster = Forecaster(**TINY | {"epochs": 1}, target="y", future="plan").fit(frame)
    assert_same(forecaster.predict(frame, future=frame.astype({"unique_id": float})), forecaster.predict(frame))


# What is found out, and what is refused.


def test_window_season_and_segment_are_found_where_they_are_not_given():
    free = {name: value for name, value in TINY.items() if name != "window"}
    found = Forecaster(**free).fit(wide(300)).settings
    assert (found.season_length, found.window, found.segment) == (7, 14, 1)
    found = Forecaster(**free | {"horizon": 24}).fit(wide(400)).settings
    assert (found.window, found.segment) == (48, 4)
    found = Forecaster(**free | {"horizon": 24}).fit(wide(70)).settings
    assert found.window == (70 - 24 - 24) // 2  # half of what training has left
    found = Forecaster(**free | {"season_length": 12, "segment": 6}).fit(wide(300)).settings
    assert (found.season_length, found.window, found.segment) == (12, 24, 6)


def test_the_segment_found_leaves_twelve_segments():
    for window in range(2, 200):
        segment = ForecasterSettings(window=window, horizon=1).resolved(season_lengths=(7,), rows=300).segment
        assert window % segment == 0
        assert segment == 1 or window // segment >= 12


def test_fitting_again_begins_anew():
    forecaster = Forecaster(**TINY | {"window": None}).fit(wide(60), holdout=0.2)
    forecaster.evaluate(wide(60))
    assert forecaster.settings.season_length == 7
    hourly = wide(120, freq="h")
    forecaster.fit(hourly)
    assert (forecaster.settings.season_length, forecaster.settings.window) == ((24, 168), 50)  # half of what is there
    assert forecaster.metrics is None
    assert_same(forecaster.predict(hourly), Forecaster(**TINY | {"window": None}).fit(hourly).predict(hourly))


def test_a_fit_that_fails_leaves_what_was_fitted_before():
    forecaster = Forecaster(**TINY).fit(wide())
    before = forecaster.predict(wide())
    with pytest.raises(OstinatoError):
        forecaster.fit(wide(10))
    assert_same(forecaster.predict(wide()), before)


@pytest.mark.parametrize(("rows", "left"), [(16, 6), (11, 1), (7, 0), (3, 0)])
def test_a_series_that_is_too_short_is_named(rows, left):
    message = rf"series 'y' has {rows} rows, of which {left} are left for training, and a horizon of 5 needs at least 7"
    with pytest.raises(OstinatoError, match=message):
        Forecaster(**TINY).fit(wide(rows), holdout=0.01)


def test_the_shortest_series_that_can_be_fitted_is_fitted():
    forecaster = Forecaster(**TINY).fit(wide(12))
    assert np.isfinite(numbers(forecaster.predict(wide(12)))).all(axis=None)


def test_a_window_longer_than_the_series_is_filled_as_far_as_they_go():
    forecaster = Forecaster(**TINY | {"window": 200}).fit(wide(), holdout=0.2)
    assert np.isfinite(numbers(forecaster.predict(wide()))).all(axis=None)
    assert np.isfinite(forecaster.evaluate(wide()).rows["ostinato"]["mae"])


@pytest.mark.parametrize("scaling", ["last", "level", "trend", "standard", "difference", "none"])
def test_a_constant_series_is_fitted_with_a_note(scaling):
    frame = wide(60).assign(y=42.0)
    forecaster = Forecaster(**TINY, scaling=scaling).fit(frame, holdout=0.2)
    assert any("constant (first: 'y'): nothing to learn" in note for note in forecaster.notes)
    np.testing.assert_allclose(forecaster.predict(frame)["forecast"], 42, atol=1)
    assert np.isnan(forecaster.evaluate(frame).rows["ostinato"]["mase"])


def test_a_constant_series_among_others_does_no_harm():
    frame = wide(80, "a", "b").assign(b=-7.0)
    forecaster = Forecaster(**TINY).fit(frame, holdout=0.2)
    assert np.isfinite(forecaster.evaluate(frame).rows["ostinato"]["mase"])
    assert np.isfinite(numbers(forecaster.predict(frame))).all(axis=None)


def test_prices_that_are_not_positive_are_named():
    frame = wide(60, "gold")
    frame.loc[30, "gold"] = 0.0
    with pytest.raises(OstinatoError, match="need positive values, but series 'gold' is 0 at 2024-02-05"):
        Forecaster(**TINY, returns="log").fit(frame)
    forecaster = Forecaster(**TINY, returns="log").fit(wide(60, "gold"))
    with pytest.raises(OstinatoError, match="need positive values"):
        forecaster.predict(frame)
    assert (numbers(forecaster.predict(wide(60, "gold"))) > 0).all(axis=None)


@pytest.mark.parametrize(("part", "shift"), [("future", 0), ("future", 3), ("past", -1)])
def test_a_covariate_that_gives_the_target_away_is_refused(part, shift):
    frame = wide(80)
    frame["spy"] = 3 * frame["y"].shift(shift).bfill().ffill() + 1
    with pytest.raises(OstinatoError, match=r"column 'spy'.*gives the forecast away"):
        Forecaster(**TINY, target="y", **{part: "spy"}).fit(frame)


@pytest.mark.parametrize("holdout", [-0.1, 1.0, 2])
def test_a_holdout_is_a_share(holdout):
    with pytest.raises(OstinatoError, match="holdout must be a share"):
        Forecaster(**TINY).fit(wide(), holdout=holdout)


def test_any_frequency_is_walked_on():
    for alias, expected in (
        ("MS", "2031-08-01"),
        ("B", "2024-05-13"),
        ("15min", "2024-01-06 22:30"),
        ("W", "2025-09-28"),
    ):
        frame = wide(90, freq=alias)
        assert Forecaster(**TINY).fit(frame).predict(frame)["ds"].iloc[0] == pd.Timestamp(expected), alias


# The same seed gives the same model.


def weights(forecaster):
    return forecaster.model.network.state_dict()


def test_the_same_seed_gives_the_same_weights_and_another_one_others():
    frame = long()
    chosen = TINY | COVARIATES | {"epochs": 1}
    first, again, other = (Forecaster(**chosen, seed=seed).fit(frame) for seed in (3, 3, 4))
    assert all(torch.equal(tensor, weights(again)[name]) for name, tensor in weights(first).items())
    assert not all(torch.equal(tensor, weights(other)[name]) for name, tensor in weights(first).items())


def test_a_cell_of_the_users_own_is_trained_and_named_in_the_summary():
    forecaster = Forecaster(**TINY, cell=Leaky).fit(wide())
    assert "Leaky (your own), 1 x 8 units" in forecaster.summary()
    assert np.isfinite(numbers(forecaster.predict(wide()))).all(axis=None)


def test_plots_show_some_series_of_the_training_and_new_ones(shops, tmp_path):
    frame = long()
    one = frame[frame["unique_id"] == "shop 2"]
    shops.plot(one, tmp_path / "one.png", actual=True)
    shops.plot(frame.assign(unique_id="new " + frame["unique_id"]), tmp_path / "new.png", actual=True)
    shops.plot(frame, tmp_path / "all.png", future=ahead(frame, 5))
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("one.png", "new.png", "all.png"))


def test_a_future_table_is_refused_by_a_model_that_would_not_read_it():
    table = load_embedded("sunspots")
    forecaster = Forecaster(horizon=3, window=12, hidden_size=4, epochs=1).fit(table)
    with pytest.raises(OstinatoError, match="trained without covariates known into the future"):
        forecaster.predict(table, future=table)
    with pytest.raises(OstinatoError, match="leave future out"):
        forecaster.plot(table, "plot.png", actual=True, future=table)


def test_training_leaves_torchs_threads_as_they_were():
    threads = torch.get_num_threads()
    Forecaster(horizon=3, window=12, hidden_size=4, epochs=1, num_threads=2).fit(load_embedded("sunspots"))
    assert torch.get_num_threads() == threads


def test_hours_see_the_week_where_there_are_enough_of_them():
    settings = ForecasterSettings(horizon=24)
    assert settings.resolved(Frequency.parse("h").season_lengths, rows=5000).window == 336
    assert settings.resolved(Frequency.parse("15min").season_lengths, rows=50_000).window == 4 * 336
    assert settings.resolved(Frequency.parse("5min").season_lengths, rows=50_000).window == 12 * 168
    assert settings.resolved(Frequency.parse("min").season_lengths, rows=50_000).window == 2880
    assert settings.resolved(Frequency.parse("D").season_lengths, rows=5000).window == 48
    assert ForecasterSettings(horizon=24, season_length=24).resolved((24, 168), rows=5000).window == 48


def test_all_epochs_together_take_no_more_steps_than_the_budget():
    short = TINY | {"batches_per_epoch": None, "epochs": 3, "max_steps": 7}
    first = Forecaster(**short).fit(wide(120))
    assert first._history.epochs[-1].step == 3 * 2
    onwards = Forecaster(max_steps=12).fit(
        wide(120), warm_start=first
    )  # no limit is handed on but the one that was set
    assert onwards._history.epochs[-1].step == 3 * 4


def test_refit_trains_on_all_rows_and_keeps_scores_and_calibration():
    frame = wide(90)
    forecaster = Forecaster(**TINY).fit(frame, holdout=0.2)
    scores, calibration = forecaster.evaluate(frame), forecaster.model.calibration
    before = forecaster.predict(frame)
    assert forecaster.refit(frame) is forecaster
    assert forecaster.metrics is scores
    assert forecaster.model.calibration is calibration
    assert not forecaster.predict(frame)["forecast"].equals(before["forecast"])
    assert forecaster.settings == forecaster.model.settings
    with pytest.raises(OstinatoError, match="nothing to score"):
        forecaster.evaluate(frame)


def test_refit_is_refused_where_it_cannot_be_done(tmp_path):
    frame = wide(60)
    fitted = Forecaster(**TINY, schedule="plateau").fit(frame)
    with pytest.raises(OstinatoError, match="plateau needs scores"):
        fitted.refit()
    Forecaster(**TINY).fit(frame).save(tmp_path)
    with pytest.raises(OstinatoError, match="not fitted here"):
        Forecaster.load(tmp_path).refit(frame)


def test_an_interrupted_training_leaves_the_best_model_so_far(tmp_path):
    class Interrupting(TrainingLogger):
        def record(self, record):
            if record.kind == "epoch" and record.epoch == 2:
                os.kill(os.getpid(), signal.SIGINT)

    forecaster = Forecaster(**TINY | {"epochs": 5})
    with pytest.raises(Interrupted) as caught:
        forecaster.fit(wide(60), logger=Interrupting(progress=False), folder=tmp_path)
    assert caught.value.usable
    assert len(forecaster.predict(wide(60))) == TINY["horizon"]


def test_series_that_grow_many_times_over_are_said_to_suit_returns():
    frame = wide(120)
    frame["y"] = np.exp(np.arange(120) / 40)
    assert any("grew" in note and "returns='log'" in note for note in Forecaster(**TINY).fit(frame).notes)
    assert not any("grew" in note for note in Forecaster(**TINY, returns="log").fit(frame).notes)
    assert not any("grew" in note for note in Forecaster(**TINY).fit(wide(120)).notes)
