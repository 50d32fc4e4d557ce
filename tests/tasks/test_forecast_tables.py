"""Tables of results, whatever the columns of the data are called."""

import pytest
from forecast_scenario import TINY, wide

from ostinato import Forecaster


def renamed(id="unique_id", time="ds", target="y"):
    both = wide(60, "a", "b").melt("ds", var_name="unique_id", value_name="y")
    return both.rename(columns={"unique_id": id, "ds": time, "y": target}), {"id": id, "time": time, "target": target}


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"id": "sample", "time": "forecast", "target": "value"},
        {"id": "model", "time": "y", "target": "value"},
        {"id": "score", "time": "cutoff", "target": "forecasts"},
        {"id": "forecasts", "time": "mean", "target": "score"},
    ],
)
def test_no_column_of_the_data_is_lost_beside_one_of_the_results(names):
    frame, columns = renamed(**names)
    forecaster = Forecaster(**TINY | {"epochs": 1} | columns).fit(frame, holdout=0.2)
    forecaster.evaluate(frame)
    times = frame.iloc[:60, 0]
    tables = [
        forecaster.predict(frame),
        forecaster.predict(frame, samples=2),
        forecaster.predict(frame, total="horizon"),
        forecaster.detect(frame),
        forecaster.cross_validation(frame, n_windows=2),
    ]
    for table in tables:
        found = set(table.columns[2:])
        id, time = columns["id"], columns["time"]
        assert table.columns[:2].tolist() == ["unique_id" if id in found else id, "ds" if time in found else time]
        assert table.iloc[:, 0].unique().tolist() == ["a", "b"]
        assert (table.iloc[:, 1] > times.iloc[20]).all()
    assert forecaster.scores_by_series.iloc[:, 0].unique().tolist() == ["a", "b"]
    assert "ostinato" in forecaster.scores_by_series["model"].tolist()
