"""`ostinato fit translator` and `ostinato translate`: what they print and save, and what they refuse."""

import io
import json
import shlex
import sys

import pytest
from command import error_of, run

from ostinato import Translator
from ostinato.demos import translation
from ostinato.tasks.translation import model as translation_model
from ostinato.tasks.translation.settings import TranslatorSettings

TINY = ["--tokenizer=word", "--set=hidden_size=8", "--set=embedding_size=8", "--set=epochs=2", "--set=max_length=8"]
NUMBERS = ["zero", "one", "two", "three", "four", "five"]
PAIRS = [(f"{a} {b}", f"{NUMBERS.index(b)} {NUMBERS.index(a)}") for a in NUMBERS for b in NUMBERS]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The pairs in one file, in two, and with a language."""
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "pairs.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in PAIRS))
    (folder / "words.txt").write_text("".join(f"{source}\n" for source, _ in PAIRS))
    (folder / "digits.txt").write_text("".join(f"{target}\n" for _, target in PAIRS))
    rows = [f"{s}\t{t}\tback\n{s}\t{t[::-1]}\tstraight\n" for s, t in PAIRS]
    (folder / "ways.tsv").write_text("source\ttarget\tlanguage\n" + "".join(rows))
    return folder


@pytest.fixture(scope="module")
def model(files, tmp_path_factory):
    """Not to be changed."""
    folder = tmp_path_factory.mktemp("models") / "model"
    assert fit(files / "pairs.tsv", "--out", folder).code == 0
    return folder


def fit(*arguments):
    return run("fit", "translator", *arguments, *TINY, columns=500)


def refused(*arguments):
    return error_of("fit", "translator", *arguments, *TINY)


def test_the_help_lists_every_setting():
    shown = " ".join(run("fit", "translator", "--help", columns=200).out.split())
    options, listed = shown.split("--set: the model")
    for name in TranslatorSettings.model_fields:
        assert f"--{name.replace('_', '-')}" in options or f" {name} " in listed


def test_it_scores_on_held_out_pairs_saves_and_says_how_to_translate(files, tmp_path):
    ended = fit(files / "pairs.tsv", "--out", tmp_path / "model")
    assert (ended.code, ended.err) == (0, "")
    assert "Translator: gru, 1 x 8 units, scaled multiplicative attention" in ended.out
    assert "Scores on the held-out 10% of the pairs, 4 translations:" in ended.out
    assert all(f"\n{row} " in ended.out for row in ("ostinato", "nearest source", "copy"))
    line = ended.out.splitlines()[-1].removeprefix("Translate with: ")
    assert run(*shlex.split(line)[1:]).code == 0


def test_two_files_whose_lines_correspond_train_validate_and_test(files, tmp_path):
    both = [files / "words.txt", files / "digits.txt"]
    more = ["--validation", both[0], "--validation", both[1], "--test", both[0], "--test", both[1]]
    ended = fit(*both, *more, "--out", tmp_path)
    assert ended.code == 0
    assert f"Scores on {both[0]} and {both[1]}, 36 translations:" in ended.out
    assert "36 of 36 sources stand in the training data too" in ended.out


def test_without_a_holdout_there_is_no_table(files, tmp_path):
    ended = fit(files / "pairs.tsv", "--holdout=0", "--lowercase", "--out", tmp_path)
    assert "Scores" not in ended.out
    assert Translator.load(tmp_path).settings.lowercase


def test_several_languages_are_named_and_asked_for(files, tmp_path):
    ended = fit(files / "ways.tsv", "--out", tmp_path)
    assert "into back, straight." in ended.out
    assert " --to back " in ended.out.splitlines()[-1]
    assert run("translate", tmp_path, "one two", "--to", "straight").code == 0
    assert "which language? This model translates to back, straight" in error_of("translate", tmp_path, "one two")


def test_texts_are_translated_a_line_each_from_arguments_or_standard_input(model, monkeypatch):
    texts = [source for source, _ in PAIRS[:3]]
    expected = Translator.load(model).translate(texts)
    assert run("translate", model, *texts).out.splitlines() == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(("\n".join(texts) + "\n").encode())))
    assert run("translate", model).out.splitlines() == expected


def test_n_best_gives_scores_and_a_beam_of_its_own(model):
    lines = run("translate", model, "one two", "--n-best", 2, "--beam", 3).out.splitlines()
    assert len(lines) == 2
    scores = [float(line.split("\t")[0]) for line in lines]
    assert scores[0] > scores[1]


def test_a_plot_shows_what_was_looked_at(model, tmp_path):
    assert run("translate", model, "one two", "--plot", tmp_path / "look.png").code == 0
    assert (tmp_path / "look.png").read_bytes().startswith(b"\x89PNG")
    assert "give one TEXT" in error_of("translate", model, "--plot", tmp_path / "look.png")


def test_a_plot_is_of_the_translation_that_is_printed(model, tmp_path, monkeypatch):
    searched, drawn = [], []
    search, attention = translation_model.search, Translator.attention
    monkeypatch.setattr(translation_model, "search", lambda *a, **k: searched.append(1) or search(*a, **k))
    monkeypatch.setattr(Translator, "attention", lambda *a, **k: drawn.append(attention(*a, **k)) or drawn[-1])
    ended = run("translate", model, "one two", "--beam", 2, "--plot", tmp_path / "look.png")
    assert (ended.code, len(searched)) == (0, 1)
    assert " ".join(drawn[0].target[:-1]) == ended.out.strip()


def test_the_model_predicts_and_evaluates_files_as_any_other(model, files):
    shown = run("predict", model, files / "words.txt").out
    assert shown.startswith("source,translation,score,rank\n")
    scores = json.loads(run("evaluate", model, files / "pairs.tsv", "--json").out)
    assert scores["counted"] == "translations"
    assert "bleu_lowercase" in scores["scores"]["ostinato"]


def test_what_does_not_fit_is_refused_before_any_work(files, tmp_path):
    pairs, out = files / "pairs.tsv", ("--out", tmp_path / "new")
    assert "--out" in refused(pairs)
    assert "DATA" in refused(*out)
    assert "DATA: 3 files" in refused(pairs, pairs, pairs, *out)
    assert "either is what the model is scored on" in refused(pairs, "--test", pairs, "--holdout", 0.2, *out)
    assert "--test: 3 files" in refused(pairs, "--test", pairs, "--test", pairs, "--test", pairs, *out)
    assert "no setting 'beems'" in refused(pairs, "--set", "beems=2", *out)
    assert not (tmp_path / "new").exists()


def test_the_demo_translates_dates_and_leaves_a_picture_and_the_pairs(tmp_path, monkeypatch):
    monkeypatch.setitem(translation.DEMO.settings, "epochs", 1)
    monkeypatch.setitem(translation.DEMO.settings, "warmup", 0)
    monkeypatch.setitem(translation.DEMO.settings, "hidden_size", 8)
    monkeypatch.setitem(translation.DEMO.settings, "max_length", 40)
    monkeypatch.setattr("ostinato.demos.data.date_pairs.date_pairs.__kwdefaults__", {"test_days": 3, "seed": 0})
    monkeypatch.setattr("ostinato.demos.data.date_pairs.date_pairs.__defaults__", (20,))
    ended = run("demo", "translation", "--out", tmp_path, columns=500)
    assert (ended.code, ended.err) == (0, "")
    assert "180 pairs to learn from" in ended.out
    assert "Scores on days it has not seen, 27 translations:" in ended.out
    assert "  German: " in ended.out
    assert (tmp_path / "attention.png").read_bytes().startswith(b"\x89PNG")
    assert len((tmp_path / "dates.tsv").read_text().splitlines()) == 181
