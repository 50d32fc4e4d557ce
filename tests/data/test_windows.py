import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data import Panel, PanelSpec, Windows, calendar_features
from ostinato.errors import OstinatoError


def make_panel(lengths, seed, missing=0.2, alias="D"):
    """Series of these lengths with two past, one future and one static column, some values missing."""
    rng = np.random.default_rng(seed)
    frames = []
    for i, n in enumerate(lengths):
        y, p, q = rng.standard_normal((3, n))
        y[rng.random(n) < missing] = np.nan
        p[rng.random(n) < missing] = np.nan
        y[rng.integers(n)] = 1.0
        times = pd.date_range("2020-01-01", periods=n, freq=alias)
        frames.append(
            pd.DataFrame({"unique_id": f"s{i}", "ds": times, "y": y, "p": p, "q": q, "f": rng.random(n), "s": i})
        )
        frames[-1].loc[n - 1, "y"] = 2.0  # rows after the last target would be set aside as the future
    spec = PanelSpec(past=("p", "q"), future=("f",), static=("s",), frequency=alias)
    return Panel.from_table(pd.concat(frames), spec)


def plain_windows(panel, window, horizon, stride, minimum_context, first, limit):
    """The definition: origins of each series from its last one back, in order of time."""
    found = []
    for i in range(len(panel)):
        start, end = int(panel.offsets[i]), int(panel.offsets[i + 1])
        lowest = max(start + minimum_context - 1, start + first[i])
        origins = range(min(end - horizon - 1, start + limit[i] - 1), lowest - 1, -stride)
        for origin in reversed(origins):
            context = panel.observed[max(start, origin - window + 1) : origin + 1]
            if context.any() and panel.observed[origin + 1 : origin + 1 + horizon].any():
                found.append((i, origin))
    return found


def plain_gather(panel, window, horizon, series, origin):
    """The definition of one window, step by step."""
    calendar, _ = calendar_features(panel.times, panel.frequency)
    known = np.concatenate([panel.future, calendar], axis=1)
    start = panel.offsets[series]
    P, K = panel.past.shape[1], known.shape[1]
    one = {
        "past_target": np.zeros(window),
        "past_observed": np.zeros(window, bool),
        "past_covariates": np.zeros((window, P)),
        "past_covariates_observed": np.zeros((window, P), bool),
        "past_known": np.zeros((window, K)),
    }
    for step in range(window):
        row = origin - window + 1 + step
        if row >= start:
            one["past_target"][step] = panel.target[row]
            one["past_observed"][step] = panel.observed[row]
            one["past_covariates"][step] = panel.past[row]
            one["past_covariates_observed"][step] = panel.past_observed[row]
            one["past_known"][step] = known[row]
    after = [origin + 1 + step for step in range(horizon)]
    return one | {
        "future_known": known[after],
        "static": panel.static[series],
        "series": series,
        "lengths": min(window, origin - start + 1),
        "target": panel.target[after],
        "target_observed": panel.observed[after],
        "origin": origin,
    }


def assert_windows_are(windows, panel, expected):
    assert list(zip(windows.series.tolist(), windows.origin.tolist(), strict=True)) == expected
    batch = windows.gather(np.arange(len(windows)))
    ones = [plain_gather(panel, windows.window, windows.horizon, *place) for place in expected]
    for name, value in batch._asdict().items():
        assert value.dtype in (torch.float32, torch.bool, torch.int64)
        for i, one in enumerate(ones):
            reference = np.asarray(one[name])
            cast = reference.astype(np.float32) if reference.dtype == np.float64 else reference
            np.testing.assert_array_equal(value[i].numpy(), cast, err_msg=name)


@settings(max_examples=80, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 15), min_size=1, max_size=4),
    window=st.integers(1, 6),
    horizon=st.integers(1, 4),
    stride=st.integers(1, 4),
    minimum_context=st.integers(1, 6),
    seed=st.integers(0, 9),
    alias=st.sampled_from(["D", "h", "YS-JAN"]),
    data=st.data(),
)
def test_windows_are_those_of_the_plain_loop(lengths, window, horizon, stride, minimum_context, seed, alias, data):
    panel = make_panel(lengths, seed, alias=alias)
    minimum_context = min(minimum_context, window)
    bounds = st.lists(st.integers(0, 16), min_size=len(lengths), max_size=len(lengths))
    first, limit = data.draw(bounds), data.draw(bounds)
    windows = Windows(
        panel,
        window,
        horizon,
        stride,
        minimum_context=minimum_context,
        origins_from=np.array(first),
        origins_to=np.array(limit),
    )
    assert_windows_are(windows, panel, plain_windows(panel, window, horizon, stride, minimum_context, first, limit))


def test_a_full_window_is_the_default_and_shorter_contexts_are_asked_for():
    panel = make_panel([10], 0, missing=0)
    assert Windows(panel, 4, 2).origin.tolist() == [3, 4, 5, 6, 7]
    padded = Windows(panel, 4, 2, minimum_context=1)
    assert padded.origin.tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert padded.gather(np.arange(8)).lengths.tolist() == [1, 2, 3, 4, 4, 4, 4, 4]


def test_the_stride_counts_back_from_the_last_window():
    assert Windows(make_panel([10], 0, missing=0), 2, 1, stride=3).origin.tolist() == [2, 5, 8]


