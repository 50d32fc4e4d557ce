"""A SequenceTagger that was saved and loaded, or killed and resumed, is the same to the last bit."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from forecast_scenario import Leaky
from tagger_scenario import TINY, interruptible, moves, sentences

import ostinato
from ostinato import OstinatoError, SequenceTagger
from ostinato.training import latest

CASES = {
    "plain": {},
    "softmax": {"decoder": "softmax", "bidirectional": False},
    "no characters": {"char_hidden_size": 0, "vocabulary_size": 5},
    "deep": {"num_layers": 2, "locked_dropout": True, "embedding_dropout": 0.1},
    "own cell": {"cell": Leaky},
    "another backend": {"backend": "aten"},
}


def assert_same(first, second, data):
    pd.testing.assert_frame_equal(first.predict(data), second.predict(data), check_exact=True)
    theirs = second.model.saved()[0]
    for name, tensor in first.model.saved()[0].items():
        np.testing.assert_array_equal(tensor.numpy(), theirs[name].numpy(), err_msg=name)


@pytest.mark.parametrize("which", CASES)
def test_a_loaded_tagger_tags_and_scores_bit_for_bit_as_the_saved_one(which, tmp_path):
    chosen = CASES[which]
    saved = SequenceTagger(**TINY | chosen).fit(sentences(30))
    scores = saved.evaluate(sentences(10, 4))
    saved.save(tmp_path)
    own = {"cell": Leaky} if "cell" in chosen else {}
    loaded = SequenceTagger.load(tmp_path, **own)
    assert loaded.settings == saved.settings
    assert loaded.notes == saved.notes
    assert loaded.summary() == saved.summary()
    assert loaded.metrics.to_dict() == scores.to_dict()
    assert_same(saved, loaded, [words for words, _ in sentences(10, 4)])
    assert loaded.evaluate(sentences(10, 4)).to_dict() == scores.to_dict()
    pd.testing.assert_frame_equal(loaded.report(sentences(10, 4)), saved.report(sentences(10, 4)))


def test_a_tagger_of_numbers_too(tmp_path):
    saved = SequenceTagger(hidden_size=4, epochs=1).fit(moves())
    saved.evaluate(moves(seed=1))
    saved.save(tmp_path)
    loaded = ostinato.load(tmp_path)
    assert type(loaded) is SequenceTagger
    assert_same(saved, loaded, moves(seed=1))
    assert loaded.evaluate(moves(seed=1)).to_dict() == saved.metrics.to_dict()


def test_a_loaded_tagger_can_be_fitted_again_as_it_was(tmp_path):
    saved = SequenceTagger(**TINY).fit(sentences(30))
    saved.save(tmp_path)
    assert_same(saved, SequenceTagger.load(tmp_path).fit(sentences(30)), sentences(10, 4))


def test_one_seed_gives_one_tagger():
    first, again = (SequenceTagger(**TINY).fit(sentences(30)) for _ in range(2))
    assert_same(first, again, sentences(10, 4))
    other = SequenceTagger(**TINY, seed=1).fit(sentences(30))
    assert not other.predict(sentences(10, 4)).equals(first.predict(sentences(10, 4)))


def test_a_killed_fit_when_resumed_ends_as_if_it_had_not_been(tmp_path):
    program = f"import tagger_scenario; tagger_scenario.fit_until_killed({str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, check=False)
    assert done.returncode == -signal.SIGKILL
    assert latest(tmp_path / "checkpoints").name == "checkpoint-6.safetensors"
    data = sentences(40), sentences(10, 1)
    with pytest.raises(OstinatoError, match="holds checkpoints of an earlier run: resume it"):
        interruptible().fit(data[0], validation=data[1], folder=tmp_path)
    resumed = interruptible().fit(data[0], validation=data[1], folder=tmp_path, resume=True)
    assert_same(interruptible().fit(data[0], validation=data[1]), resumed, sentences(10, 4))
    assert latest(tmp_path / "checkpoints") is None  # done: a new fit may begin there
