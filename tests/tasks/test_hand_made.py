"""The tagger over features made by hand: what it says of words, and that its paths are CRFsuite's own."""

import random

import numpy as np
import pycrfsuite
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato import SequenceTagger
from ostinato.tasks.tagging import baselines
from ostinato.tasks.tagging.hand_made import SETTINGS, HandMade, _shape, features

TINY = {"hidden_size": 8, "embedding_size": 8, "epochs": 1}


def drawn(count, seed=0):
    """Sentences whose tags depend on endings, capitals and the tag before."""
    draw = random.Random(seed)
    sentences, tags = [], []
    for _ in range(count):
        words, own = [], []
        for _ in range(draw.randrange(1, 8)):
            kind = draw.randrange(3)
            stem = "".join(draw.choices("bdgklm", k=3))
            words.append((stem + "ing", stem.title(), stem + "s")[kind])
            own.append(3 if kind == 2 and own and own[-1] == 1 else kind)
        sentences.append(tuple(words))
        tags.append(np.array(own))
    return sentences, tags


@pytest.mark.parametrize(
    ("word", "shape"),
    [("McDonald-2", "XxXx-9"), ("1998", "9"), ("USA", "X"), ("e.g.", "x.x."), ("Über", "Xx"), ("", "")],
)
def test_a_shape_has_each_run_of_a_kind_of_letter_once(word, shape):
    assert _shape(word) == shape


def test_a_word_is_told_by_itself_its_ends_and_its_neighbours():
    first, second = features(["Old", "men"])
    assert {"word=old", "shape=Xx", "begins=o", "ends=ld", "-1:end", "1:word=men", "1:shape=x"} < set(first)
    assert {"word=men", "digits=False", "-1:word=old", "-1:shape=Xx", "1:end"} < set(second)
    assert not any("\n" in name for said in features(["a\nb"]) for name in said)


def test_its_paths_are_those_of_crfsuite(tmp_path):
    sentences, tags = drawn(80)
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=SETTINGS, verbose=False)
    for words, own in zip(sentences, tags, strict=True):
        trainer.append(list(features(words)), [str(tag) for tag in own])
    trainer.train(str(tmp_path / "field"))
    theirs = pycrfsuite.Tagger()
    theirs.open(str(tmp_path / "field"))
    new, _ = drawn(100, seed=1)
    expected = [[int(tag) for tag in theirs.tag(list(features(words)))] for words in new]
    field = HandMade.fit(sentences, tags, 5)
    assert field.predict(new) == expected
    assert HandMade.restored(*field.saved()).predict(new) == expected


def test_it_learns_what_endings_and_the_tag_before_tell_and_never_gives_a_tag_it_has_not_seen():
    field = HandMade.fit(*drawn(200), 5)
    new, tags = drawn(100, seed=1)
    given_tags = field.predict(new)
    assert np.mean(np.concatenate(given_tags) == np.concatenate(tags)) > 0.99
    assert 4 not in {tag for path in given_tags for tag in path}
    assert field.predict([(), ("Bdg",)])[0] == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.text(max_size=6), max_size=4), min_size=1, max_size=4).filter(any))
def test_any_words_are_read(sentences):
    tags = [np.zeros(len(words), np.int64) for words in sentences]
    field = HandMade.fit(sentences, tags, 2)
    again = HandMade.restored(*field.saved())
    assert again.predict(sentences) == [[0] * len(words) for words in sentences]


def test_what_does_not_fit_together_is_refused():
    tensors, content = HandMade.fit(*drawn(20), 4).saved()
    with pytest.raises(ValueError, match="others are named"):
        HandMade.restored(tensors | {"tag": tensors["tag"] + 7}, content)
    with pytest.raises(ValueError, match="weight is of"):
        HandMade.restored(tensors | {"weight": tensors["weight"].float()}, content)


def test_it_stands_in_the_table_and_its_absence_is_told(monkeypatch):
    sentences, numbers = drawn(40)
    data = [(list(words), [f"t{tag}" for tag in own]) for words, own in zip(sentences, numbers, strict=True)]
    tagger = SequenceTagger(**TINY).fit(data)
    assert "CRF, hand-made features" in tagger.evaluate(data).rows
    monkeypatch.setattr(baselines, "installed", lambda: False)
    without = SequenceTagger(**TINY).fit(data)
    assert "CRF, hand-made features" not in without.evaluate(data).rows
    assert any("ostinato[text]" in note for note in without.notes)
