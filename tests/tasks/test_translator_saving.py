"""A Translator that was saved and loaded, or killed and resumed, is the same to the last bit."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from translate_scenario import TINY, interruptible, numbers, two_ways, unseen

import ostinato
from ostinato import Translator
from ostinato.data.pairs import ParallelTexts
from ostinato.tasks.translation.nearest import NearestSource

CASES = {
    "plain": ({}, numbers(120)),
    "bpe, shared": ({"tokenizer": "bpe", "shared_vocabulary": True, "input_feeding": True}, numbers(120)),
    "languages": ({"tokenizer": "char", "attention": "additive", "ema_decay": 0.9}, two_ways(120)),
    "two networks": ({"ensemble": 2}, numbers(120)),
    "one pair a side": ({"lowercase": True, "attention": None}, numbers(120)[:2]),
}


def assert_same_numbers(first, second):
    (ours, content), (theirs, other) = first.model.saved(), second.model.saved()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
    assert content == other


@pytest.mark.parametrize("which", CASES)
def test_a_loaded_translator_writes_and_scores_as_the_saved_one(which, tmp_path):
    chosen, pairs = CASES[which]
    saved = Translator(**TINY | chosen).fit(pairs)
    table = saved.evaluate(pairs[:20])
    saved.save(tmp_path)
    loaded = ostinato.load(tmp_path)
    assert type(loaded) is Translator
    assert (loaded.settings, loaded.notes, loaded.summary()) == (saved.settings, saved.notes, saved.summary())
    assert loaded.languages == saved.languages
    assert loaded.metrics.to_dict() == table.to_dict()
    assert_same_numbers(saved, loaded)
    texts, to = [source for source, *_ in pairs[:9]], (saved.languages or (None,))[0]
    assert loaded.translate_n_best(texts, 2, to=to) == saved.translate_n_best(texts, 2, to=to)
    assert loaded.evaluate(pairs[:20]).to_dict() == table.to_dict()


def test_a_training_that_was_killed_and_resumed_ends_as_if_it_had_not_been(tmp_path):
    code = f"from translate_scenario import fit_until_killed; fit_until_killed({str(tmp_path)!r})"
    killed = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    resumed = interruptible().fit(numbers(150), folder=tmp_path, resume=True)
    assert_same_numbers(interruptible().fit(numbers(150)), resumed)
    assert not list((tmp_path / "checkpoints").iterdir())


def test_the_nearest_source_is_found_by_its_rare_words_in_the_language_asked_for():
    pairs = [
        ("the red house", "das rote Haus", "de"),
        ("the old zebra", "das alte Zebra", "de"),
        ("the old zebra", "le vieux zèbre", "fr"),
        ("the the the", "die die die", "de"),
    ]
    nearest = NearestSource.fit(ParallelTexts.of(pairs), 0)
    assert nearest.translate(["The zebra!", "zebra", "a house"], ["de", "fr", "de"]) == [
        "das alte Zebra",
        "le vieux zèbre",
        "das rote Haus",
    ]
    assert nearest.translate(["nothing known"], ["de"]) == ["das rote Haus"]


def test_of_very_many_pairs_the_nearest_source_remembers_a_part(monkeypatch):
    monkeypatch.setattr("ostinato.tasks.translation.nearest.MOST", 10)
    assert len(NearestSource.fit(ParallelTexts.of(list(unseen(30))), 0).sources) == 10
