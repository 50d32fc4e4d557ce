"""Settings from the command line: what `--set` understands."""

import pytest

from ostinato.cli.settings import merged
from ostinato.errors import OstinatoError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("1e-3", 0.001),
        ("true", True),
        ("null", None),
        ("None", None),
        ("none", "none"),
        ("[0.1, 0.5]", [0.1, 0.5]),
        ("[]", []),
        ("gru", "gru"),
        ("a=b", "a=b"),
        (" gru ", "gru"),
        ('"3"', "3"),
        ("", ""),
    ],
)
def test_a_value_is_json_or_none_or_plain_text(text, value):
    assert merged({}, [f"name={text}"]) == {"name": value}


def test_options_that_were_not_given_are_left_out():
    assert merged({"window": None, "past": [], "horizon": 0, "cell": "gru"}, None) == {"horizon": 0, "cell": "gru"}


def test_a_dash_in_a_name_counts_as_an_underscore():
    assert merged({}, ["hidden-size=8"]) == {"hidden_size": 8}


@pytest.mark.parametrize("assignment", ["epochs", "=3", " =3", ""])
def test_an_assignment_without_a_name_or_a_sign_is_refused_with_an_example(assignment):
    with pytest.raises(OstinatoError, match="NAME=VALUE, for example --set epochs=50"):
        merged({}, [assignment])


@pytest.mark.parametrize(("options", "assignments"), [({"window": 3}, ["window=4"]), ({}, ["window=3", "window=4"])])
def test_a_setting_given_twice_is_refused(options, assignments):
    with pytest.raises(OstinatoError, match="window is given twice"):
        merged(options, assignments)
