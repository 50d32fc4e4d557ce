"""Observations outside the interval forecast for them one step before, in a table and in a stream."""

import numpy as np
import pandas as pd
import pytest
from forecast_scenario import COVARIATES, TINY, ahead, long, wide

from ostinato import Forecaster, OstinatoError
from ostinato.demos.data import load_embedded
from ostinato.tasks.forecasting.detect import Interval, verdict
from ostinato.tasks.forecasting.detection_plot import plot_detection
from ostinato.tasks.forecasting.settings import ForecasterSettings


def fitted(frame, **chosen):
    return Forecaster(**TINY | chosen).fit(frame)


@pytest.fixture(scope="module")
def weekly():
    """A model of the first 60 of 90 days, and all of them, with holes after the 60th."""
    frame = wide(90)
    frame.loc[[63, 70, 71, 72], "y"] = np.nan
    return fitted(frame[:60]), frame


def test_every_observation_after_those_that_fitting_saw_is_judged_the_last_one_too(weekly):
    forecaster, frame = weekly
    table = forecaster.detect(frame)
    assert list(table) == ["unique_id", "ds", "y", "forecast", "low", "high", "score", "anomaly"]
    observed = frame[60:].dropna()
    assert table["ds"].tolist() == observed["ds"].tolist()
    assert table["y"].tolist() == observed["y"].tolist()
    outside = (table["y"] < table["low"]) | (table["y"] > table["high"])
    assert table["anomaly"].tolist() == outside.tolist()


def test_each_is_held_against_the_forecast_from_the_rows_before_it(weekly):
    forecaster, frame = weekly
    table = forecaster.detect(frame).set_index("ds")
    for row in (60, 66, 80, 89):  # what stands before them is observed
        assert table["forecast"][frame["ds"][row]] == pytest.approx(forecaster.predict(frame[:row])["forecast"][0])


def test_the_score_is_0_at_the_median_1_at_either_end_and_infinite_beside_an_end_at_the_median():
    interval = Interval.of(ForecasterSettings(quantiles=(0.1, 0.5, 0.9)))
    quantiles = np.array([[8.0, 10.0, 14.0]] * 5 + [[0.0, 0.0, 3.0]] * 2)
    scores = interval.scores(np.array([10.0, 14.0, 8.0, 18.0, 9.0, -1.0, 0.0]), quantiles)
    assert scores.tolist() == [0, 1, 1, 2, 0.5, np.inf, 0]


def test_the_level_chooses_the_interval_and_the_threshold_what_is_an_anomaly(weekly):
    frame = weekly[1]
    forecaster = fitted(frame[:60], quantiles=(0.1, 0.25, 0.5, 0.75, 0.9))
    wide_one, narrow = forecaster.detect(frame), forecaster.detect(frame, level=0.5)
    assert (narrow["low"] >= wide_one["low"]).all()
    assert (narrow["score"] >= wide_one["score"]).all()
    assert forecaster.detect(frame, level=0.8).equals(wide_one)
    rare = forecaster.detect(frame, threshold=3.0)
    assert rare["anomaly"].tolist() == (wide_one["score"] > 3).tolist()


def test_planted_spikes_in_the_co2_of_the_air_are_found_with_false_alarms_as_rare_as_promised():
    co2 = load_embedded("co2")
    forecaster = Forecaster(
        horizon=13, window=104, hidden_size=8, epochs=3, batches_per_epoch=100, calendar=False, peers=False
    ).fit(co2, holdout=0.2)
    plain = forecaster.detect(co2)
    sigma = (plain["y"] - plain["forecast"]).std()
    observed = np.flatnonzero(co2["co2"].notna())
    places = observed[np.linspace(-430, -20, 5).astype(int)]
    spiked = co2.copy()
    spiked.loc[places, "co2"] += 6 * sigma * np.array([1, -1, 1, -1, 1])
    table = forecaster.detect(spiked)
    planted = table["date"].isin(pd.to_datetime(co2["date"][places]))
    assert planted.sum() == 5
    assert set(table.nlargest(5, "score").index) == set(table.index[planted])
    assert table["anomaly"][~planted].mean() == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize(
    "chosen",
    [{}, {"returns": "log"}, {"wiring": "many_to_one", "scaling": "standard"}, {"calendar": False, "horizon": 1}],
)
@pytest.mark.parametrize("told", ["every step", "only what was observed"])
def test_a_stream_says_the_same_of_the_same_rows(chosen, told, weekly):
    frame = weekly[1]
    forecaster = fitted(frame[:60], **chosen)
    table = forecaster.detect(frame)
    stream, scores, anomalies = forecaster.stream(frame[:60]), [], []
    for time, y in frame[60:].itertuples(index=False):
        if np.isnan(y) and told == "every step":
            assert stream.update(None, time=time).score is None
        if not np.isnan(y):
            forecast = stream.update(y, time=time)
            scores.append(forecast.score)
            anomalies.append(forecast.anomaly)
    assert scores == pytest.approx(table["score"].tolist(), rel=1e-4)
    assert anomalies == table["anomaly"].tolist()


