"""A modality is learned from the training part alone, saved with the model, and known to no estimator by name."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import ostinato.modalities
from ostinato import OstinatoError, SequenceClassifier, SequenceTagger
from ostinato.data import Clip, LabelledSequences, Recordings, TaggedSequences
from ostinato.modalities import MODALITIES, Audio, FrontEnd, Modality, Numbers, Text, Words, foreign_settings, padded

TEXTS = ["not bad at all", "a dull film", "a fine film"]


def learned(kind):
    settings = SequenceClassifier().settings
    if kind is Text:
        return Text.learn(LabelledSequences.of_texts(TEXTS), settings)
    if kind is Words:
        sentences = TaggedSequences.of_sentences([text.split() for text in TEXTS], tags=False)
        return Words.learn(sentences, SequenceTagger().settings)
    if kind is Audio:
        return Audio.learn(Recordings.of_waves([np.sin(np.arange(4000.0)) / 2], 16000), settings)
    return Numbers.learn(LabelledSequences.of_arrays([np.arange(6.0).reshape(3, 2), np.ones((1, 2))]), settings)


@pytest.mark.parametrize("kind", MODALITIES, ids=lambda kind: kind.name)
def test_what_was_saved_reads_as_before(kind):
    modality = learned(kind)
    again = Modality.restored(*modality.saved())
    items = {
        Text: "a fine film, at last",
        Words: ("a", "fine", "film"),
        Numbers: np.array([[3.0, 1.0]]),
        Audio: Clip.of_wave(np.cos(np.arange(900.0)) / 3, 16000),
    }
    item = items[kind]
    np.testing.assert_array_equal(again.steps(item), modality.steps(item))
    assert type(again) is kind


def test_a_modality_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="no modality 'smell' is known"):
        Modality.restored({}, {"modality": "smell"})


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5), min_size=1, max_size=4))
def test_numbers_of_the_training_part_have_mean_0_and_spread_1(rows):
    records = LabelledSequences.of_arrays(rows)
    steps = np.concatenate([Numbers.learn(records, None).steps(array) for array in records.arrays])
    assert abs(steps.mean()) < 1e-3
    assert steps.std() == pytest.approx(1, abs=1e-3) or np.ptp(np.concatenate(records.arrays)) < 1e-6


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_sequences_are_padded_with_zeros(sizes):
    x, lengths = padded([np.ones((size, 2), np.float32) for size in sizes])
    assert lengths.tolist() == sizes
    assert x.shape == (len(sizes), max(sizes), 2)
    assert x.sum().item() == 2 * sum(sizes)


def test_a_word_is_spelled_once_a_batch_wherever_it_stands_and_a_long_one_by_its_ends():
    words, settings = learned(Words), SequenceTagger(char_hidden_size=3, word_dropout=0).settings
    front_end = words.front_end(settings).eval()
    long = "film" + "x" * 100 + "film"
    sentences = [("fine", "film"), ("film",), (long, "a", "fine")]
    x, lengths = padded([words.steps(item) for item in sentences])
    features, _ = front_end(x, lengths)
    torch.testing.assert_close(features[0, 1], features[1, 0])
    torch.testing.assert_close(features[0, 0], features[2, 2])
    alone, _ = front_end(*padded([words.steps(("film" + "x" * 92 + "film",))]))
    torch.testing.assert_close(alone[0, 0], features[2, 0])  # the same 20 characters at either end, and as unknown


def test_words_say_which_of_them_training_has_seen():
    assert learned(Words).known(("a", "green", "film")).tolist() == [True, False, True]


def test_settings_of_another_modality_are_named():
    assert foreign_settings(Numbers, {"tokenizer", "hidden_size", "word_dropout"}) == ["tokenizer", "word_dropout"]
    assert foreign_settings(Text, {"tokenizer", "hidden_size"}) == []


class OnesFrontEnd(FrontEnd):
    width = 1

    def forward(self, x, lengths):
        return x.float()[..., None], lengths


@dataclass(frozen=True, eq=False)
class Letters(Modality):
    """Texts as the places of their letters in the alphabet: a modality that a test has made up."""

    name: ClassVar[str] = "text"
    kinds: ClassVar[str] = "letters"
    first: str
    max_length: int | None = None

    @classmethod
    def learn(cls, records, settings):
        return cls(min("".join(records.texts)), settings.max_length)

    def whole(self, item):
        return np.array([ord(letter) - ord(self.first) for letter in item])

    def check(self, records):
        _ = records.texts

    def front_end(self, settings):
        return OnesFrontEnd()

    def summary(self, settings):
        return "letters"


def test_a_new_modality_touches_no_estimator(monkeypatch, tmp_path):
    monkeypatch.setattr(ostinato.modalities, "MODALITIES", (Letters, Numbers))
    texts = [letter * count for count in range(1, 16) for letter in "az"]
    labels = ["low", "high"] * 15
    classifier = SequenceClassifier(hidden_size=4, epochs=1).fit(texts, labels)
    assert "letters in" in classifier.summary()
    classifier.save(tmp_path)
    again = SequenceClassifier.load(tmp_path)
    assert again.predict(texts).equals(classifier.predict(texts))


def test_a_front_end_gives_features_and_lengths():
    text = learned(Text)
    front_end = text.front_end(SequenceClassifier(embedding_size=5).settings).eval()
    x, lengths = padded([text.steps(each) for each in TEXTS])
    features, same = front_end(x, lengths)
    assert features.shape == (3, 4, 5)
    assert torch.equal(same, lengths)


def test_records_of_another_kind_are_refused():
    with pytest.raises(OstinatoError, match="texts where sequences of numbers are needed"):
        learned(Numbers).check(LabelledSequences.of_texts(TEXTS))