def test_one_panel_serves_training_and_validation_without_overlap_of_targets():
    panel = make_panel([12, 20], 0, missing=0)
    held, horizon = 4, 2
    train = Windows(panel, 3, horizon, origins_to=panel.lengths - held - horizon)
    validation = Windows(panel, 3, horizon, origins_from=panel.lengths - held - 1)
    for i in range(2):
        cut = panel.offsets[i + 1] - held
        assert train.origin[train.series == i].max() + horizon == cut - 1
        assert validation.origin[validation.series == i].min() + 1 == cut


def test_negative_positions_count_back_from_the_end_of_each_series():
    panel = make_panel([12, 20], 0, missing=0)
    np.testing.assert_array_equal(
        Windows(panel, 3, 2, origins_from=-5, origins_to=-3).origin - panel.offsets[[0, 0, 1, 1]], [7, 8, 15, 16]
    )


def test_windows_without_anything_observed_in_context_or_horizon_are_left_out():
    y = [1.0, np.nan, np.nan, np.nan, 5.0, 6.0, np.nan, np.nan, 9.0]
    panel = Panel.from_table(pd.DataFrame({"step": range(9), "y": y}), PanelSpec(target="y"))
    assert Windows(panel, 2, 2).origin.tolist() == [4, 6]
    assert Windows(panel, 3, 2).origin.tolist() == [2, 4, 6]


def test_series_too_short_have_no_windows_and_a_panel_may_have_none():
    panel = make_panel([3, 8], 0, missing=0)
    assert set(Windows(panel, 4, 2).series.tolist()) == {1}
    empty = Windows(panel, 40, 2)
    assert len(empty) == 0
    assert empty.gather(np.arange(0)).past_target.shape == (0, 40)
    assert len(Windows(panel.split(at="2020-01-04")[1], 2, 1, minimum_context=1)) == 4


def test_a_batch_has_the_shapes_and_types_it_promises():
    panel = make_panel([30, 40], 0)
    windows = Windows(panel, 5, 3)
    batch = windows.gather(torch.tensor([0, 7]))
    assert windows.known_names[0] == "f"
    K = len(windows.known_names)
    shapes = [(2, 5), (2, 5), (2, 5, 2), (2, 5, 2), (2, 5, K), (2, 3, K), (2, 1), (2,), (2,), (2, 3), (2, 3), (2,)]
    assert [tuple(value.shape) for value in batch] == shapes


class TestLast:
    def test_the_last_windows_end_with_each_series_and_know_the_future_but_not_the_target(self):
        frame = make_panel([9, 3], 0).to_frame()
        frame["when"] = frame["ds"]
        panel = Panel.from_table(frame, PanelSpec(past=("p", "q"), future=("f",), static=("s",)))
        history, rest = panel.split(rows=2)
        windows = Windows.last(history, 4, 2, history.ahead(2, frame))
        batch = windows.gather(np.arange(2))
        np.testing.assert_array_equal(batch.lengths, [4, 1])
        np.testing.assert_array_equal(
            batch.past_target[:, -1], history.target[history.offsets[1:] - 1].astype(np.float32)
        )
        np.testing.assert_array_equal(batch.future_known[:, :, 0].ravel(), rest.future[:, 0].astype(np.float32))
        calendar, _ = calendar_features(rest.times, rest.frequency)
        np.testing.assert_array_equal(batch.future_known[:, :, 1:].reshape(4, -1), calendar)
        assert batch.target.isnan().all()
        assert not batch.target_observed.any()

    def test_they_equal_the_windows_of_the_whole_panel_at_the_same_origins(self):
        panel = make_panel([9, 14], 3)
        history, rest = panel.split(rows=2)
        whole = Windows(panel, 20, 2, minimum_context=1, origins_from=-3, origins_to=-2)
        known, last = whole.gather(np.arange(2)), Windows.last(history, 20, 2, rest).gather(np.arange(2))
        for name in known._fields:
            if not name.startswith("target") and name != "origin":
                torch.testing.assert_close(getattr(last, name), getattr(known, name), rtol=0, atol=0)

    def test_the_calendar_alone_needs_no_table_and_future_covariates_do(self):
        days = pd.date_range("2020", periods=9)
        plain = Panel.from_table(pd.DataFrame({"ds": days, "y": np.arange(9.0)}))
        batch = Windows.last(plain, 4, 3).gather(np.arange(1))
        calendar, _ = calendar_features(plain.ahead(3).times, plain.frequency)
        np.testing.assert_array_equal(batch.future_known[0], calendar)
        with pytest.raises(OstinatoError, match="the covariates f are known into the future"):
            Windows.last(make_panel([9], 0), 4, 3)

    def test_rows_ahead_of_another_length_are_refused(self):
        panel = make_panel([9], 0)
        history, rest = panel.split(rows=2)
        with pytest.raises(ValueError, match="must be 3 for every series"):
            Windows.last(history, 4, 3, rest)


@pytest.mark.parametrize("sizes", [(0, 1, 1, None), (1, 0, 1, None), (1, 1, 0, None), (2, 1, 1, 3), (2, 1, 1, 0)])
def test_sizes_must_make_sense(sizes):
    with pytest.raises(ValueError, match="must be at least 1"):
        Windows(make_panel([9], 0), *sizes[:3], minimum_context=sizes[3])
