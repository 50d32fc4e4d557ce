"""Error rates against the plain recursion, and their intervals."""

from functools import cache

import jiwer
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.tasks.transcription.error_rates import (
    Edits,
    confusions,
    edits,
    error_rate,
    of_characters,
    of_words,
    plain_rate,
)

law = settings(deadline=None, derandomize=True, max_examples=60)
words = st.text("abc", max_size=7)


def distance(reference, hypothesis):
    """The definition."""

    @cache
    def least(i, j):
        if not i or not j:
            return i + j
        same = reference[i - 1] == hypothesis[j - 1]
        return min(least(i - 1, j - 1) + (not same), least(i - 1, j) + 1, least(i, j - 1) + 1)

    return least(len(reference), len(hypothesis))


@law
@given(words, words)
def test_edits_are_as_few_as_can_be_and_lead_from_one_to_the_other(reference, hypothesis):
    found = edits(reference, hypothesis)
    assert found.substitutions + found.deletions + found.insertions == distance(reference, hypothesis)
    assert "".join(a for a, _ in found.pairs if a is not None) == reference
    assert "".join(b for _, b in found.pairs if b is not None) == hypothesis
    assert found.length == len(reference)


@law
@given(st.lists(st.tuples(st.lists(st.sampled_from("abc"), min_size=1, max_size=6), st.lists(st.sampled_from("abc")))))
def test_rates_are_those_of_jiwer(pairs):
    texts = [(" ".join(said), " ".join(told)) for said, told in [(["a"], ["a"]), *pairs]]
    said, told = ([pair[side] for pair in texts] for side in (0, 1))
    assert plain_rate(of_words(said, told)) == pytest.approx(jiwer.wer(said, told))
    assert plain_rate(of_characters(said, told)) == pytest.approx(jiwer.cer(said, told))


def test_each_kind_of_edit_is_counted():
    found = edits(["turn", "the", "light", "off"], ["turn", "a", "light", "off", "now"])
    assert found.pairs == (("turn", "turn"), ("the", "a"), ("light", "light"), ("off", "off"), (None, "now"))
    assert (found.substitutions, found.deletions, found.insertions, found.length) == (1, 0, 1, 4)
    assert edits(["a", "b"], []).deletions == 2
    assert edits([], []) == Edits(())


def test_the_commonest_confusions_come_first():
    found = [edits("abc", "axc"), edits("ab", "ax"), edits("a", ""), edits("", "y")]
    assert confusions(found) == [(("b", "x"), 2), (("a", None), 1), ((None, "y"), 1)]


def test_the_rate_is_that_of_all_symbols_together():
    rate = error_rate([edits("aaaa", "aaab"), edits("", "ab"), edits("aa", "")])
    assert rate.rate == pytest.approx(5 / 6)
    assert (rate.substitutions, rate.deletions, rate.insertions, rate.length) == (1, 2, 2, 6)
    assert rate.low <= rate.rate <= rate.high


def test_an_interval_holds_the_rate_of_the_source_about_as_often_as_it_says():
    random, held = np.random.default_rng(0), 0
    for seed in range(60):
        found = [edits("a" * 10, "a" * (10 - lost)) for lost in random.binomial(10, 0.2, size=40)]
        rate = error_rate(found, seed=seed)
        held += rate.low <= 0.2 <= rate.high
    assert 50 <= held <= 60


def test_utterances_of_one_speaker_count_together():
    good, bad = edits("aaaa", "aaaa"), edits("aaaa", "bbbb")
    found, speakers = [good] * 20 + [bad] * 20, ["one"] * 10 + ["two"] * 10 + ["three"] * 10 + ["four"] * 10
    alone, grouped = error_rate(found), error_rate(found, speakers)
    assert alone.rate == grouped.rate == 0.5
    assert grouped.low < alone.low < 0.5 < alone.high < grouped.high


def test_the_same_seed_gives_the_same_interval_and_nothing_wrong_has_none():
    found = [edits("aab", "ab"), edits("b", "b"), edits("ab", "bb")]
    assert error_rate(found, seed=3) == error_rate(found, seed=3)
    assert error_rate([edits("ab", "ab")])[:3] == (0, 0, 0)


def test_what_has_no_rate_is_refused():
    with pytest.raises(ValueError, match="no error rate of references that hold nothing"):
        error_rate([edits("", "a")])
    with pytest.raises(ValueError, match="no error rate"):
        error_rate([])
    with pytest.raises(ValueError, match="1 speakers for 2 utterances"):
        error_rate([edits("a", "a")] * 2, ["one"])
