"""Modified Kneser-Ney smoothing, against figures worked out by hand, and against its definition written plainly."""

from collections import Counter, defaultdict
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data.kneser_ney import KneserNey, discounts_of


def text(letters):
    return np.array([ord(letter) - ord("a") for letter in letters], np.int64)


class Plain:
    """Chen & Goodman's equations 23 to 26 over dictionaries, one probability at a time."""

    def __init__(self, ids, units, longest, first):
        self.units, self.longest, self.first = units, longest, first
        padded = [first] * (longest - 1) + list(ids)
        places = range(longest - 1, len(padded))
        runs = {n: Counter(tuple(padded[t - n + 1 : t + 1]) for t in places) for n in range(1, longest + 1)}
        self.counts = {longest: runs[longest]}
        for n in range(1, longest):
            behind = defaultdict(set)
            for run in runs[n + 1]:
                behind[run[1:]].add(run[0])
            self.counts[n] = {run: len(units) for run, units in behind.items()}

    def discount(self, n, count):
        return discounts_of(np.array(list(self.counts[n].values())))[min(count, 3)]

    def probability(self, history, unit):
        n = len(history) + 1
        lower = self.probability(history[1:], unit) if history else 1 / self.units
        followed = {run: count for run, count in self.counts[n].items() if run[:-1] == history}
        total = sum(followed.values())
        if not total:
            return lower
        own = followed.get((*history, unit), 0)
        taken = sum(self.discount(n, count) for count in followed.values())
        return (own - self.discount(n, own)) / total + taken / total * lower


def test_thediscounts_of_are_those_of_equation_26():
    counts = np.repeat([1, 2, 3, 4, 7], [10, 5, 4, 1, 3])
    share = 10 / (10 + 2 * 5)
    expected = [0, 1 - 2 * share * 5 / 10, 2 - 3 * share * 4 / 5, 3 - 4 * share * 1 / 4]
    np.testing.assert_allclose(discounts_of(counts), expected)  # 0.5, 0.8 and 2.5


@pytest.mark.parametrize("counts", [[], [1, 1], [5, 6, 7], [1, 2, 2], [2, 3]])
def test_where_too_few_counts_tell_each_loses_half_of_one(counts):
    np.testing.assert_array_equal(discounts_of(np.array(counts, np.int64)), [0, 0.5, 0.5, 0.5])


def test_a_bigram_model_by_hand():
    # The text "abab" behind "a": the pairs aa, ab, ba, ab. Of units: a came behind a and b (2), b behind a (1).
    model = KneserNey(text("abab"), units=3, longest=2, first=0)
    # Units, each count less a half, and what that takes, 1 of 3, shared among three units.
    single = {"a": 1.5 / 3 + 1 / 3 / 3, "b": 0.5 / 3 + 1 / 3 / 3, "c": 1 / 3 / 3}
    # Behind a: aa once, ab twice; a half taken of each. Behind b: ba once. Behind c: nothing is known.
    after = {"a": {"a": 0.5 / 3, "b": 1.5 / 3}, "b": {"a": 0.5}}
    left = {"a": 1 / 3, "b": 0.5, "c": 1.0}
    for before, unit in product("abc", "abc"):
        expected = after.get(before, {}).get(unit, 0) + left[before] * single[unit]
        assert model.probabilities(text(before), text(unit)) == pytest.approx([expected])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=60),
    st.lists(st.integers(0, 4), min_size=1, max_size=12),
    st.integers(2, 5),
)
def test_it_is_the_plain_definition(ids, read, longest):
    fast, plain = KneserNey(np.array(ids), 5, longest, 1), Plain(ids, 5, longest, 1)
    history = [1] * (longest - 1)
    expected = [
        plain.probability(tuple((history + read)[place : place + longest - 1]), unit) for place, unit in enumerate(read)
    ]
    np.testing.assert_allclose(fast.probabilities(np.zeros(0, np.int64), np.array(read)), expected)
    np.testing.assert_allclose(fast.probabilities(np.array(read[:3]), np.array(read[3:])), expected[3:])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=80), st.lists(st.integers(0, 6), max_size=6))
def test_probabilities_add_up_to_one_and_none_is_zero(ids, history):
    model = KneserNey(np.array(ids), 7, 4, 0)
    shares = np.array([model.probabilities(np.array(history, np.int64), np.array([unit])) for unit in range(7)])
    assert shares.sum() == pytest.approx(1)
    assert (shares > 0).all()
