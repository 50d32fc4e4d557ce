"""`ostinato explain` of a forecaster; that of a classifier is told in test_classifier_command."""

import io

import pandas as pd
import pytest
from command import error_of, run

from ostinato import LanguageModel, load


def test_a_forecast_is_explained_in_words_a_table_and_a_picture(model, sales, tmp_path):
    ended = run("explain", model, sales, "--plot", tmp_path / "why.png", "--out", tmp_path / "why.csv", columns=120)
    assert (ended.code, ended.err) == (0, "")
    explanation = load(model).explain(sales)
    assert ended.out.startswith(f"{explanation.headline()}:\n")
    for word in ("contribution", "\nsales ", "\n  lag ", "\nday_of_week ", f"\nPicture: {tmp_path / 'why.png'}\n"):
        assert word in ended.out
    written = pd.read_csv(tmp_path / "why.csv")
    assert list(written) == ["step", "feature", "lag", "ahead", "contribution"]
    assert written["contribution"].to_numpy() == pytest.approx(explanation.contributions.ravel())
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")


def test_standard_input_will_do(model, sales, monkeypatch):
    with sales.open("rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
        piped = run("explain", model, "-")
    assert piped.out == run("explain", model, sales).out


def test_a_series_is_chosen_by_its_name(model, sales):
    assert run("explain", model, sales, "--id", "sales").code == 0
    assert "has no series 'rents' (it has: sales)" in error_of("explain", model, sales, "--id", "rents")


def test_what_does_not_belong_to_a_forecast_is_refused(model, sales, tmp_path):
    assert error_of("explain", model, "a text") == "a text: no such file"
    assert "--label: a Forecaster has no such option to explain" in error_of("explain", model, sales, "--label", "up")
    assert "--html: a Forecaster has no such option" in error_of("explain", model, sales, "--html", tmp_path / "a.html")
    assert "written over the data" in error_of("explain", model, sales, "--out", sales)
    assert "ends in .png" in error_of("explain", model, sales, "--plot", tmp_path / "why.jpg")


def test_other_models_explain_nothing(tmp_path):
    LanguageModel(hidden_size=8, embedding_size=8, epochs=1, bptt_steps=8).fit(["to be or not to be. " * 40]).save(
        tmp_path
    )
    assert error_of("explain", tmp_path, "to be") == (
        f"explain is for classifiers and forecasters; {tmp_path} is a LanguageModel"
    )
