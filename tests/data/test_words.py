"""Covariates of words: one input for each of their categories."""

import re

import numpy as np
import pandas as pd
import pytest

from ostinato.data import Panel, PanelSpec, Windows
from ostinato.data.words import input_names, places_of
from ostinato.errors import OstinatoError

WEATHER = ["clear", "mist", "rain", "clear", "rain", "mist", "clear", "clear"]
SPEC = PanelSpec(target="y", past=("weather", "wind"), future=("event",))


def rides(**columns):
    days = pd.date_range("2024-01-01", periods=8)
    frame = pd.DataFrame({"ds": days, "y": np.arange(8.0) ** 2, "weather": WEATHER, "wind": np.arange(8.0) % 3})
    return frame.assign(event=["no", "no", "fair", "no", "no", "no", "fair", "no"]).assign(**columns)


def refused(frame, spec, *parts):
    with pytest.raises(OstinatoError, match=".*".join(map(re.escape, parts))) as caught:
        Panel.from_table(frame, spec)
    assert "\n" not in str(caught.value)


def test_each_word_is_an_input_of_0_and_1_and_numbers_stay_numbers():
    panel = Panel.from_table(rides(), SPEC)
    assert panel.names.categories == {"weather": ("clear", "mist", "rain"), "event": ("fair", "no")}
    assert panel.past[:3].tolist() == [[1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 2]]
    assert panel.future[:3].tolist() == [[0, 1], [0, 1], [1, 0]]
    assert input_names(SPEC.past, panel.names.categories) == ["weather=clear", "weather=mist", "weather=rain", "wind"]
    assert places_of(SPEC.past, panel.names.categories) == {"weather": slice(0, 3), "wind": slice(3, 4)}
    assert Windows(panel, 3, 2, calendar=False).known_names == ("event=fair", "event=no")


def test_a_table_of_the_panel_has_the_words_again():
    frame = rides(weather=[None, *WEATHER[1:]])
    panel = Panel.from_table(frame, SPEC)
    again = panel.to_frame()[["weather", "event"]]
    assert again["event"].tolist() == frame["event"].tolist()
    assert again["weather"].isna().tolist() == [True] + [False] * 7
    assert again["weather"].tolist()[1:] == WEATHER[1:]


def test_a_missing_word_is_imputed_and_flagged_in_the_past_and_refused_in_the_future():
    panel = Panel.from_table(rides(weather=[*WEATHER[:4], None, *WEATHER[5:]]), SPEC)
    assert panel.past[4].tolist() == [*panel.past[3][:3], 1]
    assert panel.past_observed[4].tolist() == [False] * 3 + [True]
    assert panel.notes == ("1 of 8 values of weather are missing: imputed and flagged",)
    what = "row 2, column 'event': a covariate that is known into the future has no value here"
    refused(rides(event=["no", "no", "", *["fair"] * 5]), SPEC, what)


def test_new_data_have_the_same_inputs_and_a_new_word_is_named(tmp_path):
    panel = Panel.from_table(rides(), SPEC)
    some = Panel.from_table(rides()[:2], panel.spec)
    np.testing.assert_array_equal(some.past, panel.past[:2])
    rides(weather=["clear", "hail", *WEATHER[2:]]).to_csv(tmp_path / "new.csv", index=False)
    known = "'hail' was not there in training (known: clear, mist, rain)"
    refused(tmp_path / "new.csv", panel.spec, "new.csv, line 3, column 'weather': " + known)


def test_the_steps_to_come_are_read_with_the_words_of_training():
    panel = Panel.from_table(rides(), SPEC)
    plan = pd.DataFrame({"ds": pd.date_range("2024-01-09", periods=2), "event": ["fair", "no"]})
    assert panel.ahead(2, plan).future.tolist() == [[1, 0], [0, 1]]
    with pytest.raises(OstinatoError, match="row 1, column 'event': 'gig' was not there in training"):
        panel.ahead(2, plan.assign(event=["no", "gig"]))
    with pytest.raises(OstinatoError, match=r"row 1, column 'event': a covariate .* has no value here"):
        panel.ahead(2, plan.assign(event=["no", None]))


def test_a_slip_among_numbers_and_too_many_words_are_refused():
    refused(rides(wind=["1", "2", "calm", *"12345"]), SPEC, "row 2, column 'wind': 'calm' is not a number")
    refused(rides(wind=pd.date_range("2024-01-01", periods=8)), SPEC, "row 0, column 'wind'", "is not a number")
    days = pd.date_range("2024-01-01", periods=30)
    names = pd.DataFrame({"ds": days, "y": np.arange(30.0), "note": [f"day {day}" for day in range(30)]})
    told = "column 'note': 30 different words (day 0, day 1, ...), and a covariate may have 20: put them into groups"
    refused(names, PanelSpec(target="y", past=("note",)), told)
