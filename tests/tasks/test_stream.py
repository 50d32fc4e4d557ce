"""A stream gives at every step what predict gives for the same past, but for intervals that learn from what comes."""

import copy

import numpy as np
import pandas as pd
import pytest
from forecast_scenario import COVARIATES, TINY, ahead, long, wide

from ostinato import Forecaster, OstinatoError
from ostinato.tasks.forecasting import conformal

ROWS = 34  # nearly three windows


@pytest.fixture(autouse=True)
def intervals_that_learn_nothing(monkeypatch):
    """How they learn is told in test_conformal."""
    monkeypatch.setattr(conformal, "RATE", 0.0)


def fitted(frame, **chosen):
    return Forecaster(**TINY | chosen).fit(frame)


def assert_same(streamed, predicted, time="ds"):
    """Times, points and quantiles of one stream forecast and of one series' rows of predict."""
    np.testing.assert_array_equal(streamed.times, predicted[time].to_numpy())
    near = {"rtol": 1e-6, "atol": 1e-9}
    np.testing.assert_allclose(streamed.point, predicted["forecast"], **near)
    quantiles = [name for name in predicted if name.startswith("q0.")]
    if quantiles:
        np.testing.assert_allclose(streamed.quantiles, predicted[quantiles], **near)
    else:
        assert streamed.quantiles is None


def given(value):
    return None if np.isnan(value) else value


CASES = {
    "daily with holes": (wide(90, missing=0.3, seed=1), {}),
    "many to one": (wide(90, missing=0.1), {"wiring": "many_to_one", "scaling": "standard"}),
    "recurrent decoding": (wide(90, freq="h"), {"decoding": "recurrent", "segment": 2, "scaling": "trend"}),
    "log returns": (wide(90, missing=0.1, freq="B"), {"returns": "log"}),
    "months": (wide(90, freq="MS"), {"scaling": "last", "output": "mae"}),
    "no calendar": (wide(90, missing=0.1), {"calendar": False, "scaling": "none"}),
}


@pytest.mark.parametrize("case", CASES)
def test_every_update_forecasts_as_predict_does(case):
    frame, chosen = CASES[case]
    forecaster = fitted(frame, **chosen)
    stream = forecaster.stream()
    compared = 0
    for row in range(ROWS):
        time = frame["ds"][row] if row == 0 or row % 3 else None  # given or not, it is the next step
        streamed = stream.update(given(frame["y"][row]), time=time)
        if frame["y"][: row + 1].isna().all():
            assert streamed is None
            continue
        if np.isnan(frame["y"][row]):  # in a table the first of the rows to forecast
            assert streamed.times[0] == frame["ds"][row + 1]
            continue
        assert_same(streamed, forecaster.predict(frame[: row + 1]))
        compared += 1
    assert compared > ROWS // 2


def test_before_anything_is_observed_there_is_no_forecast():
    frame = wide(60)
    frame.loc[:3, "y"] = np.nan
    forecaster = fitted(frame)
    stream = forecaster.stream()
    for row in range(15):
        streamed = stream.update(given(frame["y"][row]), time=frame["ds"][row])
        assert (streamed is None) == (row < 4)
        if row >= 4:
            assert_same(streamed, forecaster.predict(frame[: row + 1]))


def test_integer_times_begin_at_zero_unless_told():
    frame = wide(60)[["y"]]
    forecaster = fitted(frame)
    stream, told = forecaster.stream(), forecaster.stream()
    for row in range(15):
        predicted = forecaster.predict(frame[: row + 1])
        assert_same(stream.update(frame["y"][row]), predicted, time="step")
        assert_same(
            told.update(frame["y"][row], time=row + 100), predicted.assign(step=predicted["step"] + 100), "step"
        )


@pytest.fixture(scope="module")
def shops():
    return fitted(long(), **COVARIATES, series_embedding=2)


def covariates(frame, row):
    """What is told of one row of a shop."""
    return {
        "past": {name: given(frame[name].iloc[row]) for name in ("wind", "rain")},
        "known": {"promo": frame["promo"].iloc[row]},
    }


