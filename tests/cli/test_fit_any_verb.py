"""`ostinato fit` of a verb that it has never heard of: the registry and the settings say all it needs."""

import json
import shlex
import sys
from pathlib import Path

import pytest
from command import error_of, run
from lengths_scenario import Lengths

import ostinato
from ostinato.tasks.registry import REGISTRY, Entry


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(REGISTRY, "lengths", Entry("lengths", "lengths_scenario:Lengths", "How long a line is."))


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("".join(f"{'e' * number} and more\n" for number in range(20)))
    return path


def settings_of(folder):
    return json.loads((folder / "bundle.json").read_text())["settings"]


def shown(columns=120):
    return " ".join(run("fit", "lengths", "--help", columns=columns).out.replace("│", "").split())


def test_it_is_listed_without_being_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "lengths_scenario")
    assert "How long a line is." in run("fit", "--help", columns=120).out
    assert "lengths_scenario" not in sys.modules
    assert "Did you mean 'lengths'?" in error_of("fit", "length", "lines.txt")


def test_a_marked_setting_is_an_option_with_its_meaning_default_and_choices():
    options, listed = shown().split("--set: the model")
    assert "--letter LETTER The letter that is counted. [default: e]" in options
    assert "--other LETTER Counted as well." in options
    assert "--fold <bool> Count capitals, too." in options
    assert "--unit UNIT What is measured. One of letters, words." in options
    assert "bias True Whether the line may miss the origin." in listed
    assert "The letter that is counted." not in listed
    assert "Share of the lines kept from training for the score table; 0.1 unless given" in options
    assert "ostinato fit lengths lines.txt --letter a --out model/" in options.split("Example:")[1]


def test_options_of_another_verb_are_refused(lines, tmp_path):
    out = tmp_path / "model"
    assert run("fit", "lengths", lines, "--out", out).code == 0
    assert run("evaluate", out, lines).out.startswith(f"Scores on {lines}, 20 lines:")
    assert error_of("evaluate", out, lines, "--stride", 2) == "--stride: a Lengths has no such option to evaluate"
    assert error_of("predict", out, lines, "--future", lines) == "--future: a Lengths has no such option to predict"
    assert error_of("predict", out, lines, "--plot", tmp_path / "x.png") == "--plot: a Lengths draws no predictions"


@pytest.mark.parametrize("columns", [80, 120])
def test_the_help_fits_its_columns(columns):
    printed = run("fit", "lengths", "--help", columns=columns).out
    assert max(map(len, printed.splitlines())) <= columns
    assert "…" not in printed


def test_it_fits_scores_saves_and_says_how_to_go_on(lines, tmp_path):
    out = tmp_path / "model"
    options = ["--letter=x", "--other=e", "--other=a", "--fold", "--unit=words", "--set=bias=false", "--epochs=2"]
    ended = run("fit", "lengths", lines, "--out", out, *options, columns=500)
    assert (ended.code, ended.err) == (0, "")
    assert "Lengths: one weight. Trained in" in ended.out
    assert "Scores on the held-out 10% of the lines, 2 lines:" in ended.out
    saved = settings_of(out)
    assert (saved["letter"], saved["also"], saved["fold"], saved["unit"]) == ("x", ["e", "a"], True, "words")
    assert (saved["bias"], saved["epochs"]) == (False, 2)
    line = ended.out.splitlines()[-1].removeprefix("Use it with: ")
    assert run(*shlex.split(line)[1:]).out.startswith("length\n")
    assert "Lengths: one weight." in run("info", out).out
    assert type(ostinato.load(out)).__name__ == "Lengths"


def test_a_test_file_is_read_before_training_and_scored_after(lines, tmp_path):
    ended = run("fit", "lengths", lines, "--out", tmp_path / "m", "--test", lines, "--validation", lines, columns=500)
    assert f"Scores on {lines}, 20 lines:" in ended.out
    missing = error_of("fit", "lengths", lines, "--out", tmp_path / "n", "--test", tmp_path / "no.txt")
    assert "no.txt" in missing
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set=letter=a", "--letter=b"], "letter is given twice"),
        (["--epochs=many"], "Invalid value for '--epochs'"),
        (["--epochs=0"], "epochs = 0: Input should be greater than or equal to 1"),
        (["--unit=pages"], "unit = 'pages': Input should be 'letters' or 'words'"),
        (["--set=lettre=a"], "did you mean 'letter'?"),
        (["--holdout=1"], "--holdout must be a share of at least 0 and below 1, got 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(options, message, lines, tmp_path):
    assert message in error_of("fit", "lengths", lines, "--out", tmp_path / "model", *options)
    assert not (tmp_path / "model").exists()


def test_a_saved_model_is_replaced_only_by_force(lines, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["fit", "lengths", lines, "--out", Path("model")]
    assert run(*command).code == 0
    before = (tmp_path / "model" / "bundle.json").read_bytes()
    day = json.loads(before)["created"][:10]
    told = error_of(*command, "--seed=1")
    assert told == f"model holds a Lengths saved on {day}: give another folder, or --force to replace it"
    assert (tmp_path / "model" / "bundle.json").read_bytes() == before
    assert run(*command, "--seed=1", "--force").code == 0
    assert settings_of(tmp_path / "model")["seed"] == 1


def test_data_of_two_files_come_twice_wherever_data_come(lines, tmp_path, monkeypatch):
    monkeypatch.setattr(Lengths, "files", 2)
    others = ["--test", lines, "--test", lines, "--validation", lines, "--validation", lines]
    ended = run("fit", "lengths", lines, lines, "--out", tmp_path / "model", *others, columns=500)
    assert (ended.code, ended.err) == (0, "")
    assert f"Scores on {lines} and {lines}, 40 lines:" in ended.out
    assert "Twice for two files whose lines correspond." in shown()
    out = ["--out", tmp_path / "other"]
    assert error_of("fit", "lengths", lines, lines, lines, *out).startswith("DATA: 3 files: give one, or 2 whose lines")
    assert "--test: 3 files" in error_of("fit", "lengths", lines, *out, *others[:4], "--test", lines)
    assert not (tmp_path / "other").exists()
