"""`ostinato fit tagger` and its demo: what they print and save, and what they refuse before they train."""

import io
import json
import re
import shlex
import sys

import numpy as np
import pandas as pd
import pytest
from command import error_of, run

from ostinato import SequenceTagger, Translator
from ostinato.cli.options import options_of
from ostinato.data.conll import write_conll
from ostinato.data.tagged import TaggedSequences
from ostinato.demos import tags
from ostinato.demos.data.name_sentences import name_sentences
from ostinato.tasks.tagging.settings import TaggerSettings
from ostinato.training import DistributedContext

TINY = ["--set=hidden_size=8", "--set=epochs=2", "--set=char_hidden_size=4"]


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """A file of 80 sentences, and two more for validation and test."""
    folder = tmp_path_factory.mktemp("names")
    for name, part in zip(("train", "validation", "test"), name_sentences((80, 20, 20)), strict=True):
        write_conll(folder / f"{name}.conll", part)
    return folder / "train.conll"


def fit(data, out, *more):
    return run("fit", "tagger", data, "--out", out, *TINY, *more)


def refused(data, out, *more):
    return error_of("fit", "tagger", data, "--out", out, *TINY, *more)


@pytest.fixture(scope="module")
def model(names, tmp_path_factory):
    """A fitted model's folder, and what was printed."""
    out = tmp_path_factory.mktemp("model")
    return out, fit(names, out)


# Running text


def test_running_text_is_tagged_by_its_characters(model, names, monkeypatch):
    text = "“May”, said Jordan  in Paris."
    lines = run("tag", model[0], text, "", "Paris", "--json").out.splitlines()
    told = [json.loads(line) for line in lines]
    assert [each["text"] for each in told] == [text, "", "Paris"]
    assert told[1]["spans"] == []
    for each in told:
        for span in each["spans"]:
            assert each["text"][span["start"] : span["end"]] == span["text"]
            assert 0 < span["confidence"] <= 1
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{text}\n\nParis\n".encode())))
    assert run("tag", model[0], "--json").out.splitlines() == lines


def test_a_text_is_shown_whole_with_its_labels_and_drawn(model, tmp_path):
    ended = run("tag", model[0], "May <b> flew to Paris.", "--html", tmp_path / "t.html")
    assert re.sub(r"\[(PER|LOC|ORG|MISC|DATE|\w+)\]", "", ended.out) == "May <b> flew to Paris.\n"
    page = (tmp_path / "t.html").read_text()
    assert "<b>" not in page
    assert "&lt;" in page
    assert page.count("<p>") == 1


@pytest.mark.parametrize(
    "text",
    [
        "Anna went to Paris .\n",
        "Anna went .\nBen came back .\n",
        "Anna went .\nBen stayed .\n",
        "Anna went\nBen left\n",
    ],
)
def test_running_text_in_a_file_is_refused_with_how_to_write_it(text, model, tmp_path):
    (tmp_path / "new.txt").write_text(text)
    told = error_of("predict", model[0], tmp_path / "new.txt")
    assert told.startswith(f"{tmp_path / 'new.txt'}, line 1: several words")
    assert "one word a line" in told
    assert "ostinato tag" in told


@pytest.mark.parametrize(
    "text",
    [
        "Anna\nwent\n\nBen\n",
        "Anna B-PER\nwent O\n\nBen B-XX\n",
        "Anna _\nwent _\n\nBen _\n",
        "Anna\tNNP\nwent\tVBD\n\nBen\tNN\n",
    ],
)
def test_columns_with_tags_or_between_tabs_are_read_as_columns(text, model, tmp_path):
    (tmp_path / "new.txt").write_text(text)
    table = SequenceTagger.load(model[0]).predict(tmp_path / "new.txt")
    assert list(table["token"]) == ["Anna", "went", "Ben"]


