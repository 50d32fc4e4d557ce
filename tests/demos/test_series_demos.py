"""The demonstrations on embedded data: what the README shows."""

from ostinato import Forecaster
from ostinato.demos import co2, sunspots
from ostinato.demos.data import load_embedded

ERRORS = ("mae", "rmse", "smape", "mase", "crps")


def test_the_co2_demo_beats_every_baseline_on_the_held_out_fifth():
    table = load_embedded("co2")
    forecaster = Forecaster(**co2.DEMO.settings, peers=False).fit(table, holdout=0.2)
    scores = forecaster.evaluate(table)
    assert set(scores.rows) == {"ostinato", "naive", "drift", "seasonal naive", "seasonal drift", "ridge"}
    assert all(scores.best(metric) == "ostinato" for metric in ERRORS)


def test_the_sunspot_demo_beats_the_last_value():
    table = load_embedded("sunspots")
    forecaster = Forecaster(**sunspots.DEMO.settings, peers=False).fit(table, holdout=0.2)
    scores = forecaster.evaluate(table).rows
    assert all(scores["ostinato"][metric] < scores["naive"][metric] for metric in ERRORS)
