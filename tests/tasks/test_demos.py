"""The demonstrations on embedded data: what the README shows."""

from ostinato import Forecaster
from ostinato.data import load_embedded
from ostinato.tasks.forecasting.recipes import DEMOS

ERRORS = ("mae", "rmse", "smape", "mase", "crps")


def test_the_co2_demo_beats_every_baseline_on_the_held_out_fifth():
    table = load_embedded("co2")
    forecaster = Forecaster(**DEMOS["co2"]).fit(table, holdout=0.2)
    scores = forecaster.evaluate(table)
    assert set(scores.rows) == {"ostinato", "naive", "drift", "seasonal naive", "seasonal drift", "ridge"}
    assert all(scores.best(metric) == "ostinato" for metric in ERRORS)


def test_the_sunspot_demo_beats_the_last_value():
    table = load_embedded("sunspots")
    forecaster = Forecaster(**DEMOS["sunspots"]).fit(table, holdout=0.2)
    scores = forecaster.evaluate(table).rows
    assert all(scores["ostinato"][metric] < scores["naive"][metric] for metric in ERRORS)