def test_what_is_told_is_written_as_columns_where_the_name_says_so(model, names, tmp_path):
    assert run("predict", model[0], names, "--out", tmp_path / "told.conll").code == 0
    told = SequenceTagger().read(tmp_path / "told.conll")
    assert told.items == SequenceTagger().read(names).items
    assert told.tags == tuple(
        tuple(own["tag"]) for _, own in SequenceTagger.load(model[0]).predict(names).groupby("sentence")
    )


def test_other_models_tag_no_text(tmp_path):
    Translator(tokenizer="char", epochs=1, hidden_size=4, embedding_size=4).fit([("a", "b"), ("c", "d")]).save(tmp_path)
    assert "tag needs a SequenceTagger" in error_of("tag", tmp_path, "a")


@pytest.mark.parametrize(
    ("tags", "name"),
    [("B-X I-X L-X O U-X", "BILOU"), ("B-X I-X E-X O S-X", "IOBES"), ("B-X M-X E-X O W-X", "BMES")],
)
def test_schemes_in_other_letters_are_scored_by_entities_too(tags, name, tmp_path):
    words = ["a", "b", "c", "d", "e"]
    sentences = [([*words[:-1], f"e{number}"], tags.split()) for number in range(12)]
    write_conll(tmp_path / "t.conll", TaggedSequences.of_sentences(sentences))
    ended = fit(tmp_path / "t.conll", tmp_path / "m")
    assert f"note: the tags mark entities ({name}): they are scored by whole entities" in ended.out
    assert "entity F1" in ended.out or "F1" in ended.out


def test_tags_that_mark_no_entities_are_said_to_be_scored_one_by_one(tmp_path):
    sentences = [(["a", f"b{number}"], ["DET", "NOUN"]) for number in range(12)]
    write_conll(tmp_path / "t.conll", TaggedSequences.of_sentences(sentences))
    assert "note: each tag is scored by itself" in fit(tmp_path / "t.conll", tmp_path / "m").out


def test_the_help_lists_every_setting():
    shown = " ".join(run("fit", "tagger", "--help", columns=200).out.split())
    options, listed = shown.split("--set: the model")
    for name in TaggerSettings.model_fields:
        if name in options_of(TaggerSettings):
            assert f"--{name.removesuffix('s') if name == 'features' else name.replace('_', '-')} " in options
        else:
            assert f" {name} " in listed


def test_it_scores_the_held_out_tenth_saves_the_model_and_says_how_to_use_it(names, model):
    _, ended = model
    assert (ended.code, ended.err) == (0, "")
    assert "note: the tags mark entities (BIO)" in ended.out
    assert "SequenceTagger: gru, 1 x 8 units in both directions" in ended.out
    assert "Scores on the held-out 10%" in ended.out
    for row in ("ostinato", "each word's tag", "commonest tag"):
        assert f"\n{row} " in ended.out
    assert "\n all " in ended.out
    assert ended.out.splitlines()[-1].startswith("Tag with: ")
    given = run(*shlex.split(ended.out.splitlines()[-1].removeprefix("Tag with: "))[1:]).out
    table = pd.read_csv(io.StringIO(given))
    assert list(table.columns) == ["sentence", "token", "tag", "confidence"]
    assert len(table) == SequenceTagger().read(names).steps


def test_the_saved_model_can_be_looked_at_and_scored(names, model):
    out, _ = model
    assert "SequenceTagger" in run("info", out).out
    ended = run("evaluate", out, names.with_name("test.conll"))
    assert ended.code == 0
    assert "\nostinato " in ended.out


def test_a_test_file_takes_the_place_of_the_holdout(names, tmp_path):
    test = names.with_name("test.conll")
    ended = fit(names, tmp_path, "--test", test, "--validation", names.with_name("validation.conll"))
    assert (ended.code, ended.err) == (0, "")
    assert f"Scores on {test}" in " ".join(ended.out.split()).replace("conll ,", "conll,")
    assert SequenceTagger.load(tmp_path).metrics.count == SequenceTagger().read(test).steps


def test_without_a_holdout_there_is_no_table(names, tmp_path):
    assert "each word's tag" not in fit(names, tmp_path, "--holdout", 0).out
    assert SequenceTagger.load(tmp_path).metrics is None


