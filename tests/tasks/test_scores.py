"""Scores: against numbers worked by hand, against plain loops, in pieces; and what the table says of them."""

import io
import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from ostinato.tasks.forecasting.scores import ScoreSum
from ostinato.tasks.score_table import ScoreTable

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


def batch(seed, n, horizon, levels=LEVELS, missing=0.2):
    """A batch as `ScoreSum.add` takes it; unobserved targets are NaN."""
    random = np.random.default_rng(seed)
    target = random.normal(size=(n, horizon)).round(1)
    point = random.normal(size=(n, horizon)).round(1)
    quantiles = np.sort(random.normal(size=(n, horizon, len(levels))), axis=2) if levels else None
    observed = random.random((n, horizon)) >= missing
    mase_scale, last = random.uniform(0.5, 2, n), random.normal(size=n).round(1)
    return point, quantiles, np.where(observed, target, np.nan), observed, mase_scale, last


def scores_by_loops(point, quantiles, target, observed, mase_scale, last):
    """The definitions, one number at a time."""
    n, horizon = point.shape
    absolute, squared, relative, scaled, right, losses, inside = [], [], [], [], [], [], {80: [], 50: []}
    absolute, squared, relative, scaled, right, losses, width = [], [], [], [], [], [], {80: [], 50: []}
    magnitude = 0.0
    for i in range(n):
        for h in range(horizon):
            if not observed[i, h]:
                continue
            y, f = target[i, h], point[i, h]
            absolute.append(abs(y - f))
            squared.append((y - f) ** 2)
            relative.append(200 * abs(y - f) / (abs(y) + abs(f)) if y or f else 0.0)
            scaled.append(abs(y - f) / mase_scale[i])
            magnitude += abs(y)
            if y != last[i] and f != last[i]:
                right.append((y > last[i]) == (f > last[i]))
            for level, q in zip(LEVELS, quantiles[i, h], strict=True):
                losses.append(level * (y - q) if y >= q else (1 - level) * (q - y))
            inside[80].append(quantiles[i, h, 0] <= y <= quantiles[i, h, 4])
            inside[50].append(quantiles[i, h, 1] <= y <= quantiles[i, h, 3])
            width[80].append(quantiles[i, h, 4] - quantiles[i, h, 0])
            width[50].append(quantiles[i, h, 3] - quantiles[i, h, 1])

    def mean(values):
        return sum(values) / len(values) if values else math.nan

    return {
        "mae": mean(absolute),
        "rmse": math.sqrt(mean(squared)),
        "mse": mean(squared),
        "smape": mean(relative),
        "mase": mean(scaled),
        "direction": mean(right),
        "crps": 2 * sum(losses) / len(LEVELS) / magnitude if magnitude else math.nan,
        "coverage_80": mean(inside[80]),
        "coverage_50": mean(inside[50]),
        "width_80": mean(width[80]),
        "width_50": mean(width[50]),
    }


def scored(*batches, levels=LEVELS):
    total = ScoreSum("net", levels)
    for one in batches:
        total.add(*one)
    return total.scores()


def test_the_scores_of_two_windows_worked_by_hand():
    total = ScoreSum("net", (0.1, 0.5, 0.9))
    target = np.array([[2.0, 4.0], [-1.0, np.nan]])
    point = np.array([[3.0, 4.0], [1.0, 7.0]])
    quantiles = np.array([[[1.0, 3.0, 5.0], [4.0, 4.0, 4.0]], [[0.0, 1.0, 2.0], [6.0, 7.0, 8.0]]])
    observed = ~np.isnan(target)
    total.add(point, quantiles, target, observed, np.array([0.5, 4.0]), np.array([1.0, 0.0]))

    scores = total.scores()
    assert scores["mae"] == pytest.approx((1 + 0 + 2) / 3)
    assert scores["mse"] == pytest.approx((1 + 0 + 4) / 3)
    assert scores["rmse"] == pytest.approx(math.sqrt(5 / 3))
    assert scores["smape"] == pytest.approx((200 * 1 / 5 + 0 + 200 * 2 / 2) / 3)
    assert scores["mase"] == pytest.approx((1 / 0.5 + 0 + 2 / 4.0) / 3)
    assert scores["direction"] == pytest.approx(2 / 3)
    # pinball, level by level: (0.1 + 0.5 + 0.3) + 0 + (0.9 + 1.0 + 0.3); the targets' sizes sum to 7
    assert scores["crps"] == pytest.approx(2 * (0.9 + 2.2) / 3 / 7)
    assert scores["coverage_80"] == pytest.approx(2 / 3)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000), n=st.integers(1, 6), horizon=st.integers(1, 5), missing=st.sampled_from([0, 0.3, 0.9])
)
def test_the_scores_follow_their_definitions(seed, n, horizon, missing):
    one = batch(seed, n, horizon, missing=missing)
    assert scored(one) == pytest.approx(scores_by_loops(*one), nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 9), max_size=4))
