"""Folds are of like size, hold every record once, and keep equal records together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato import OstinatoError
from ostinato.data import Dialogues, LabelledSequences, TaggedSequences
from ostinato.data.folds import Foldable
from ostinato.data.pairs import ParallelTexts

words = st.lists(st.sampled_from("abcdefgh"), min_size=6, max_size=40)


class Letters(tuple, Foldable):
    origin = "the letters"

    def fold_keys(self):
        return self

    def take(self, rows):
        return Letters(self[row] for row in rows)


@given(letters=words, count=st.integers(2, 5), seed=st.integers(0, 3))
def test_each_record_is_in_one_fold_and_equal_ones_in_the_same(letters, count, seed):
    if len(set(letters)) < count:
        with pytest.raises(OstinatoError, match="different records are too few for"):
            Letters(letters).folds(count, seed)
        return
    folds = list(Letters(letters).folds(count, seed))
    assert sorted(letter for _, fold in folds for letter in fold) == sorted(letters)
    for rest, fold in folds:
        assert not set(rest) & set(fold)
        assert sorted((*rest, *fold)) == sorted(letters)
        assert fold


@given(counts=st.lists(st.integers(4, 20), min_size=2, max_size=4), count=st.integers(2, 4))
def test_every_label_is_spread_over_all_folds(counts, count):
    labels = [str(label) for label, number in enumerate(counts) for _ in range(number)]
    records = LabelledSequences.of_texts([str(row) for row in range(len(labels))], labels)
    for _, fold in records.folds(count):
        for label, number in enumerate(counts):
            assert abs(fold.labels.count(str(label)) - number / count) < 1


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["a", "b", "c", "d", "e"], ["x", "y", "x", "y", "rare"]),
        (["a", "b", "c", "d", "e", "e"], ["x", "y", "x", "y", "rare", "rare"]),  # a copy is in the same fold
    ],
)
def test_a_label_that_only_one_fold_would_hold_is_told_before_any_training(texts, labels):
    with pytest.raises(OstinatoError, match=r"the texts, item 4: label 'rare' has one example"):
        LabelledSequences.of_texts(texts, labels).folds(2)


def test_of_several_labels_one_may_be_rare_since_all_are_known():
    records = LabelledSequences.of_texts(["a", "b", "c", "d"], [["x"], ["x"], ["x", "rare"], []])
    assert all(part.kinds == ("rare", "x") for both in records.folds(2) for part in both)


@pytest.mark.parametrize(
    "records",
    [
        LabelledSequences.of_arrays([[1.0], [2.0], [3.0], [4.0]], ["a", "b", "a", "b"]),
        TaggedSequences.of_sentences([(["a"], ["O"]), (["b"], ["O"]), (["a"], ["O"])]),
        ParallelTexts.of([("a", "1"), ("b", "2"), ("a", "3")]),
        Dialogues.of([["a", "1"], ["b", "2"], ["a", "1"]]),
    ],
    ids=lambda records: type(records).__name__,
)
def test_records_of_every_kind_are_dealt_out(records):
    assert sorted(len(fold) for _, fold in records.folds(2)) in ([1, 2], [2, 2])
    assert all(len(rest) + len(fold) == len(records) for rest, fold in records.folds(2))


def test_one_fold_is_none():
    with pytest.raises(OstinatoError, match="folds must be at least 2, got 1"):
        Dialogues.of([["a", "1"], ["b", "2"]]).folds(1)