def test_columns_and_format_are_chosen_by_options(tmp_path):
    rows = [f"# sentence {n}\n1\tw{n}\tx\tNOUN\n2-3\twe'll\t_\t_\n2\twe\tx\tPRON\n\n" for n in range(20)]
    (tmp_path / "a.conllu").write_text("".join(rows))
    ended = fit(tmp_path / "a.conllu", tmp_path / "one", "--format=conllu", "--decoder=softmax", "--cell=lstm")
    assert ended.code == 0
    saved = SequenceTagger.load(tmp_path / "one")
    assert saved.model.tags == ("NOUN", "PRON")
    assert (saved.settings.cell, saved.settings.decoder) == ("lstm", "softmax")
    assert fit(tmp_path / "a.conllu", tmp_path / "two", "--format=conllu", "--tag-column=1").code == 0
    assert SequenceTagger.load(tmp_path / "two").model.tags == ("1", "2")


def test_a_table_of_numbers_is_tagged_step_by_step(tmp_path):
    x = np.random.default_rng(0).normal(size=300)
    table = pd.DataFrame({"who": np.arange(300) // 15, "x": x, "mood": np.where(x > 0, "good", "bad")})
    table.to_csv(tmp_path / "moods.csv", index=False)
    options = ["--id=who", "--label=mood", "--feature=x", "--set=hidden_size=8", "--set=epochs=2"]
    ended = run("fit", "tagger", tmp_path / "moods.csv", "--out", tmp_path / "model", *options)
    assert (ended.code, ended.err) == (0, "")
    assert "\nstep alone " in ended.out
    given = run("predict", tmp_path / "model", tmp_path / "moods.csv").out
    assert given.startswith("sequence,step,tag,confidence\n0,1,")


def test_only_the_first_process_prints_and_writes(names, tmp_path, monkeypatch):
    monkeypatch.setattr(DistributedContext, "main", False)
    assert fit(names, tmp_path / "model") == (0, "", "")
    assert not (tmp_path / "model" / "bundle.json").exists()


ERRORS = [
    (["--test", "no.conll"], "no.conll: no such file"),
    (["--test", "no.conll", "--holdout", "0.1"], "give --test or --holdout, not both"),
    (["--holdout", "1.5"], "holdout must be a share of at least 0 and below 1"),
    (["--tag-column", "7"], "line 1: 2 columns, and the tags should be in column 7"),
    (["--label", "y"], "label has no meaning where the inputs are words"),
    (["--decoder", "beam"], "decoder = 'beam'"),
    (["--set", "epoch=3"], "no setting 'epoch'"),
    (["--resume"], "nothing to resume"),
]


@pytest.mark.parametrize(("options", "message"), ERRORS, ids=[" ".join(options) for options, _ in ERRORS])
def test_what_cannot_be_used_is_refused_before_training(options, message, names, tmp_path):
    assert message in refused(names, tmp_path / "model", *options)
    assert not (tmp_path / "model").exists()


def test_a_ragged_line_is_told_by_its_number(tmp_path):
    (tmp_path / "a.conll").write_text("a X\nb X\nc\n")
    assert refused(tmp_path / "a.conll", tmp_path / "m").endswith("a.conll, line 3: 1 column, where line 1 has 2")


def test_the_demo_leaves_a_model_and_the_sentences_and_runs_again_over_them(tmp_path, monkeypatch):
    for setting, value in {"cell": "gru", "hidden_size": 8, "epochs": 1, "char_hidden_size": 0}.items():
        monkeypatch.setitem(tags.DEMO.settings, setting, value)
    out = tmp_path / "demo"
    ended = run("demo", "tags", "--out", out, columns=500)
    assert (ended.code, ended.err) == (0, "")
    assert "\neach word's tag " in ended.out
    assert "Jordan visited Paris in May" in ended.out
    line = ended.out.splitlines()[-1].removeprefix("Tag with: ")
    assert run(*shlex.split(line)[1:]).code == 0
    assert run("demo", "tags", "--out", out, "--force").code == 0
