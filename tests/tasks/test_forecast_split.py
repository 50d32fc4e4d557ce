"""Which rows are trained on, validated on and left for the test: no target is ever in two of them."""

import numpy as np
import pandas as pd
import pytest
from forecast_scenario import wide
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data import Panel, PanelSpec
from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.tasks.forecasting.split import PanelPart, continued


def panel_of(lengths):
    frames = [
        pd.DataFrame({"unique_id": f"s{i}", "ds": np.arange(n), "y": np.arange(n) + 0.5}) for i, n in enumerate(lengths)
    ]
    return Panel.from_table(pd.concat(frames), PanelSpec(frequency="1"))


def target_rows(windows):
    """For each window the series and the positions in it of what is to be forecast."""
    for series, origin in zip(windows.series, windows.origin, strict=True):
        place = origin - windows.panel.offsets[series]
        yield series, range(place + 1, place + 1 + windows.horizon)


def parts_of(panel, horizon, validation, holdout):
    """Rows for training, for choosing when to stop and for the score, cut off as `Forecaster.fit` does."""
    whole = PanelPart.whole(panel)
    seen, unseen = whole.cut(holdout, horizon) if holdout else (whole, PanelPart(panel, whole.end, whole.end))
    return *seen.cut(validation, horizon), unseen


@st.composite
def cases(draw):
    horizon = draw(st.integers(1, 6))
    lengths = draw(st.lists(st.integers(2 * horizon + 2, 40), min_size=1, max_size=4))
    return (
        lengths,
        horizon,
        draw(st.integers(2, 10)),
        draw(st.floats(0.01, 0.6)),
        draw(st.just(0.0) | st.floats(0, 0.6)),
    )


@given(case=cases(), stride=st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_no_target_of_one_part_lies_in_another(case, stride):
    lengths, horizon, window, validation, holdout = case
    panel, chosen = panel_of(lengths), ForecasterSettings(horizon=horizon, window=window)
    training, judged, unseen = parts_of(panel, horizon, validation, holdout)
    parts = {
        "training": (training.windows(panel, chosen), np.zeros_like(training.end), training.end),
        "validation": (judged.windows(panel, chosen), training.end, judged.end),
        "test": (unseen.windows(panel, chosen, stride=stride), judged.end, panel.lengths),
    }
    for name, (windows, first, end) in parts.items():
        found = list(target_rows(windows))
        for series, rows in found:
            assert first[series] <= rows[0], name
            assert rows[-1] < end[series], name
        # Every origin that fits is there: the context may reach back, and needs one row.
        fitting = [max(e - max(f, 1) - horizon + 1, 0) for f, e in zip(first, end, strict=True)]
        wanted = sum(-(-count // stride) if name == "test" else count for count in fitting)
        assert len(found) == wanted, name


@given(
    lengths=st.lists(st.integers(1, 500), min_size=1, max_size=5),
    horizon=st.integers(1, 30),
    validation=st.floats(0.01, 0.9),
    holdout=st.floats(0.01, 0.9),
)
def test_both_parts_have_at_least_their_share_and_a_horizon(lengths, horizon, validation, holdout):
    lengths = np.array(lengths)
    training, judged, _ = parts_of(panel_of(lengths), horizon, validation, holdout)
    unseen, validated = lengths - judged.end, judged.end - training.end
    assert (unseen >= holdout * lengths).all()
    assert (validated >= validation * judged.end).all()
    assert (unseen >= horizon).all()
    assert (validated >= horizon).all()
    assert (unseen <= np.maximum(holdout * lengths + 1, horizon)).all()


def test_without_a_holdout_all_is_seen_and_the_usual_shares_are_seventy_ten_and_twenty():
    assert parts_of(panel_of([100]), 5, 0.125, 0.0)[1].end.tolist() == [100]
    training, judged, _ = parts_of(panel_of([1000]), 5, 0.125, 0.2)
    assert (training.end[0], judged.start[0], judged.end[0]) == (700, 700, 800)


def test_a_training_window_has_the_context_asked_for():
    panel, chosen = panel_of([30]), ForecasterSettings(horizon=3, window=8)
    windows = parts_of(panel, 3, 0.2, 0.0)[0].windows(panel, chosen, minimum_context=5)
    assert windows.gather(np.arange(len(windows))).lengths.min() == 5


# Validation data must go on where the training data end.


def test_validation_data_are_put_behind_the_training_data():
    frame = wide(30, "a", "b")
    first, second = (Panel.from_table(part, PanelSpec()) for part in (frame[:20], frame[20:]))
    whole = Panel.from_table(frame, PanelSpec())
    joined = continued(first, second)
    np.testing.assert_array_equal(joined.times, whole.times)
    np.testing.assert_array_equal(joined.target, whole.target)


@pytest.mark.parametrize(("start", "found"), [(21, "2024-01-27"), (19, "2024-01-25"), (0, "2024-01-06")])
def test_a_gap_or_an_overlap_is_refused(start, found):
    frame = wide(30)
    first, second = (Panel.from_table(part, PanelSpec()) for part in (frame[:20], frame[start:]))
    with pytest.raises(OstinatoError, match=rf"series 'y' begin at {found}, .* end, at 2024-01-26"):
        continued(first, second)


def test_other_series_are_refused():
    frame = wide(30, "a", "b")
    first = Panel.from_table(frame[:20], PanelSpec())
    with pytest.raises(OstinatoError, match=r"the 2 series of the training data in the same order, and hold 1 \(a\)"):
        continued(first, Panel.from_table(frame[20:].drop(columns="b"), PanelSpec()))


def test_rows_without_a_time_are_counted_on():
    frame = wide(30).drop(columns="ds")
    first, second = (Panel.from_table(part, PanelSpec()) for part in (frame[:20], frame[20:]))
    assert continued(first, second).times.tolist() == list(range(30))


def test_missing_values_at_the_start_of_validation_data_come_from_before_them():
    frame = wide(30, "a", "b")
    frame.loc[20:22, "a"] = np.nan
    first, second = (Panel.from_table(part, PanelSpec()) for part in (frame[:20], frame[20:]))
    joined, whole = continued(first, second), Panel.from_table(frame, PanelSpec())
    np.testing.assert_array_equal(joined.target, whole.target)
    np.testing.assert_array_equal(joined.observed, whole.observed)
