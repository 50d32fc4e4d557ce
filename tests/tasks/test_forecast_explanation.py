"""Contributions of lags and covariates to a forecast: they add up, and find what is known to matter."""

import numpy as np
import pandas as pd
import pytest
import torch
from forecast_scenario import COVARIATES, TINY, ahead, long, wide

from ostinato import Forecaster, OstinatoError
from ostinato.tasks.forecasting.explanation import INPUTS, baseline, integrated_gradients
from ostinato.tasks.forecasting.explanation_plot import plot_explanation


def fitted(frame, **chosen):
    return Forecaster(**TINY | {"epochs": 1} | chosen).fit(frame)


@pytest.fixture(scope="module")
def shops():
    frame = long()
    return fitted(frame, **COVARIATES), frame, ahead(frame, TINY["horizon"])


SCALINGS = ["level", "last", "trend", "standard", "difference", "none"]


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("chosen", [{}, {"wiring": "many_to_one"}, {"output": "mae", "cell": "lstm"}])
def test_contributions_add_up_to_the_difference_from_the_baseline_in_double_precision(scaling, chosen, shops):
    _, frame, plan = shops
    model = Forecaster(**TINY | {"epochs": 1, "backend": "reference", "scaling": scaling} | COVARIATES | chosen)
    model = model.fit(frame).model
    panel = model.read(frame)
    later = model.steps_after(panel, frame, plan)
    windows = model.last_windows(panel, later, model.standardiser.scales_of(panel, panel.offsets[1:]))
    network, batch = model.network.double(), windows.gather(np.array([1]))
    batch = batch._replace(**{name: getattr(batch, name).double() for name in INPUTS})
    flat = baseline(batch, network.segment)
    parts = integrated_gradients(network, batch, flat, 400)
    total = sum(part.reshape(len(part), -1).sum(axis=1) for part in parts.values())
    middle = model.settings.quantiles.index(0.5)
    with torch.no_grad():
        ends = [network(each)[0].sort(dim=-1).values for each in (batch, flat)]
    difference = (ends[0] - ends[1])[:, middle if ends[0].shape[-1] > 1 else 0].numpy()
    size = sum(np.abs(part).reshape(len(part), -1).sum(axis=1) for part in parts.values())
    assert np.abs(total - difference).max() < 1e-3 * size.max()


@pytest.mark.parametrize("chosen", [{}, {"returns": "log"}, {"transform": "box_cox"}, {"output": "mse"}])
def test_they_explain_what_predict_says_in_the_units_of_the_target(chosen, shops):
    _, frame, plan = shops
    forecaster = fitted(frame, **COVARIATES | chosen)
    explanation = forecaster.explain(frame, id="shop 1", future=plan)
    predicted = forecaster.predict(frame, future=plan)
    predicted = predicted[predicted["unique_id"] == "shop 1"]
    assert explanation.forecast == pytest.approx(predicted["forecast"].to_numpy(), rel=1e-5)
    assert list(explanation.times) == predicted["ds"].tolist()
    difference = explanation.forecast - explanation.baseline
    size = np.abs(explanation.contributions).sum(axis=1)
    assert np.abs(explanation.contributions.sum(axis=1) - difference).max() < 0.01 * size.max()


def test_of_a_distribution_of_counts_it_is_the_mean():
    frame = wide(80).assign(y=np.random.default_rng(0).poisson(3, 80).astype(float))
    for output in ("poisson", "negative_binomial"):
        forecaster = fitted(frame, output=output)
        explanation = forecaster.explain(frame)
        assert explanation.forecast == pytest.approx(forecaster.predict(frame)["mean"].to_numpy(), rel=1e-5)
        assert (explanation.baseline > 0).all()


def test_forecasts_at_the_floor_add_up_too():
    frame = wide(80).assign(y=np.random.default_rng(0).poisson(0.3, 80).astype(float))
    explanation = fitted(frame).explain(frame)
    assert explanation.contributions.sum() == pytest.approx(
        (explanation.forecast - explanation.baseline).sum(), abs=0.01
    )


