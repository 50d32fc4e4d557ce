"""AutoETS and AutoTheta stand beside the network, as statsforecast gives them."""

import io

import numpy as np
import pytest
from forecast_scenario import TINY, wide
from rich.console import Console
from statsforecast.models import AutoETS, AutoTheta

from ostinato import Forecaster
from ostinato.tasks import forecaster as module
from ostinato.tasks.forecasting import peers

WITH_PEERS = TINY | {"peers": True}


@pytest.fixture(scope="module")
def fitted():
    return Forecaster(**WITH_PEERS).fit(wide(120), holdout=0.2)


def shown(details):
    text = io.StringIO()
    Console(file=text, width=100).print(details)
    return text.getvalue()


def test_they_are_scored_on_the_windows_of_all_others_where_these_are_few(fitted):
    table = fitted.evaluate(wide(120))
    assert {"AutoETS", "AutoTheta"} <= set(table.rows)
    assert all(np.isfinite(table.rows[name]["mae"]) for name in ("AutoETS", "AutoTheta"))
    assert {name for name, row in table.rows.items() if "seconds" in row} == {"ostinato", "AutoETS", "AutoTheta"}
    assert table.columns[-1] == "seconds"
    assert fitted.details(wide(120)) is None


@pytest.mark.parametrize(("name", "kind"), [("AutoETS", AutoETS), ("AutoTheta", AutoTheta)])
def test_a_forecast_is_that_of_the_library_with_what_it_learned_from_the_training_part(name, kind):
    frame = wide(100)
    forecaster = Forecaster(**WITH_PEERS).fit(frame[:80])
    panel = forecaster.model.read(frame)
    ends = np.array([80])
    levels = (0.1, 0.3, 0.5, 0.975)
    both = peers.Peers(panel, ends, 7, 5, levels)
    batch = module.PanelPart(panel, ends, panel.lengths).windows(panel, forecaster.settings).gather([0, 3])
    point, quantiles, _ = both.forecast(name, batch)
    model = kind(season_length=7).fit(panel.target[:80])
    for row, origin in enumerate(batch.origin.tolist()):
        told = model.forward(panel.target[: origin + 1], h=5, level=[40, 80, 95])
        assert np.allclose(point[row], told["mean"])
        expected = np.stack([told["lo-80"], told["lo-40"], told["mean"], told["hi-95"]], axis=-1)
        assert np.allclose(quantiles[row], expected)


def test_of_many_series_some_are_forecast_in_a_table_of_their_own(monkeypatch):
    monkeypatch.setattr(peers, "SERIES", 3)
    monkeypatch.setattr(peers, "WINDOWS", 6)
    frame = wide(80, *"abcdef")
    forecaster = Forecaster(**WITH_PEERS).fit(frame, holdout=0.2)
    table = forecaster.evaluate(frame)
    assert "AutoETS" not in table.rows
    text = shown(forecaster.details(frame))
    assert "Beside automatic statistical models, on 6 of these forecasts" in text
    assert "AutoTheta" in text


def test_where_no_series_is_long_enough_the_table_says_so(monkeypatch):
    monkeypatch.setattr(peers, "LEAST", 1000)
    forecaster = Forecaster(**WITH_PEERS).fit(wide(80), holdout=0.2)
    assert "AutoETS" not in forecaster.evaluate(wide(80)).rows
    assert "No series is long enough for AutoETS and AutoTheta" in shown(forecaster.details(wide(80)))


def test_short_series_are_left_to_others(fitted):
    panel = fitted.read(wide(120)).panel
    windows = module.PanelPart.whole(panel).windows(panel, fitted.settings)
    assert len(peers.sampled(windows, np.array([peers.LEAST - 1]))) == 0
    assert len(peers.sampled(windows, np.array([96]))) == len(windows)


def test_points_have_no_intervals():
    frame = wide(80)
    table = Forecaster(**WITH_PEERS | {"output": "mae"}).fit(frame, holdout=0.2).evaluate(frame)
    assert "crps" not in table.rows["AutoETS"]


def test_where_the_library_is_missing_the_table_says_how_to_get_it(fitted, monkeypatch):
    monkeypatch.setattr(module, "installed", lambda: False)
    assert "AutoETS" not in fitted.evaluate(wide(120)).rows
    assert "pip install 'ostinato[forecast]'" in shown(fitted.details(wide(120)))


def test_they_are_left_out_when_told():
    frame = wide(80)
    forecaster = Forecaster(**TINY).fit(frame, holdout=0.2)
    assert "AutoETS" not in forecaster.evaluate(frame).rows
    assert forecaster.details(frame) is None
