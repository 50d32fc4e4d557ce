"""`ostinato fit tagger` and its demo: what they print and save, and what they refuse before they train."""

import io
import shlex

import numpy as np
import pandas as pd
import pytest
from command import error_of, run

from ostinato import SequenceTagger
from ostinato.cli.options import options_of
from ostinato.data.conll import write_conll
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