@pytest.mark.parametrize("name", ["shop 0", "shop 2"])
@pytest.mark.parametrize("primed", [0, 1, 7, 20])
def test_covariates_of_every_kind_come_with_the_observations(shops, name, primed):
    frame = long()
    frame = frame[frame["unique_id"] == name].reset_index(drop=True)
    if primed:
        frame.loc[primed - 1, "y"] = 60.0  # rows after the last target of a history would be its future
        stream = shops.stream(frame[:primed], id=name)
    else:
        stream = shops.stream(id=name, static={"size": frame["size"][0], "region": frame["region"][0]})
    compared = 0
    for row in range(primed, ROWS):
        later = ahead(frame[: row + 1], 5, seed=row)
        streamed = stream.update(
            given(frame["y"][row]),
            time=frame["ds"][row] if row == 0 else None,
            **covariates(frame, row),
            ahead={"promo": later["promo"].tolist()},
        )
        if not np.isnan(frame["y"][row]):  # else predict takes the row as one of the future
            assert_same(streamed, shops.predict(frame[: row + 1], future=later))
            compared += 1
    assert compared > (ROWS - primed) // 2


def test_a_primed_stream_goes_on_where_its_history_ends():
    frame = wide(90, missing=0.3, seed=1)
    frame.loc[0, "y"] = 100.0
    forecaster = fitted(frame)
    for primed in (1, 5, 12, 40):
        stream = forecaster.stream(frame[:primed])  # which ends with the last target
        for row in range(frame["y"][:primed].last_valid_index() + 1, primed + 15):
            streamed = stream.update(given(frame["y"][row]))
            if pd.notna(frame["y"][row]):
                assert_same(streamed, forecaster.predict(frame[: row + 1]))


@pytest.mark.parametrize("gap", [1, 2, 11, 12, 13, 40])
def test_steps_left_out_count_as_missing(gap):
    frame = wide(90, missing=0.1, seed=1)
    forecaster = fitted(frame)
    kept = frame[(frame.index < 20) | (frame.index >= 20 + gap)]
    stream = forecaster.stream(kept[:20])
    for place in range(20, 30):
        row = kept.iloc[place]
        assert_same(stream.update(given(row["y"]), time=row["ds"]), forecaster.predict(kept[: place + 1]))


def test_a_gap_of_a_lifetime_costs_a_window_and_no_more():
    forecaster = fitted(wide(60, freq="s"))
    stream = forecaster.stream(wide(60, freq="s"))
    streamed = stream.update(100.0, time="2100-01-01")
    assert streamed.times[0] == np.datetime64("2100-01-01T00:00:01")
    assert np.isfinite(streamed.point).all()


def test_the_state_does_not_grow():
    forecaster = fitted(wide(60))
    stream = forecaster.stream(wide(60))

    def sizes():
        return {name: np.shape(part) for name, part in vars(stream).items() if name not in ("_model", "_scales")}

    stream.update(100.0)
    before = sizes()
    for _ in range(50):
        stream.update(100.0)
    assert sizes() == before
    assert max(max(shape, default=0) for shape in before.values()) == TINY["window"]


# What is wrong is refused, and the stream goes on as if it had not been given.


def assert_refused(stream, message, *y, **arguments):
    parts = vars(stream).keys() - {"_model", "_adaptation"}
    before = {name: copy.deepcopy(getattr(stream, name)) for name in parts}
    learned = copy.deepcopy(vars(stream._adaptation))
    with pytest.raises(OstinatoError, match=message) as caught:
        stream.update(*y, **arguments)
    assert "\n" not in str(caught.value)
    for name, part in before.items():
        np.testing.assert_array_equal(part, getattr(stream, name))
    np.testing.assert_array_equal(learned["_further"], stream._adaptation._further)


@pytest.mark.parametrize("started", [False, True])
def test_values_that_are_no_numbers_are_refused(started):
    stream = fitted(wide(60)).stream(wide(60) if started else None)
    time = None if started else "2024-01-01"
    for wrong in ("high", float("nan"), float("inf"), [1.0]):
        assert_refused(stream, r"y = .* is not a finite number", wrong, time=time)
    assert_refused(stream, r"past: no covariate 'wind' \(there are: none\)", 1.0, time=time, past={"wind": 1.0})
    assert_refused(stream, r"known: no covariate 'promo'", 1.0, time=time, known={"promo": 1.0})