def test_a_network_that_repeats_the_last_week_gives_all_to_the_lag_of_each_step():
    frame = wide(80)
    forecaster = fitted(frame, scaling="none", window=14, calendar=False, output="mae")
    network = forecaster.model.network
    with torch.no_grad():
        for each in network.parameters():
            each.zero_()
        network.linear.weight[torch.arange(5), torch.arange(5) + 7] = 1.0  # of the window the last 7 are the last week
        network.input_scale.fill_(1.0)
        network.output_scale.fill_(1.0)
    explanation = forecaster.explain(frame)
    table = explanation.table(by_step=True)
    level = explanation.baseline[0]
    for step in range(1, 6):
        one = table[table["step"] == step].set_index("lag")["contribution"]
        assert one[8 - step] == pytest.approx(frame["y"].iloc[step - 8] - level, rel=1e-4)
        assert one.drop(8 - step).abs().max() == pytest.approx(0, abs=1e-6)


@pytest.fixture(scope="module")
def driven():
    """A series of its own value a week before and of a covariate, which stands beside one that is noise; its model."""
    random = np.random.default_rng(0)
    drive, noise = random.normal(size=(2, 600))
    own = random.normal(0, 5, 600)
    for row in range(7, 600):
        own[row] = 0.98 * own[row - 7] + random.normal()
    times = pd.date_range("2024-01-01", periods=600)
    frame = pd.DataFrame({"ds": times, "y": 100 + own + 4 * drive, "drive": drive, "noise": noise})
    chosen = {"window": 7, "segment": 1, "horizon": 1, "hidden_size": 8, "epochs": 12, "learning_rate": 0.01}
    forecaster = Forecaster(**chosen, dropout=0, future=("drive", "noise"), calendar=False, peers=False)
    return forecaster.fit(frame), frame


def test_the_lag_and_the_covariate_that_drive_a_series_come_out_on_top_and_noise_near_nothing(driven):
    forecaster, frame = driven
    lags, shares = [], []
    for end in range(560, 600, 4):
        rows = frame[: end + 1].copy()
        rows.loc[end, "y"] = np.nan
        explanation = forecaster.explain(rows)
        lags.append(explanation.lags().abs())
        shares.append(explanation.features().set_index("feature")["share"])
    assert pd.concat(lags, axis=1).mean(axis=1).idxmax() == 7
    share = pd.concat(shares, axis=1).mean(axis=1)
    assert share["drive"] > 0.2
    assert share["noise"] < 0.05


def test_every_input_has_a_row_words_and_waves_together_and_what_was_before_the_series_none(shops):
    forecaster, frame, plan = shops
    short = frame.groupby("unique_id").head(6).assign(y=10.0)
    plan = ahead(short, TINY["horizon"])
    table = forecaster.explain(short, id="shop 0", future=plan).table()
    assert list(table) == ["feature", "lag", "ahead", "contribution"]
    assert not table.duplicated(["feature", "lag", "ahead"]).any()
    rows = table.groupby("feature", sort=False).agg({"lag": ["count", "max"], "ahead": ["count", "max"]})
    calendar = ["day_of_week", "day_of_month", "day_of_year"]
    assert set(rows.index) == {"y", "wind", "rain", "promo", "size", "region", *calendar}
    assert rows.loc["y"].fillna(0).tolist() == [6, 6, 0, 0]
    for feature in ("promo", *calendar):
        assert rows.loc[feature].tolist() == [6, 6, 5, 5]
    assert rows.loc["region"].fillna(0).tolist() == [0, 0, 0, 0]


