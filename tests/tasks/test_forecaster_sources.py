"""A Forecaster reads series as pandas and NumPy hold them, and forecasts what a table of them gives."""

import numpy as np
import pandas as pd
import pytest
from forecast_scenario import COVARIATES, TINY, ahead, long, wide

from ostinato import Forecaster, OstinatoError
from ostinato.data.series import series_table


def dated(frame, name="y"):
    """A column as a Series on its dates."""
    return frame.set_index("ds")[name]


def numbers_of(forecast):
    return forecast.drop(columns=["unique_id", *({"ds", "step", "index"} & set(forecast))]).to_numpy()


FORMS = {
    "a Series on dates": lambda frame: (dated(frame), frame),
    "a Series on unnamed dates": lambda frame: (dated(frame).rename_axis(None), frame.rename(columns={"ds": "index"})),
    "a Series on periods": lambda frame: (dated(frame).to_period("D"), frame),
    "a Series without dates": lambda frame: (frame["y"], frame[["y"]]),
    "a Series without a name": lambda frame: (frame["y"].rename(None), frame[["y"]]),
    "a Series with a name of its own": lambda frame: (
        dated(frame).rename("sales"),
        frame.rename(columns={"y": "sales"}),
    ),
    "a pyarrow.Table": lambda frame: (pytest.importorskip("pyarrow").Table.from_pandas(frame), frame),
    "an array": lambda frame: (frame["y"].to_numpy(), frame[["y"]]),
    "an array of one series": lambda frame: (frame[["y"]].to_numpy(), frame[["y"]].set_axis(["series_0"], axis=1)),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_series_alone_is_the_table_of_it(form):
    alone, table = FORMS[form](wide(90, missing=0.1, seed=1))
    first = Forecaster(**TINY).fit(alone, holdout=0.2)
    second = Forecaster(**TINY).fit(table, holdout=0.2)
    pd.testing.assert_frame_equal(first.predict(alone), second.predict(table), check_exact=True)
    assert first.evaluate(alone).to_dict() == second.evaluate(table).to_dict()
    assert first.model.spec == second.model.spec
    assert first.score(alone) == second.score(table)


def test_the_columns_of_an_array_are_series():
    frame = wide(80, "series_0", "series_1")[["series_0", "series_1"]]
    forecaster = Forecaster(**TINY).fit(frame.to_numpy())
    forecast = forecaster.predict(frame.to_numpy())
    assert forecast["unique_id"].unique().tolist() == ["series_0", "series_1"]
    pd.testing.assert_frame_equal(forecast, forecaster.predict(frame), check_exact=True)


def test_a_series_is_validated_on_another_that_goes_on_where_it_ends():
    series = dated(wide())
    forecaster = Forecaster(**TINY).fit(series[:60], validation=series[60:75])
    assert forecaster.evaluate(series).count == 90 - 75 - 5 + 1
    array = series.to_numpy()
    assert Forecaster(**TINY).fit(array[:60], validation=array[60:75]).evaluate(array).count == 11


def test_a_series_streams_is_examined_and_drawn(tmp_path):
    series = dated(wide())
    forecaster = Forecaster(**TINY).fit(series)
    streamed = forecaster.stream(series[:60]).update(series.iloc[60])
    np.testing.assert_allclose(streamed.point, forecaster.predict(series[:61])["forecast"], rtol=1e-6)
    forecaster.plot(series, tmp_path / "plot.png", actual=True)
    assert forecaster.examine(series).verdict


def in_rows(frame, first=0):
    """The columns of a wide table as rows, as M4's files have them; the second of them begins later."""
    values = frame.drop(columns="ds").T.to_numpy().copy()
    values[1, :first] = np.nan
    rows = pd.DataFrame(values, columns=[f"V{number + 2}" for number in range(values.shape[1])])
    rows.insert(0, "V1", frame.columns[1:])
    return rows


def test_a_file_of_one_series_a_row_is_fitted_saved_and_forecast(tmp_path):
    frame = wide(60, "a", "b", "c")
    in_rows(frame).to_csv(tmp_path / "rows.csv", index=False)
    forecaster = Forecaster(**TINY).fit(tmp_path / "rows.csv", holdout=0.2)
    forecaster.save(tmp_path / "model")
    forecast = Forecaster.load(tmp_path / "model").predict(tmp_path / "rows.csv")
    other = Forecaster(**TINY).fit(frame.drop(columns="ds"), holdout=0.2).predict(frame.drop(columns="ds"))
    np.testing.assert_allclose(numbers_of(forecast.rename(columns={"V1": "unique_id"})), numbers_of(other), rtol=1e-5)
    assert forecast["V1"].unique().tolist() == ["a", "b", "c"]
    assert forecast["step"][:2].tolist() == [61, 62]


def test_validation_data_of_one_series_a_row_are_counted_on():
    frame = wide(60, "a", "b")
    training, later = in_rows(frame[:50], first=4), in_rows(frame[50:])
    forecaster = Forecaster(**TINY, layout="rows").fit(training, validation=later)
    assert forecaster.model.last_seen.tolist() == [60, 60]


def test_a_series_of_another_name_is_refused():
    forecaster = Forecaster(**TINY).fit(dated(wide()).rename("sales"))
    with pytest.raises(OstinatoError, match=r"the Series: no column 'sales' \(columns: ds, orders\)"):
        forecaster.predict(dated(wide()).rename("orders"))


REFUSED = {
    "three axes": (np.zeros((9, 2, 2)), r"an array of shape \(9, 2, 2\): give \(time,\), or \(time, series\)"),
    "a number": (np.array(3.0), r"an array of shape \(\)"),
    "no rows": (np.zeros(0), "the array: no rows"),
    "no series": (np.zeros((9, 0)), "the array: no columns"),
    "an infinite value": (np.array([1.0, np.inf]), "the array, row 1, column 'y': an infinite value"),
    "text": (np.array(["1", "two"]), "the array, row 1, column 'y': 'two' is not a number"),
    "complex numbers": (np.array([1 + 2j, 2]), "the array, row 0, column 'y'"),
    "an empty Series": (pd.Series([], dtype=float), "the Series: no rows"),
    "text in a Series": (pd.Series(["1", "two"], name="n"), "the Series, row 1, column 'n': 'two' is not a number"),
    "a list": ([1.0, 2.0], "from a file, a DataFrame, a Series or an array, not from a list"),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_series_is_refused_in_one_line(data, message):
    with pytest.raises(OstinatoError, match=message) as caught:
        Forecaster(**TINY, target="n" if isinstance(data, pd.Series) and data.name else "y").fit(data)
    assert "\n" not in str(caught.value)


def test_a_series_with_more_levels_is_a_long_table():
    frame = long()
    table = series_table(frame.set_index(["unique_id", "ds"])["y"])
    assert table.columns == ["unique_id", "ds", "y"]
    assert len(table) == len(frame)


# What is held out, and how it is scored.


def test_records_that_were_read_are_held_out_fitted_on_and_scored():
    frame = long()
    forecaster = Forecaster(**TINY | COVARIATES)
    training, scored = forecaster.hold_out(forecaster.read(frame), 0.2)
    by_hand = forecaster.fit(training).evaluate(scored)
    whole = Forecaster(**TINY | COVARIATES).fit(frame, holdout=0.2)
    assert by_hand.to_dict() == whole.evaluate(frame).to_dict()
    later = ahead(frame, 5)
    pd.testing.assert_frame_equal(forecaster.predict(frame, future=later), whole.predict(frame, future=later))


def test_only_the_rows_of_a_part_are_scored():
    forecaster = Forecaster(**TINY)
    first, _ = forecaster.hold_out(forecaster.read(wide()), 0.2)
    earlier, _ = forecaster.hold_out(first, 0.2)
    assert forecaster.fit(earlier).evaluate(first).count == first.end[0] - earlier.end[0] - 5 + 1


def test_rows_that_were_read_in_another_way_are_not_scored():
    forecaster = Forecaster(**TINY).fit(wide())
    other = Forecaster(**TINY).read(wide(freq="h"))
    with pytest.raises(OstinatoError, match="read with other columns than the training data: give the table itself"):
        forecaster.evaluate(other)


def test_what_is_held_out_is_not_validated_on_and_the_series_are_the_targets():
    forecaster, frame = Forecaster(**TINY), wide()
    training, _ = forecaster.hold_out(forecaster.read(frame[:60]), 0.2)
    with pytest.raises(OstinatoError, match="validation data or a holdout, not both"):
        forecaster.fit(training, validation=frame[60:])
    with pytest.raises(OstinatoError, match="Forecaster takes no y"):
        forecaster.fit(frame, frame["y"])


def test_the_setting_scoring_stride_counts_unless_evaluate_is_told_otherwise():
    frame = wide()
    forecaster = Forecaster(**TINY, scoring_stride=5).fit(frame[:60])
    assert forecaster.evaluate(frame).count == 6
    assert forecaster.evaluate(frame, stride=1).count == 26
    assert forecaster.set_params(scoring_stride=13).evaluate(frame).count == 2


def test_how_it_is_scored_does_not_keep_a_training_from_being_resumed(tmp_path):
    frame = wide()
    tiny = TINY | {"schedule": "constant"}  # a cosine would fall to 0 within the limit
    stopped = Forecaster(**tiny, max_seconds=1e-9).fit(frame, folder=tmp_path)
    assert "resume to go on" in stopped.notes[-1]
    resumed = Forecaster(**tiny, scoring_stride=3).fit(frame, folder=tmp_path, resume=True)
    assert resumed.predict(frame).equals(Forecaster(**tiny).fit(frame).predict(frame))


def test_the_backend_is_the_one_that_was_asked_for():
    frame = wide()
    forecasts = {name: Forecaster(**TINY, backend=name).fit(frame) for name in ("reference", "cpp")}
    for name, forecaster in forecasts.items():
        recurrent = forecaster.model.network.wiring.encoder
        assert {scan.backend for scan in recurrent.scans} == {name}
    first, second = (numbers_of(forecaster.predict(frame)) for forecaster in forecasts.values())
    np.testing.assert_allclose(first, second, rtol=1e-3)


@pytest.mark.parametrize("device", ["cuda:7", "mps"])
def test_a_device_that_is_not_there_is_refused_before_training(device):
    with pytest.raises(OstinatoError, match=f"device='{device}': this machine has none"):
        Forecaster(**TINY, device=device).fit(wide())