def test_a_stream_with_a_level_of_its_own(weekly):
    frame = weekly[1]
    forecaster = fitted(frame[:60], quantiles=(0.1, 0.25, 0.5, 0.75, 0.9))
    stream = forecaster.stream(frame[:60], level=0.5)
    assert stream.update(frame["y"][60]).score == pytest.approx(forecaster.detect(frame, level=0.5)["score"][0])


def test_the_first_observation_of_an_empty_stream_was_expected_by_nobody(weekly):
    stream = weekly[0].stream()
    first = stream.update(100.0, time=weekly[1]["ds"][0])
    assert (first.score, first.anomaly) == (None, False)
    assert stream.update(1e6).anomaly


def test_covariates_known_ahead_come_from_the_rows_to_forecast_or_from_a_file_of_their_own():
    frame = long(missing=0.0)
    seen = frame.groupby("unique_id").head(50)
    forecaster = fitted(seen, **COVARIATES)
    plan = ahead(frame, TINY["horizon"])
    table = forecaster.detect(frame, future=plan)
    assert table.groupby("unique_id", sort=False).size().tolist() == [30, 20, 10]
    assert forecaster.detect(pd.concat([frame, plan])).equals(table)
    with pytest.raises(OstinatoError, match="covariates promo must be given for the 5 steps after the end"):
        forecaster.detect(frame)
    one = frame[frame["unique_id"] == "shop 1"].reset_index(drop=True)
    stream, scores = forecaster.stream(one[:50], id="shop 1"), []
    for row in range(50, 55):
        promo = one["promo"][row + 1 : row + 6].tolist()
        past = {name: one[name][row] for name in ("wind", "rain")}
        forecast = stream.update(one["y"][row], past=past, known={"promo": one["promo"][row]}, ahead={"promo": promo})
        scores.append(forecast.score)
    assert scores[0] is None  # nobody told the history what is known ahead
    assert None not in scores[1:]


def test_series_that_are_new_to_the_model_are_judged_after_their_first_window():
    columns = ["unique_id", "ds", "y"]
    forecaster = fitted(long()[columns])
    new = long((60, 40), seed=3, missing=0.0)[columns].replace({"shop 0": "a", "shop 1": "b"})
    with pytest.raises(OstinatoError, match="none of these series was in the training data"):
        forecaster.detect(new)
    table = forecaster.detect(new, new_series=True)
    assert table.groupby("unique_id").size().tolist() == [60 - TINY["window"], 40 - TINY["window"]]


@pytest.mark.parametrize("given", [{"output": "mae"}, {"quantiles": (0.5, 0.9)}])
def test_a_model_without_intervals_detects_nothing_and_says_why(given):
    frame = wide(80)
    forecaster = fitted(frame[:60], **given)
    with pytest.raises(OstinatoError, match="no interval to lie outside of: train with output='quantiles'"):
        forecaster.detect(frame)
    with pytest.raises(OstinatoError, match="no interval"):
        forecaster.stream(level=0.8)
    assert forecaster.stream(frame[:60]).update(100.0).score is None


def test_what_cannot_be_asked_is_refused(weekly):
    forecaster, frame = weekly
    with pytest.raises(OstinatoError, match=r"level=0\.95: the model has the intervals 0\.8: choose one"):
        forecaster.detect(frame, level=0.95)
    with pytest.raises(OstinatoError, match="threshold must be above 0, got 0"):
        forecaster.detect(frame, threshold=0)
    with pytest.raises(OstinatoError, match="no observation follows the rows the model was fitted on"):
        forecaster.detect(frame[:60])


def test_the_verdict_counts_beside_what_is_expected():
    table = pd.DataFrame({"anomaly": [True, False, False, True]})
    assert verdict(table, 0.95) == "2 of 4 observations lie outside the 95 % interval (5 % are expected to)"
    assert verdict(table, 0.8, 2.5) == (
        "2 of 4 observations lie more than 2.5 times as far from the median as the ends of the 80 % interval"
    )


def test_the_picture_has_the_series_with_the_most_anomalies_a_panel_each(tmp_path):
    names = list("abcdefgh")
    frame = wide(70, *names)
    forecaster = fitted(frame[:60])
    frame.loc[65, ["c", "h"]] += 1000
    table = forecaster.detect(frame, plot=tmp_path / "anomalies.png")
    assert (tmp_path / "anomalies.png").read_bytes().startswith(b"\x89PNG")
    figure = plot_detection(table, 0.8, column="sales")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert len(titles) == 6
    assert {"c", "h"} <= set(titles)
    assert titles == sorted(titles)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["80 % interval, one step ahead", "observed", "anomaly"]
    dots = figure.axes[titles.index("c")].get_lines()[1]
    assert max(dots.get_ydata()) == table[table["unique_id"] == "c"]["y"].max()


def test_times_with_a_zone_are_drawn_as_the_clock_on_the_wall_shows_them():
    frame = wide(90, freq="h").assign(ds=lambda frame: frame["ds"].dt.tz_localize("Europe/Berlin"))
    table = fitted(frame[:60]).detect(frame)
    assert str(table["ds"].dt.tz) == "Europe/Berlin"
    drawn = plot_detection(table, 0.8, column="y").axes[0].get_lines()[0].get_xdata()
    assert drawn[0] == frame["ds"].dt.tz_localize(None)[60]