def test_tables_by_step_and_of_features_tell_the_same_as_the_whole(shops):
    forecaster, frame, plan = shops
    explanation = forecaster.explain(frame, id="shop 2", future=plan)
    steps = explanation.table(by_step=True)
    assert steps.groupby("step")["contribution"].sum().to_numpy() == pytest.approx(
        explanation.contributions.sum(axis=1)
    )
    features = explanation.features()
    assert features["contribution"].sum() == pytest.approx(explanation.contributions.mean(axis=0).sum())
    assert features["share"].sum() == pytest.approx(1)
    assert features["share"].is_monotonic_decreasing
    shown = str(explanation)
    assert "y of shop 2, 2024-03-01 to 2024-03-05: " in shown
    assert "  lag " in shown
    assert "promo" in shown


def test_the_picture_has_a_bar_for_each_lag_and_each_covariate_blue_above_nothing_and_red_below(shops, tmp_path):
    forecaster, frame, plan = shops
    explanation = forecaster.explain(frame, id="shop 0", future=plan)
    explanation.plot(tmp_path / "why.png")
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")
    lags, others = plot_explanation(explanation).axes
    assert [bar.get_height() for bar in lags.patches] == explanation.lags().tolist()
    named = explanation.features().set_index("feature")["contribution"].drop("y")
    assert [label.get_text() for label in others.get_yticklabels()] == list(named.index)
    assert [bar.get_width() for bar in others.patches] == named.tolist()
    assert all((bar.get_facecolor()[2] > bar.get_facecolor()[0]) == (bar.get_height() >= 0) for bar in lags.patches)


def test_one_series_without_covariates_has_one_panel():
    frame = wide(60)
    assert len(plot_explanation(fitted(frame, calendar=False).explain(frame)).axes) == 1


def test_the_network_is_as_it_was(shops):
    forecaster, frame, plan = shops
    before = forecaster.predict(frame, future=plan)
    forecaster.explain(frame, id="shop 0", future=plan)
    assert forecaster.predict(frame, future=plan).equals(before)
    assert all(each.grad is None for each in forecaster.model.network.parameters())


def test_what_cannot_be_explained_is_refused(shops):
    forecaster, frame, plan = shops
    with pytest.raises(OstinatoError, match="the data hold 3 series: say which one to explain, id='shop 0'"):
        forecaster.explain(frame, future=plan)
    with pytest.raises(OstinatoError, match=r"the table has no series 'shop 7' \(it has: shop 0, shop 1, shop 2\)"):
        forecaster.explain(frame, id="shop 7", future=plan)
    with pytest.raises(OstinatoError, match="covariates promo must be given for the 5 steps"):
        forecaster.explain(frame, id="shop 0")
    with pytest.raises(OstinatoError, match="steps must be at least 1, got 0"):
        forecaster.explain(frame, id="shop 0", future=plan, steps=0)


def test_too_few_steps_to_add_up_are_told_with_more():
    frame = wide(60)
    forecaster = fitted(frame, scaling="none", linear=False)
    forecaster.model.network.input_scale /= (
        1e3  # values so large that every gate is shut after the first bit of the way
    )
    with pytest.raises(OstinatoError, match=r"with 16 steps contributions miss the forecast by .*: steps=64"):
        forecaster.explain(frame, steps=1)


def test_more_steps_are_taken_where_contributions_do_not_add_up_yet():
    frame = wide(60)
    forecaster = fitted(frame)
    explanation, finer = (forecaster.explain(frame, steps=steps) for steps in (2, 64))
    missed = explanation.contributions.sum(axis=1) - (explanation.forecast - explanation.baseline)
    assert np.abs(missed).max() <= 0.01 * np.abs(explanation.contributions).sum(axis=1).max()
    assert explanation.contributions.sum(axis=1) == pytest.approx(finer.contributions.sum(axis=1), abs=0.1)


@pytest.mark.parametrize("chosen", [{}, {"output": "negative_binomial"}])
def test_a_series_of_zeros_is_explained_though_contributions_are_all_rounding(chosen):
    frame = wide(60).assign(y=0.0)
    explanation = fitted(frame, **chosen).explain(frame)
    assert explanation.contributions.sum(axis=1) == pytest.approx(explanation.forecast - explanation.baseline, abs=1e-5)