def test_pieces_score_as_the_whole(seed, cuts):
    whole = batch(seed, 9, 4)
    edges = [0, *sorted(cuts), 9]
    pieces = [tuple(part[a:b] for part in whole) for a, b in pairwise(edges)]
    assert scored(*pieces) == pytest.approx(scored(whole), nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), owner=st.lists(st.integers(0, 3), min_size=9, max_size=9))
def test_each_series_has_the_scores_of_its_own_rows(seed, owner):
    whole, owner = batch(seed, 9, 4), np.array(owner)
    total = ScoreSum("net", LEVELS, 4)
    total.add(*whole, owner)
    each = total.of_series()
    for series in range(4):
        alone = scored(tuple(part[owner == series] for part in whole))
        assert {name: values[series] for name, values in each.items()} == pytest.approx(alone, nan_ok=True)
    assert total.scores() == pytest.approx(scored(whole), nan_ok=True)


def test_every_symmetric_pair_of_levels_has_its_coverage_the_widest_first():
    total = ScoreSum("net", (0.9, 0.025, 0.3, 0.5, 0.1, 0.975))
    assert [name for name in total.scores() if name.startswith("coverage")] == ["coverage_95", "coverage_80"]


def test_the_crps_of_the_median_alone_is_the_absolute_error_over_the_size_of_the_targets():
    point, _, target, observed, mase_scale, last = batch(3, 20, 4)
    scores = scored((point, point[:, :, None], target, observed, mase_scale, last), levels=(0.5,))
    assert scores["crps"] == pytest.approx(np.abs(point - target)[observed].sum() / np.abs(target[observed]).sum())


def test_quantiles_of_the_true_distribution_have_their_nominal_coverage():
    random = np.random.default_rng(0)
    target = random.normal(size=(4000, 3))
    quantiles = np.broadcast_to([-1.2815516, 0.0, 1.2815516], (4000, 3, 3))
    total = ScoreSum("truth", (0.1, 0.5, 0.9))
    total.add(np.zeros((4000, 3)), quantiles, target, np.ones((4000, 3), bool), np.ones(4000), np.zeros(4000))
    assert total.scores()["coverage_80"] == pytest.approx(0.8, abs=0.015)


def test_a_point_model_has_neither_crps_nor_coverage():
    scores = scored(batch(0, 3, 2, levels=()), levels=())
    assert set(scores) == {"mae", "rmse", "mse", "smape", "mase", "direction"}


def test_nothing_observed_gives_nan_for_every_score():
    assert all(math.isnan(figure) for figure in scored(batch(0, 3, 2, missing=1.0)).values())
    assert all(math.isnan(figure) for figure in scored().values())


def test_squared_errors_are_those_of_the_mean_where_one_is_told():
    point, quantiles, target, *others = batch(2, 5, 4)
    told, untold = (
        scored((point, quantiles, target, *others, None, point + 1)),
        scored((point, quantiles, target, *others)),
    )
    squared = np.nanmean(np.where(others[0], (target - point - 1) ** 2, np.nan))
    assert [told["mse"], told["rmse"]] == pytest.approx([squared, math.sqrt(squared)])
    assert {**told, "mse": 0, "rmse": 0} == {**untold, "mse": 0, "rmse": 0}


def test_a_series_without_a_scale_stays_out_of_mase_alone():
    point, quantiles, target, observed, _, last = batch(1, 3, 4, missing=0.0)
    some = scored((point, quantiles, target, observed, np.array([2.0, 0.0, np.nan]), last))
    assert some["mase"] == pytest.approx(np.abs(point - target)[0].mean() / 2)
    assert some["mae"] == pytest.approx(np.abs(point - target).mean())


def test_a_forecast_of_no_change_has_no_direction():
    one = np.ones((2, 3))
    scores = scored((one, None, one * 2, one > 0, np.ones(2), np.ones(2)), levels=())
    assert math.isnan(scores["direction"])


def test_equal_zeros_have_no_relative_error():
    zero = np.zeros((1, 2))
    assert scored((zero, None, zero, zero == 0, np.ones(1), np.ones(1)), levels=())["smape"] == 0


@pytest.mark.parametrize("which", [0, 1])
def test_a_forecast_that_is_not_finite_is_refused_by_the_models_name(which):
    bad = batch(0, 3, 2)
    bad[which][1, 1] = np.inf
    with pytest.raises(ValueError, match="net: a forecast is not finite"):
        scored(bad)


def test_an_observed_target_that_is_not_finite_is_refused():
    point, quantiles, target, observed, mase_scale, last = batch(0, 3, 2)
    with pytest.raises(ValueError, match="target is not finite"):
        scored((point, quantiles, np.full_like(target, np.nan), observed | True, mase_scale, last))


def test_quantiles_without_levels_and_levels_out_of_range_are_refused():
    with pytest.raises(ValueError, match="quantiles go with levels"):
        scored(batch(0, 2, 2), levels=())
    with pytest.raises(ValueError, match="between 0 and 1"):
        ScoreSum("net", (0.5, 1.0))


