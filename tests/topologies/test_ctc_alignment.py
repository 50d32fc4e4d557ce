"""The best alignment of labels against all of them."""

from itertools import groupby, pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.topologies import AlignedLabel, aligned_words, ctc_align

law = settings(deadline=None, derandomize=True, max_examples=60)


def frames(length, seed, classes=3):
    scores = 2 * np.random.default_rng(seed).standard_normal((length, classes))
    return scores - np.logaddexp.reduce(scores, 1, keepdims=True)


def collapse(way, blank):
    return [label for label, _ in groupby(way) if label != blank]


@law
@given(st.lists(st.integers(1, 2), max_size=3), st.integers(0, 3), st.integers(0, 999), st.integers(0, 2))
def test_it_is_the_likeliest_of_all_alignments(labels, more, seed, blank):
    labels = [0 if label == blank else label for label in labels]
    needed = len(labels) + sum(a == b for a, b in pairwise(labels))
    log_probs = frames(needed + more, seed)
    ways = [way for way in product(range(3), repeat=len(log_probs)) if collapse(way, blank) == labels]
    likeliest = max(ways, key=lambda way: sum(log_probs[t, label] for t, label in enumerate(way)))

    way = np.full(len(log_probs), blank)
    for each in ctc_align(log_probs, labels, blank=blank):
        way[each.start : each.end] = each.label
        assert each.confidence == pytest.approx(np.exp(log_probs[each.start : each.end, each.label]).mean())

    assert way.tolist() == list(likeliest)


def test_two_like_labels_keep_a_blank_between_them():
    log_probs = np.log([[0.05, 0.95], [0.3, 0.7], [0.05, 0.95]])
    assert [(each.start, each.end) for each in ctc_align(log_probs, [1, 1])] == [(0, 1), (2, 3)]
    assert [(each.start, each.end) for each in ctc_align(log_probs, [1])] == [(0, 3)]


def test_words_are_what_stands_between_separators():
    labels = [
        AlignedLabel(3, 0, 1, 1.0),
        AlignedLabel(1, 1, 3, 0.5),
        AlignedLabel(2, 4, 5, 0.1),
        AlignedLabel(3, 5, 6, 1.0),
    ]
    (word,) = aligned_words(labels, separators=[3])
    assert word[:3] == ((1, 2), 1, 5)
    assert word[3:] == pytest.approx((0.05, 0.3))
    assert aligned_words([], separators=[3]) == []


@pytest.mark.parametrize(
    ("log_probs", "labels", "message"),
    [
        (frames(2, 0), [1, 1], "2 frames are too few for 2 labels, which need 3"),
        (frames(2, 0), [0], r"labels must lie between 0 and 2 and not be 0, got \[0\]"),
        (frames(2, 0), [3], r"got \[3\]"),
        (np.array([[0.0, -np.inf], [0.0, -np.inf]]), [1], "a probability of zero"),
        (np.full((2, 3), np.nan), [1], "got nan in frame 0, class 0"),
    ],
)
def test_what_cannot_be_aligned_is_refused(log_probs, labels, message):
    with pytest.raises(ValueError, match=message):
        ctc_align(log_probs, labels)