def test_times_off_the_grid_are_refused():
    forecaster = fitted(wide(60))
    assert_refused(forecaster.stream(), "first observation of a stream needs its time", 1.0)
    assert_refused(forecaster.stream(), "'soon' is not a date or time", 1.0, time="soon")
    assert_refused(forecaster.stream(), "7 is not a date or time", 1.0, time=7)
    stream = forecaster.stream(wide(60))
    for wrong in ("2024-03-05", "2024-03-01", "2024-03-07 12:00"):
        assert_refused(stream, f"{wrong} is not a later step of frequency 'D' after 2024-03-05", 1.0, time=wrong)
    for wrong in (pd.NaT, "9999-01-01", 3.5, ()):
        assert_refused(stream, "is not a date or time", 1.0, time=wrong)
    assert stream.update(1.0, time="2024-03-06").times[0] == np.datetime64("2024-03-07")
    monthly = fitted(wide(60, freq="MS")).stream()
    assert_refused(monthly, "2024-01-15 is not a time of frequency 'MS'", 1.0, time="2024-01-15")
    counted = fitted(wide(60)[["y"]]).stream()
    assert_refused(counted, "'2024-01-01' is not a whole number", 1.0, time="2024-01-01")
    assert_refused(counted, "1.5 is not a whole number", 1.0, time=1.5)


def test_times_with_a_zone_are_read_as_in_tables():
    forecaster = fitted(wide(60, freq="h"))
    stream = forecaster.stream(wide(60, freq="h"))
    last = pd.Timestamp("2024-01-08 11:00", tz="UTC")
    streamed = stream.update(1.0, time=(last + pd.Timedelta(hours=1)).tz_localize(None).tz_localize("Asia/Tokyo"))
    assert streamed.times[0] == np.datetime64("2024-01-08T13:00")  # as the clock on the wall shows them


def test_covariates_that_do_not_fit_are_refused(shops):
    frame = long()
    stream = shops.stream(frame[frame["unique_id"] == "shop 0"], id="shop 0")
    right = {"past": {"wind": 1.0}, "known": {"promo": 0.0}, "ahead": {"promo": [0.0] * 5}}
    assert_refused(stream, r"past: no covariate 'snow' \(there are: wind, rain\)", 1.0, **right | {"past": {"snow": 1}})
    assert_refused(stream, "wind = 'strong' is not a finite number", 1.0, **right | {"past": {"wind": "strong"}})
    assert_refused(stream, "known needs 1 value of the covariate 'promo'", 1.0, **right | {"known": {}})
    assert_refused(stream, "promo = None is not a finite number", 1.0, **right | {"known": {"promo": None}})
    for wrong in ([0.0] * 4, 0.0, None, []):
        message = "ahead needs 5 values of the covariate 'promo'"
        assert_refused(stream, message, 1.0, **right | {"ahead": {"promo": wrong}})
    message = "steps before 2024-03-25 were left out: give each with its known covariates"
    assert_refused(stream, message, 1.0, time="2024-03-25", **right)
    assert np.isfinite(stream.update(1.0, **right).point).all()


def test_prices_that_are_not_positive_are_refused():
    stream = fitted(wide(60), returns="log").stream(wide(60))
    assert_refused(stream, "need positive values, got 0", 0)
    assert (stream.update(1e-9).quantiles > 0).all()


def test_a_stream_is_of_a_series_of_the_training(shops):
    frame = long()
    with pytest.raises(OstinatoError, match="knows 3 series: say which one streams, id='shop 0'"):
        shops.stream(frame)
    with pytest.raises(OstinatoError, match="series 'kiosk' was not in the training data"):
        shops.stream(id="kiosk", static={"size": 3.0, "region": "north"})
    with pytest.raises(OstinatoError, match=r"the history has no series 'shop 1' \(it has: shop 0\)"):
        shops.stream(frame[frame["unique_id"] == "shop 0"], id="shop 1")


@pytest.mark.parametrize(
    ("static", "message"),
    [
        (None, r"static needs a value of each of: size, region; got none"),
        ({"size": 3.0}, r"static needs a value of each of: size, region; got size"),
        ({"size": 3.0, "region": "north", "colour": 1}, r"got size, region, colour"),
        ({"size": 3.0, "region": "east"}, r"static region='east' was not there in training \(known: north, south\)"),
        ({"size": "large", "region": "north"}, r"size = 'large' is not a finite number"),
    ],
)
def test_static_covariates_are_needed_where_there_is_no_history(shops, static, message):
    with pytest.raises(OstinatoError, match=message):
        shops.stream(id="shop 0", static=static)
