"""The edges of the command line: what comes in, as bytes, and what its errors call things."""

import io
import os
import subprocess
import sys
import time

import pandas as pd
import pytest
from command import error_of, run

from ostinato import LanguageModel, SequenceClassifier, Translator
from ostinato.cli import main, screen
from ostinato.cli.command import Spelling, as_typed
from ostinato.cli.options import spellings_of
from ostinato.storage import locked
from ostinato.tasks.classification.settings import ClassifierSettings

TINY = {"epochs": 1, "hidden_size": 4, "embedding_size": 4}
HALF = "caf\udce9"  # as Python marks the byte 0xE9 of an argument


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    pairs = [(word, word[::-1]) for word in ("good film", "warm meal", "old song", "new play") * 3]
    Translator(tokenizer="char", max_length=12, **TINY).fit(pairs).save(folder / "translator")
    LanguageModel(tokenizer="byte", **TINY).fit(["a line of text to learn from\n" * 30]).save(folder / "language")
    texts = [f"{word} thing {number}" for word in ("good", "bad") for number in range(8)]
    pd.DataFrame({"text": texts, "label": [text.split()[0] for text in texts]}).to_csv(folder / "t.csv", index=False)
    SequenceClassifier(**TINY).fit(folder / "t.csv").save(folder / "classifier")
    lines = folder / "lines.txt"
    lines.write_text("".join(f"{text.split()[0]} {text}\n" for text in texts))
    SequenceClassifier(layout="lines", **TINY).fit(lines).save(folder / "of_lines")
    return folder


def piped(monkeypatch, content, *arguments):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8"))
    return run(*arguments)


# Arguments


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("generate", "language", "--prompt", HALF), "--prompt"),
        (("generate", "language", "--stop", "x", "--stop", HALF), "--stop"),
        (("translate", "translator", "fine", HALF), "TEXT"),
        (("suggest", "language", HALF), "TEXT"),
        (("explain", "classifier", HALF), "WHAT"),
        (("fit", "classifier", "t.csv", "--out", "x", "--label", HALF), "--label"),
        (("fit", "classifier", "t.csv", "--out", "x", "--set", f"class_weights={HALF}"), "--set"),
    ],
)
def test_an_argument_of_other_bytes_than_utf8_is_named(arguments, name, models, monkeypatch):
    monkeypatch.chdir(models)
    assert error_of(*arguments).startswith(f"{name}: byte 0xE9 is not UTF-8 text")


def test_a_file_may_have_any_bytes_as_its_name(tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-m", "ostinato", "info", name], capture_output=True, env=environment)
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"error: " + name + b" does not exist")
    assert b"Traceback" not in ended.stderr


def test_an_argument_is_utf8_whatever_the_terminal_believes(models):
    known_nothing = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "ostinato", "explain", models / "classifier", "good é"]
    ended = subprocess.run(command, capture_output=True, env=known_nothing)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert rb"\xe9" in ended.stdout  # what such a terminal cannot show