NAIVE = {"mae": 2.0, "rmse": 3.0, "mse": 9.0, "mase": 1.0, "crps": 0.2, "direction": math.nan, "coverage_80": 0.8}
RIDGE = {"mae": 1.0, "rmse": 2.0, "mse": 4.0, "mase": 0.5, "crps": 0.1, "direction": 0.6, "coverage_80": 0.9}
NET = {"mae": 0.9, "rmse": 1.0, "mse": 1.0, "mase": 0.5, "crps": 0.1031, "direction": 0.55, "coverage_80": 0.71}


def test_the_table_knows_the_best_of_each_column():
    table = ScoreTable("net", {"naive": NAIVE, "ridge": RIDGE, "net": NET})
    assert table.columns == ("mae", "rmse", "mase", "crps", "direction", "coverage_80")
    best = [table.best(column) for column in table.columns]
    assert best == ["net", "net", "ridge", "ridge", "ridge", "naive"]
    assert table.best("unheard of") is None


def test_only_the_widest_interval_has_a_column():
    table = ScoreTable(
        "net", {"net": {"coverage_50": 0.5, "coverage_90": 0.9, "coverage_80": 0.8, "coverage_100": 1.0}}
    )
    assert table.columns == ("coverage_100",)


def test_the_verdict_says_where_the_model_wins_and_where_it_loses():
    verdict = ScoreTable("net", {"naive": NAIVE, "ridge": RIDGE, "net": NET}).verdict()
    assert verdict == (
        "net beats every baseline on MAE (10.0 % below ridge) and RMSE (50.0 % below ridge). "
        "net loses to ridge on CRPS by 3.1 %. "
        "net is no better than ridge on MASE. "
        "Its 80 % interval holds 71.0 % of the actual values: it is too narrow."
    )


def test_the_verdict_on_a_model_that_wins_nothing_is_plain():
    verdict = ScoreTable("naive", {"naive": NAIVE, "ridge": RIDGE}).verdict()
    assert "beats" not in verdict
    assert "naive loses to ridge on MAE by 100.0 %, RMSE by 50.0 %, MASE by 100.0 % and CRPS by 100.0 %." in verdict
    assert "the baseline is the better choice here" in verdict
    assert verdict.endswith("Its 80 % interval holds 80.0 % of the actual values.")


def test_a_perfect_baseline_and_a_near_tie_are_told_without_dividing_by_zero():
    assert "by 0.25." in ScoreTable("net", {"net": {"mae": 0.25}, "drift": {"mae": 0.0}}).verdict()
    assert "by less than 0.1 %." in ScoreTable("net", {"net": {"mae": 1.0001}, "drift": {"mae": 1.0}}).verdict()


def test_a_model_alone_has_no_verdict_against_baselines():
    assert ScoreTable("net", {"net": NET}).verdict().startswith("There is no baseline to compare net with.")


def test_the_best_figures_stand_in_bold_and_in_plain_text_bear_a_star():
    table = ScoreTable("net", {"naive": NAIVE, "ridge": RIDGE, "net": NET})
    columns = table.rich().columns
    assert [str(cell) for cell in columns[1].cells] == ["2.000", "1.000", "0.900"]
    assert [cell.style for cell in columns[1].cells] == ["", "", "bold"]
    assert [cell.style for cell in columns[3].cells] == ["", "bold", "bold"]
    assert "0.900*" in str(table)
    assert "–" in str(table)


def test_the_table_goes_to_json_and_an_undefined_score_is_null():
    data = ScoreTable("net", {"naive": NAIVE, "net": NET}).to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["scores"]["naive"]["direction"] is None
    assert data["scores"]["naive"]["mse"] == 9.0


def spelled(*errors):
    """How a column of these errors is shown."""
    table = ScoreTable("0", {str(i): {"mae": error} for i, error in enumerate(errors)})
    return [str(cell) for cell in table.rich().columns[1].cells]


def test_the_smallest_figure_of_a_column_shows_three_digits_and_a_column_too_wide_for_that_goes_to_exponents():
    assert spelled(40.128, 6.5912) == ["40.13", "6.59"]
    assert spelled(4012806.4, 659123.4) == ["4012806", "659123"]
    assert spelled(0.0, 0.03472) == ["0.0000", "0.0347"]
    assert spelled(401280643.0, 0.0) == ["4.01e+08", "0.00e+00"]
    assert spelled(12345.678, 0.0012) == ["1.23e+04", "1.20e-03"]


def test_the_table_fits_a_terminal_of_80_columns_and_a_narrower_one_cuts_no_figure_and_no_name():
    scores = {
        "mae": 4e9,
        "rmse": 5e9,
        "smape": 112.345,
        "mase": 12.345,
        "crps": 0.0123,
        "direction": 1,
        "coverage_95": 1,
    }
    table = ScoreTable("ostinato", {"ostinato": scores, "seasonal naive": scores})
    for width in (80, 60):
        text = io.StringIO()
        Console(file=text, width=width).print(table.rich())
        lines = text.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        assert any(line.startswith("seasonal naive ") for line in lines)
        assert "…" not in text.getvalue()
        assert (len(lines) == 5) == (width == 80)
