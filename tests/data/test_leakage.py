import numpy as np
import pandas as pd
import pytest

from ostinato.data import Panel, PanelSpec, check_leakage
from ostinato.errors import OstinatoError

HORIZON = 6


def panel(part, make, series=3, rows=60):
    """Random series with one covariate `x` made of the target of each series."""
    rng = np.random.default_rng(0)
    frames = []
    for i in range(series):
        y = rng.standard_normal(rows + 40)
        frames.append(pd.DataFrame({"unique_id": f"s{i}", "ds": range(rows), "y": y[20:-20], "x": make(y)[20:-20]}))
    return Panel.from_table(pd.concat(frames), PanelSpec(**{part: ("x",)}))


@pytest.mark.parametrize("shift", range(1 - HORIZON, HORIZON + 1))
def test_a_future_covariate_that_is_the_target_within_the_horizon_is_refused(shift):
    when = "itself" if shift == 0 else f"{abs(shift)} steps {'later' if shift > 0 else 'earlier'}"
    leaky = panel("future", lambda y: 3 * np.roll(y, -shift) - 7)
    with pytest.raises(OstinatoError, match=f"column 'x', named as known into the future, is the target 'y' {when}"):
        check_leakage(leaky, HORIZON)


@pytest.mark.parametrize("shift", range(1, HORIZON + 1))
def test_a_past_covariate_that_is_a_later_target_is_refused(shift):
    with pytest.raises(OstinatoError, match=f"named as known in the past, is the target 'y' {shift} steps later"):
        check_leakage(panel("past", lambda y: np.roll(y, -shift)), HORIZON)


@pytest.mark.parametrize("lag", [HORIZON, HORIZON + 3])
def test_a_future_covariate_that_lags_the_target_by_the_horizon_or_more_is_sound(lag):
    check_leakage(panel("future", lambda y: np.roll(y, lag)), HORIZON)


@pytest.mark.parametrize("lag", [0, 1, 7])
def test_a_past_covariate_that_is_the_target_now_or_before_is_sound(lag):
    check_leakage(panel("past", lambda y: np.roll(y, lag)), HORIZON)


def test_a_covariate_that_merely_explains_the_target_well_is_sound():
    rng = np.random.default_rng(1)
    check_leakage(panel("future", lambda y: y + 0.01 * rng.standard_normal(len(y))), HORIZON)


def test_a_straight_line_and_a_constant_are_not_judged():
    days = pd.date_range("2020", periods=50)
    for y in (np.arange(50.0), np.ones(50)):
        check_leakage(
            Panel.from_table(pd.DataFrame({"ds": days, "y": y, "t": range(50)}), PanelSpec(future=("t",))), HORIZON
        )


def test_a_leak_is_found_in_a_panel_too_large_to_look_at_whole():
    with pytest.raises(OstinatoError, match="2 steps later"):
        check_leakage(panel("future", lambda y: np.roll(y, -2), series=500, rows=60), HORIZON)
