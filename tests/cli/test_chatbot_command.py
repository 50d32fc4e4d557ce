"""`ostinato fit chatbot`, its demo, and what else the command line does with a chatbot."""

import json
import shlex

import pandas as pd
import pytest
from command import error_of, run

from ostinato.demos import chat
from ostinato.demos.data import music_shop
from ostinato.tasks.dialogue import scores

TINY = [
    "--tokenizer=word",
    "--hidden-size=4",
    "--set=embedding_size=4",
    "--epochs=1",
    "--set=batch_size=64",
    "--set=max_length=16",
]


@pytest.fixture(autouse=True)
def _few_replies(monkeypatch):
    monkeypatch.setattr(scores, "REPLIES", 20)


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "talk.jsonl"
    path.write_text("".join(json.dumps(dialogue.to_json()) + "\n" for dialogue in music_shop(60)))
    return path


@pytest.fixture(scope="module")
def bot(talk, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "bot"
    assert run("fit", "chatbot", talk, "--out", folder, *TINY, "--speaker=shop").code == 0
    return folder


def test_fit_scores_on_dialogues_kept_from_training_and_tells_how_to_go_on(talk, tmp_path):
    ended = run("fit", "chatbot", talk, "--out", tmp_path / "bot", *TINY, columns=200)
    assert (ended.code, ended.err) == (0, "")
    assert "of 54 dialogues" in ended.out
    assert "Scores on the held-out 10% of the dialogues" in ended.out
    assert "\nunigram " in ended.out
    line = ended.out.splitlines()[-1].removeprefix("Talk to it with: ")
    assert shlex.split(line)[1:] == ["chat", str(tmp_path / "bot")]


def test_a_test_file_and_a_validation_file_take_the_place_of_shares(talk, tmp_path):
    given = ["--test", talk, "--validation", talk]
    ended = run("fit", "chatbot", talk, "--out", tmp_path / "bot", *TINY, *given, columns=200)
    assert ended.code == 0
    assert "of 120 dialogues" in ended.out
    assert f"Scores on {talk}" in ended.out


def test_no_holdout_scores_nothing(talk, tmp_path):
    ended = run("fit", "chatbot", talk, "--out", tmp_path / "bot", *TINY, "--holdout=0")
    assert ended.code == 0
    assert "Scores" not in ended.out


def test_the_help_explains_every_setting():
    shown = run("fit", "chatbot", "--help", columns=200).out
    assert all(
        word in shown for word in ("--context-turns", "mutual_information", "unknown_penalty", "top_p", "--seed")
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--test=x.jsonl", "--holdout=0.2"], "give --test or --holdout, not both"),
        (["--set=temperature=0"], "temperature = 0"),
        (["--speaker=boss"], "no reply by a speaker 'boss'; there are guest, shop"),
        (["--holdout=2"], "--holdout must be a share"),
        (["--set=decodding=beam"], "did you mean 'decoding'?"),
    ],
)
def test_wrong_options_are_refused(talk, tmp_path, more, message):
    assert message in error_of("fit", "chatbot", talk, "--out", tmp_path / "bot", *TINY, *more)


def test_a_damaged_line_is_named(tmp_path):
    path = tmp_path / "talk.jsonl"
    path.write_text('{"turns": ["a", "b"]}\n{"turns": ["a"\n')
    assert error_of("fit", "chatbot", path, "--out", tmp_path / "bot").startswith(f"{path}, line 2: not JSON")


def test_predict_evaluate_and_info_know_a_chatbot(bot, talk, tmp_path):
    out = tmp_path / "replies.csv"
    assert run("predict", bot, talk, "--out", out).code == 0
    assert list(pd.read_csv(out).columns) == ["context", "reply", "confidence"]
    assert "perplexity" in run("evaluate", bot, talk).out
    assert "Chatbot: gru" in run("info", bot).out


def test_the_demo_talks_and_declines_a_question_that_is_not_about_its_shop(tmp_path, monkeypatch):
    small = {"hidden_size": 8, "embedding_size": 8, "epochs": 1}
    for setting, value in small.items():
        monkeypatch.setitem(chat.DEMO.settings, setting, value)
    ended = run("demo", "chat", "--out", tmp_path / "demo", columns=500)
    assert (ended.code, ended.err) == (0, "")
    said = ended.out[ended.out.index("A conversation, seed 0:") :].splitlines()
    assert [line.removeprefix("you: ") for line in said if line.startswith("you: ")] == list(chat.ASKED)
    assert said[said.index(f"you: {chat.ASKED[4]}") + 1] == "bot: I have nothing sensible to say to that."
    assert len((tmp_path / "demo" / "dialogues.jsonl").read_text().splitlines()) == 600
