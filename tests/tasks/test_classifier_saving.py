"""A SequenceClassifier that was saved and loaded, or killed and resumed, is the same to the last bit."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from classify_scenario import TINY, interruptible, reviews, waves

import ostinato
from ostinato import OstinatoError, SequenceClassifier
from ostinato.training import latest

CASES = {
    "words": {},
    "no linear part": {"linear": False, "calibration": "none", "lowercase": False},
    "characters": {"tokenizer": "char", "pooling": "attention", "max_length": 40},
    "pieces": {"tokenizer": "bpe", "vocabulary_size": 300, "ensemble": 2, "split": "whitespace"},
    "weights by label": {"class_weights": {"positive": 1.5, "negative": 1.0}, "bidirectional": False},
}


def assert_same_numbers(first, second):
    (ours, content), (theirs, other) = first.model.saved(), second.model.saved()
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        np.testing.assert_array_equal(tensor.numpy(), theirs[name].numpy(), err_msg=name)
    assert content == other


@pytest.mark.parametrize("which", CASES)
def test_a_loaded_model_tells_and_scores_bit_for_bit_as_the_saved_one(which, tmp_path):
    saved = SequenceClassifier(**TINY | {"epochs": 1} | CASES[which]).fit(reviews())
    scores = saved.evaluate(reviews("test"))
    saved.save(tmp_path)
    loaded = ostinato.load(tmp_path)
    assert type(loaded) is SequenceClassifier
    assert (loaded.settings, loaded.notes, loaded.summary()) == (saved.settings, saved.notes, saved.summary())
    assert loaded.metrics.to_dict() == scores.to_dict()
    assert_same_numbers(saved, loaded)
    assert loaded.predict(reviews("test")[0]).equals(saved.predict(reviews("test")[0]))
    assert loaded.evaluate(reviews("test")).to_dict() == scores.to_dict()
    assert loaded.explain("not bad at all") == saved.explain("not bad at all")


def test_a_model_of_numbers_is_loaded_bit_for_bit(tmp_path):
    saved = SequenceClassifier(hidden_size=4, epochs=1).fit(waves(40))
    saved.save(tmp_path)
    loaded = SequenceClassifier.load(tmp_path)
    assert_same_numbers(saved, loaded)
    assert loaded.predict(waves(9)[0]).equals(saved.predict(waves(9)[0]))
    assert loaded.evaluate(waves(9)).to_dict() == saved.evaluate(waves(9)).to_dict()
    with pytest.raises(OstinatoError, match="sequences of numbers, and explain is for texts"):
        loaded.explain("a text")


def test_a_killed_fit_when_resumed_ends_as_if_it_had_not_been(tmp_path):
    program = f"import classify_scenario; classify_scenario.fit_until_killed({str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, check=False)
    assert done.returncode == -signal.SIGKILL
    assert latest(tmp_path / "checkpoints").name == "checkpoint-6.safetensors"
    resumed = interruptible().fit(reviews(), folder=tmp_path, resume=True)
    whole = interruptible().fit(reviews())
    assert_same_numbers(whole, resumed)
    assert latest(tmp_path / "checkpoints") is None