def test_an_error_without_a_place_to_tell_it_is_an_exit_code(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ostinato", "info", "nowhere"])
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(SystemExit) as ending:
        main()
    assert ending.value.code == 2


# Standard input


def test_a_byte_order_mark_is_no_part_of_the_first_text(models, monkeypatch):
    plain = piped(monkeypatch, b"good film\nold song", "translate", models / "translator")
    assert piped(monkeypatch, b"\xef\xbb\xbfgood film\r\nold song\r\n", "translate", models / "translator") == plain
    assert plain.code == 0


def test_a_blank_line_is_translated_to_a_blank_line(models, monkeypatch):
    lines = piped(monkeypatch, b"good film\n\n \nold song\n", "translate", models / "translator").out.split("\n")
    assert [bool(line) for line in lines] == [True, False, False, True, False]
    assert piped(monkeypatch, b"\n\n", "translate", models / "translator") == (0, "\n\n", "")


def test_a_blank_line_has_a_row_of_its_own_in_every_table(models, tmp_path, monkeypatch):
    (tmp_path / "t.txt").write_text("good film\n\nold song\n")
    for model, said in (("translator", "translation"), ("of_lines", "label")):
        assert run("predict", models / model, tmp_path / "t.txt", "--out", tmp_path / "told.csv").code == 0
        told = pd.read_csv(tmp_path / "told.csv", keep_default_na=False)
        assert [bool(value) for value in told[said]] == [True, False, True]
    (tmp_path / "t.csv").write_text("text,number\ngood film,1\n,2\nbad song,3\n")
    table = SequenceClassifier.load(models / "classifier").predict(tmp_path / "t.csv")
    assert list(table["label"].astype(bool)) == list(table["confidence"].notna()) == [True, False, True]


def test_other_bytes_than_utf8_are_named_with_their_line_and_read_when_told(models, monkeypatch):
    content = "good\nfilm é\n".encode("latin-1")
    ended = piped(monkeypatch, content, "translate", models / "translator")
    assert ended.code == 2
    assert "standard input, line 2: byte 0xE9 is not UTF-8 text" in ended.err
    assert "--encoding latin-1" in ended.err
    assert piped(monkeypatch, content, "translate", models / "translator", "--encoding=latin-1").code == 0
    assert "--encoding nonsense: Python knows no such" in error_of(
        "translate", models / "translator", "--encoding=nonsense"
    )


def test_closed_standard_input_is_told(models, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert error_of("translate", models / "translator").startswith("standard input is closed")
    assert error_of("predict", models / "of_lines", "-").startswith("standard input is closed")


def test_predict_reads_standard_input_where_a_dash_stands_for_the_file(models, monkeypatch, tmp_path):
    table = (models / "t.csv").read_bytes()
    assert piped(monkeypatch, table, "predict", models / "classifier", "-") == run(
        "predict", models / "classifier", models / "t.csv"
    )
    assert piped(monkeypatch, b"good film\n", "predict", models / "translator", "-").out.startswith("source,")
    ended = piped(monkeypatch, b"text,label\na\n", "predict", models / "classifier", "-")
    assert ended.err.startswith("error: standard input, line 2: 1 fields")


def test_a_dash_in_place_of_texts_is_standard_input_too(models, monkeypatch):
    lines = b"good film\n\nold song\n"
    told = [piped(monkeypatch, lines, "translate", models / "translator", *dash) for dash in ((), ("-",))]
    assert told[0] == told[1]
    assert told[0].out.count("\n") == 3


def test_only_taggers_write_tagged_words(models, tmp_path):
    told = error_of("predict", models / "classifier", models / "t.csv", "--out", tmp_path / "told.conll")
    assert "a .conll file holds tagged words" in told
    assert not (tmp_path / "told.conll").exists()


def test_a_file_of_another_encoding_than_that_of_training_is_read_when_told(models, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("text\nné\n".encode("latin-1"))
    assert "--encoding latin-1" in error_of("predict", models / "classifier", path)
    assert "né" in run("predict", models / "classifier", path, "--encoding=latin-1").out


# What is checked first


def test_an_unknown_label_of_the_test_file_is_told_before_training(models, tmp_path):
    (tmp_path / "test.csv").write_text("text,label\na,good\nb,unheard\n")
    told = error_of("fit", "classifier", models / "t.csv", "--test", tmp_path / "test.csv", "--out", tmp_path / "m")
    assert "line 3: label 'unheard' was not in the training data" in told
    assert not (tmp_path / "m").exists()


def test_an_unknown_language_of_the_test_file_is_told_before_training(tmp_path):
    for name, language in (("train", "fr"), ("test", "xx")):
        rows = "".join(f"a{number}\tb\t{language}\n" for number in range(9))
        (tmp_path / f"{name}.tsv").write_text("source\ttarget\tlanguage\n" + rows)
    told = error_of(
        "fit", "translator", tmp_path / "train.tsv", "--test", tmp_path / "test.tsv", "--out", tmp_path / "m"
    )
    assert told == "to 'xx': this model translates to fr"


DAYS = pd.date_range("2024-01-01", periods=40).strftime("%Y-%m-%d")
SALES = "".join(f"{day},{number % 7}\n" for number, day in enumerate(DAYS))
LATE = {
    "no later rows": ("forecaster", "date,y\n" + SALES, "no test series goes on for 24 steps"),
    "other columns": ("forecaster", "date,z\n" + SALES, "no column 'y'"),
    "an empty text": ("language-model", "", "the text is empty"),
    "other bytes": ("language-model", "fine\ncaf\udce9\n", "line 2: byte 0xE9"),
    "no replies": ("chatbot", "hello\n\nyou\n", "no reply in the test part"),
}
WHOLE = {
    "forecaster": "date,y\n" + SALES,
    "language-model": "a line of text to learn from\n" * 30,
    "chatbot": "".join(f"hello\nhi {number}\n\n" for number in range(12)),
}


@pytest.mark.parametrize(("verb", "content", "message"), LATE.values(), ids=LATE)
def test_a_test_file_with_nothing_to_score_is_told_before_training(verb, content, message, tmp_path):
    (tmp_path / "train.txt").write_text(WHOLE[verb])
    (tmp_path / "test.txt").write_bytes(os.fsencode(content))
    told = error_of("fit", verb, tmp_path / "train.txt", "--test", tmp_path / "test.txt", "--out", tmp_path / "m")
    assert message in told
    assert not (tmp_path / "m").exists()


# What errors call things


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        ("say which, label=...", "say which, --label COLUMN"),
        ("(lines: layout=lines)", "(lines: --layout lines)"),
        ("say encoding='latin-1', say", "say --encoding latin-1, say"),
        ("lower: epochs=5; or batch_size=2", "lower: --epochs 5; or --set batch_size=2"),
        ("--set epochs=5: once", "--set epochs=5: once"),
        ("column 'label=x'", "column 'label=x'"),
        ("features=...", "--feature COLUMN"),
        ("in/label=x.csv: no such file", "in/label=x.csv: no such file"),
        ("say quoting='none' (--quoting)", "say --quoting none"),
        ("give label_separator='|'", "give --label-separator '|'"),
    ],
)
def test_settings_are_called_as_the_shell_spells_them(said, typed):
    assert as_typed(said, spellings_of(ClassifierSettings)) == typed


def test_a_flag_is_spelled_without_a_value():
    assert as_typed("give reverse=True or to='fr'", {"reverse": Spelling("--reverse", "")}) == (
        "give --reverse or to='fr'"
    )


def test_errors_of_a_command_are_spelled(tmp_path):
    (tmp_path / "t.txt").write_text("just one line of words\n")
    assert "--layout lines" in error_of("fit", "classifier", tmp_path / "t.txt", "--out", tmp_path / "m")
    (tmp_path / "t.txt").write_text("ham\tsee you\nspam\twin\n")
    assert "--layout lines" in error_of("fit", "classifier", tmp_path / "t.txt", "--out", tmp_path / "m")
    (tmp_path / "t.csv").write_text("a,b\nx,y\n")
    assert "say which, --label COLUMN" in error_of("fit", "classifier", tmp_path / "t.csv", "--out", tmp_path / "m")


def test_a_training_that_its_limit_of_time_stopped_says_so_wherever_the_model_is_told_of(tmp_path):
    (tmp_path / "t.txt").write_text("a line of text to learn from\n" * 60)
    tiny = ("--set=hidden_size=4", "--set=embedding_size=4", "--set=max_seconds=1e-9", "--holdout=0")
    said = run("fit", "language-model", tmp_path / "t.txt", "--out", tmp_path / "m", *tiny, columns=200).out
    note = "note: training was stopped by --set max_seconds=1e-09 in epoch 1 of 20; its checkpoint is kept"
    assert note in said
    assert note in run("info", tmp_path / "m", columns=200).out


def test_a_log_hears_of_a_scoring_that_takes_long(models, monkeypatch):
    monkeypatch.setattr(screen, "LINE_SECONDS", 0.05)
    evaluate = SequenceClassifier.evaluate
    monkeypatch.setattr(SequenceClassifier, "evaluate", lambda *given: (time.sleep(0.5), evaluate(*given))[1])
    ended = run("evaluate", models / "classifier", models / "t.csv")
    assert ended.err.startswith("scoring: 0 min so far\n")
    assert "accuracy" in ended.out


# Two at once


def test_two_trainings_do_not_write_into_one_folder(models, tmp_path):
    script = (
        "import sys\nfrom pathlib import Path\nfrom ostinato.storage import locked\n"
        "with locked(Path(sys.argv[1])):\n  print('in', flush=True)\n  input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "m"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "in\n"
        told = error_of("fit", "classifier", models / "t.csv", "--out", tmp_path / "m")
        assert told == f"{tmp_path / 'm'}: another process is training there: wait for it, or give another folder"
        other.communicate("\n")
    assert not (tmp_path / "m").exists()
    with locked(tmp_path / "m"), locked(tmp_path / "m"):
        assert (tmp_path / "m" / ".lock").exists()
    assert not (tmp_path / "m").exists()


def test_what_a_training_gave_is_one_line_of_its_log(models, tmp_path):
    shown = run("fit", "classifier", models / "t.csv", "--out", tmp_path / "m", "--set=epochs=1", columns=40).out
    assert [line for line in shown.splitlines() if "2 labels out. Trained in" in line]
