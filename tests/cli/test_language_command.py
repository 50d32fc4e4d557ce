"""`ostinato fit language-model`, `generate` and `suggest`: from a text file to text."""

import random
import shlex
from functools import partial

import pandas as pd
import pytest
from command import error_of, run

from ostinato.demos import language

SMALL = ["--set=hidden_size=24", "--set=embedding_size=12", "--set=bptt_steps=24", "--set=learning_rate=0.02"]


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    """A file of a few hundred lines."""
    draw = random.Random(0)
    who, does = ["the sailor", "the sea", "a gull"], ["sings", "waits", "remembers"]
    lines = [f"{draw.choice(who)} {draw.choice(does)} and {draw.choice(does)}." for _ in range(400)]
    path = tmp_path_factory.mktemp("data") / "song.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def fitted(song, tmp_path_factory):
    """What fitting printed, and the folder of the model; not to be changed."""
    out = tmp_path_factory.mktemp("models") / "model"
    return run("fit", "language-model", song, "--out", out, *SMALL, "--set=epochs=8", columns=200), out


def test_fitting_scores_the_held_out_end_and_says_how_to_go_on(fitted):
    ended, out = fitted
    assert (ended.code, ended.err) == (0, "")
    assert "LanguageModel: lstm, 1 x 24 units" in ended.out
    assert "Scores on the held-out 10%" in ended.out
    assert "ostinato beats every baseline on perplexity" in ended.out
    line = ended.out.splitlines()[-1].removeprefix("Let it write: ")
    assert run(*shlex.split(line)[1:]).out.startswith("The ")
    assert not list((out / "checkpoints").iterdir())


def test_it_writes_on_from_a_prompt_the_same_for_the_same_seed(fitted):
    options = ["generate", fitted[1], "--prompt", "the sea ", "--length", "60", "--seed", "3"]
    ended = run(*options, "--temperature", "0.7", "--top-k", "5", "--top-p", "0.9")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("the sea ")
    assert len(ended.out) == len("the sea ") + 60 + 1
    assert ended.out == run(*options, "--temperature=0.7", "--top-k=5", "--top-p=0.9").out
    assert "." not in run(*options, "--stop", ".").out


def test_it_suggests_words(fitted):
    ended = run("suggest", fitted[1], "the sea rem", "-k", "3")
    assert (ended.code, ended.err) == (0, "")
    share, word = ended.out.splitlines()[0].split()
    assert (word, share[-1]) == ("remembers", "%")
    assert error_of("suggest", fitted[1], "the ÄÖ") == "no known word begins as 'ÄÖ' does"


def test_it_scores_and_describes_a_text_line_by_line(fitted, song, tmp_path):
    assert "-gram Kneser-Ney" in run("evaluate", fitted[1], song).out
    assert run("predict", fitted[1], song, "--out", tmp_path / "lines.csv").code == 0
    table = pd.read_csv(tmp_path / "lines.csv")
    assert list(table) == ["text", "units", "bits_per_char"]
    assert len(table) == 400
    assert "Scores when it was saved" in run("info", fitted[1]).out


def test_a_model_of_words_that_reads_backward_leads_up_to_its_prompt(song, tmp_path):
    ended = run(
        "fit", "language-model", song, "--out", tmp_path / "model", "--tokenizer", "word", "--reverse", "--lowercase",
        *SMALL[:2], "--set=epochs=1", "--set=bptt_steps=8", "--test", song, "--validation", song,
    )  # fmt: skip
    assert (ended.code, ended.err) == (0, "")
    assert f"Scores on {song}"[:30] in ended.out
    written = run("generate", tmp_path / "model", "--prompt", "remembers.", "--length", "5", "--seed", "1").out
    assert written.endswith(" remembers.\n")
    assert "reads backward" in error_of("suggest", tmp_path / "model", "the ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "language-model", "nowhere.txt", "--out", "x"], "nowhere.txt: no such file or folder"),
        (["fit", "language-model", "SONG", "--out", "x", "--tokenizer", "sentence"], "tokenizer = 'sentence'"),
        (["fit", "language-model", "SONG", "--out", "x", "--test", "SONG", "--holdout", "0.2"], "--test or --holdout"),
        (["generate", "MODEL", "--temperature", "0"], "temperature must be above 0"),
        (["generate", "nowhere"], "nowhere does not exist"),
    ],
)
def test_what_cannot_be_done_is_told(arguments, message, song, fitted):
    places = {"SONG": song, "MODEL": fitted[1]}
    assert message in error_of(*(places.get(argument, argument) for argument in arguments))


def test_models_of_other_tasks_neither_write_nor_suggest(model):
    assert "generate is for language models" in error_of("generate", model)
    assert "suggest is for language models" in error_of("suggest", model, "the ")


def test_the_demo_learns_pythons_own_source(tmp_path, monkeypatch):
    monkeypatch.setattr(language, "python_source", partial(language.python_source, 30_000))
    monkeypatch.setitem(language.DEMO.settings, "hidden_size", 16)
    monkeypatch.setitem(language.DEMO.settings, "epochs", 1)
    ended = run("demo", "language", "--out", tmp_path / "demo", columns=500)
    assert (ended.code, ended.err) == (0, "")
    assert "of this Python's standard library, __future__.py to" in ended.out
    assert "What it writes after '    def '" in ended.out
    assert "What it suggests after" in ended.out
    write, ask = (line.split(": ", 1)[1] for line in ended.out.splitlines()[-2:])
    assert run(*shlex.split(write)[1:]).out.startswith("import ")
    assert run(*shlex.split(ask)[1:]).code == 0


@pytest.mark.parametrize("command", ["generate", "suggest"])
def test_the_commands_explain_themselves(command):
    shown = run(command, "--help")
    assert f"ostinato {command} model/" in shown.out.split("Example:")[1]
    assert run(command).out.strip().startswith("Usage: ")
    assert "--set: the model" in run("fit", "language-model", "--help").out
