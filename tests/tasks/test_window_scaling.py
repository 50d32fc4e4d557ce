"""What each scaling takes off a window, against plain numpy row by row, and what it must not depend on."""

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.tasks.forecasting.scaling import scale_window
from ostinato.tasks.forecasting.settings import Scaling

KINDS = [kind for kind in get_args(Scaling) if kind != "mean"]  # which is for counts: see the last test
FLOOR = 1e-2


@st.composite
def windows(draw, rows=3):
    """Contexts as windows hold them: zeros before the series' start, missing values carried on; float64."""
    size = draw(st.integers(2, 24))
    segment = draw(st.integers(1, size))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    context = random.normal(size=(rows, size)) * 10.0 ** random.integers(-2, 3)
    start = random.integers(0, size, rows)
    observed = (random.random((rows, size)) < random.choice([0.2, 0.7, 1.0])) & (np.arange(size) >= start[:, None])
    for row in range(rows):
        for step in range(1, size):
            if not observed[row, step]:
                context[row, step] = context[row, step - 1]
        context[row, : start[row]] = 0.0
    return context, observed, start, segment


def scaled(kind, context, observed, horizon=4, segment=1):
    return scale_window(kind, torch.tensor(context), torch.tensor(observed), horizon, segment)


def plain(kind, row, observed, horizon, segment):
    """One row by the definition in the docstring: what is left, location and scale."""
    seen = np.flatnonzero(observed) if observed.any() else np.array([len(row) - 1])
    started = np.arange(len(row)) >= seen[0]
    steps, ones = np.arange(1, horizon + 1), np.ones(horizon)
    if kind == "none":
        return row, 0 * ones, ones
    if kind == "difference":
        changes = {t: row[t] - row[t - 1] for t in seen if t - 1 in seen}
        size = max(np.sqrt(np.mean([c**2 for c in changes.values()])) if changes else 0.0, FLOOR**2)
        return np.array([changes.get(t, 0.0) for t in range(len(row))]) / size, row[-1] * ones, size * np.sqrt(steps)
    if kind == "last":
        return (row - row[-1]) * started, row[-1] * ones, ones
    if kind == "level":
        end = seen[seen >= len(row) - segment]
        level = row[end].mean() if end.size else row[-1]
        return (row - level) * started, level * ones, ones
    if kind == "standard":
        size = max(row[seen].std(), FLOOR)
        return (row - row[seen].mean()) * started / size, row[seen].mean() * ones, size * ones
    slope, start = np.polyfit(seen, row[seen], 1) if len(seen) > 1 else (0.0, row[seen[0]])
    line = start + slope * np.arange(len(row) + horizon)
    return (row - line[: len(row)]) * started, line[len(row) :], ones


@pytest.mark.parametrize("kind", KINDS)
@given(window=windows())
@settings(max_examples=60, deadline=None)
def test_every_row_is_scaled_as_plain_numpy_scales_it(kind, window):
    context, observed, _, segment = window
    got = scaled(kind, context, observed, segment=segment)
    for number in range(len(context)):
        expected = plain(kind, context[number], observed[number], 4, segment)
        for name, want in zip(got._fields, expected, strict=True):
            found = getattr(got, name)[number].numpy()
            tolerance = 1e-9 * (1 + np.abs(context[number]).max() / (FLOOR**2 if name == "context" else 1))
            np.testing.assert_allclose(found, want, rtol=1e-9, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "none"])
@given(window=windows(), shift=st.floats(-100, 100))
@settings(max_examples=40, deadline=None)
def test_a_shift_of_the_level_shifts_the_forecast_alike_and_changes_nothing_else(kind, window, shift):
    context, observed, start, segment = window
    inside = np.arange(context.shape[1]) >= start[:, None]
    before, after = (scaled(kind, c, observed, segment=segment) for c in (context, context + shift * inside))
    near = {"rtol": 1e-9, "atol": 1e-7}
    torch.testing.assert_close(after.location, before.location + shift, **near)
    torch.testing.assert_close(after.scale, before.scale, **near)
    torch.testing.assert_close(after.context * after.scale[:, :1], before.context * before.scale[:, :1], **near)


@given(window=windows(), slope=st.floats(-5, 5))
@settings(max_examples=40, deadline=None)
def test_a_straight_line_added_to_a_window_goes_on_in_a_trend_forecast(window, slope):
    context, observed, start, _ = window
    size = context.shape[1]
    inside = np.arange(size) >= start[:, None]
    few = observed.sum(1) < 2  # one value has no slope
    line = slope * np.arange(size + 4)
    before, after = (scaled("trend", c, observed) for c in (context, context + line[:size] * inside))
    ahead = (after.location - before.location).numpy()
    np.testing.assert_allclose(ahead[~few], np.broadcast_to(line[size:], ahead.shape)[~few], rtol=1e-9, atol=1e-7)
    left = (after.context - before.context).numpy()
    np.testing.assert_allclose(np.where(observed, left, 0)[~few], 0, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@given(window=windows(), other=st.floats(-1e3, 1e3))
@settings(max_examples=40, deadline=None)
def test_what_stands_in_the_padding_and_before_the_first_observation_does_not_count(kind, window, other):
    context, observed, _, segment = window
    seen = observed.any(1)
    before = (np.cumsum(observed, axis=1) == 0) & seen[:, None]
    first, second = (scaled(kind, c, observed, segment=segment) for c in (context, np.where(before, other, context)))
    torch.testing.assert_close(second.location, first.location)
    torch.testing.assert_close(second.scale, first.scale)
    if kind != "none":
        torch.testing.assert_close(second.context, first.context)
        assert not (first.context.numpy()[before] != 0).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0.0, 3.0, -1e6])
@pytest.mark.parametrize("seen", [slice(None), slice(-1, None), slice(0, 1), slice(0, 0)])
def test_constant_windows_give_finite_numbers_and_forecast_their_constant(kind, value, seen):
    context, observed = torch.full((2, 8), value), torch.zeros(2, 8, dtype=torch.bool)
    observed[:, seen] = True
    got = scale_window(kind, context, observed, 3, 4)
    assert all(torch.isfinite(tensor).all() for tensor in got)
    assert (got.scale > 0).all()
    if kind != "none":
        torch.testing.assert_close(got.location, torch.full((2, 3), value))
        torch.testing.assert_close(got.context, torch.zeros(2, 8))


def test_a_walk_spreads_with_the_root_of_the_step():
    got = scaled("difference", np.array([[0.0, 2.0, 0.0, 2.0]]), np.ones((1, 4), bool))
    np.testing.assert_allclose(got.scale, [2 * np.sqrt([1, 2, 3, 4])])
    np.testing.assert_allclose(got.context, [[0, 1, -1, 1]])


def test_counts_are_in_units_of_one_and_the_mean_of_what_was_seen():
    context, observed = np.array([[0.0, 0, 3, 1, 1], [7, 0, 0, 5, 0]]), np.array([[0, 0, 1, 1, 0], [1] * 5], np.bool_)
    got = scaled("mean", context, observed)
    size = np.array([[1 + (3 + 1) / 2], [1 + 12 / 5]])
    np.testing.assert_allclose(got.context, context / size)
    np.testing.assert_allclose(got.scale, np.broadcast_to(size, got.scale.shape))
    np.testing.assert_array_equal(got.location, np.zeros(got.location.shape))
