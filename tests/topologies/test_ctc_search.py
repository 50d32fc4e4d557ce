"""Prefix beam search against all alignments, each written out."""

from itertools import groupby, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data import NgramModel
from ostinato.nn import ctc_loss
from ostinato.topologies import CTCSearch, HotWords, LengthBonus, Lexicon, SymbolScorer, WordScorer, ctc_greedy

law = settings(deadline=None, derandomize=True, max_examples=40)
CLASSES = 3
WIDE = 1000
"""A beam that holds every hypothesis of these tests."""

seeds, lengths, blanks = st.integers(0, 999), st.integers(0, 5), st.integers(0, CLASSES - 1)


def frames(length, seed, classes=CLASSES):
    scores = 2 * np.random.default_rng(seed).standard_normal((length, classes))
    return scores - np.logaddexp.reduce(scores, 1, keepdims=True)


def every_text(log_probs, blank):
    """The log-probability of every text: the sum over its alignments."""
    found = {}
    for way in product(range(log_probs.shape[1]), repeat=len(log_probs)):
        text = tuple(label for label, _ in groupby(way) if label != blank)
        nats = sum(log_probs[t, label] for t, label in enumerate(way))
        found[text] = np.logaddexp(found.get(text, -np.inf), nats)
    return found


def score(scorer, text):
    """What a scorer gives a text, label by label and at its end."""
    state, total = scorer.start(), 0.0
    for label in text:
        total += scorer.following([state])[0][label]
        (state,) = scorer.advance([state], [label])
    return total + scorer.end([state])[0]


@law
@given(lengths, seeds, blanks)
def test_with_room_for_all_it_finds_every_text_and_its_probability(length, seed, blank):
    log_probs = frames(length, seed)
    found = CTCSearch(beam_size=WIDE, blank=blank)(log_probs, n_best=WIDE)
    expected = every_text(log_probs, blank)
    assert {each.ids: each.log_probability for each in found} == pytest.approx(expected)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


@law
@given(st.integers(0, 40), seeds, blanks)
def test_a_beam_of_one_is_greedy_search(length, seed, blank):
    log_probs = frames(length, seed)
    (found,) = CTCSearch(beam_size=1, blank=blank)(log_probs)
    (greedy,) = ctc_greedy(torch.from_numpy(log_probs)[None], blank=blank)
    assert list(found.ids) == greedy
    assert found.log_probability == pytest.approx(log_probs.max(1).sum())


def test_greedy_search_ends_where_a_row_does():
    scores = torch.eye(3)[torch.tensor([[1, 1, 0, 1, 2, 2], [2, 0, 0, 2, 1, 1]])]
    assert ctc_greedy(scores, torch.tensor([6, 4])) == [[1, 1, 2], [2, 2]]
    assert ctc_greedy(scores[:, :0]) == [[], []]


def test_a_wider_beam_finds_texts_that_are_likelier_by_all_their_alignments():
    log_probs = frames(40, 5, classes=8)
    texts = [CTCSearch(beam_size=size)(log_probs)[0].ids for size in (1, 16, 256)]
    nats = [float(ctc_loss(torch.from_numpy(log_probs)[None], torch.tensor([text]))) for text in texts]
    assert nats[0] > nats[1] >= nats[2]


@law
@given(st.lists(st.integers(0, 9), max_size=5), seeds, st.integers(1, 20))
def test_chunks_of_any_size_give_what_all_frames_give_at_once(chunks, seed, beam_size):
    log_probs = frames(sum(chunks), seed, classes=5)
    search = CTCSearch(beam_size=beam_size, scorers=[(LengthBonus(5), 0.3)])
    stream, at = search.stream(), 0
    for chunk in chunks:
        stream.feed(torch.from_numpy(log_probs[at : at + chunk]))
        at += chunk
    assert stream.finish(3) == search(log_probs, 3)


def test_frames_of_one_stream_are_of_as_many_classes():
    stream = CTCSearch().stream()
    stream.feed(torch.zeros(2, 4, dtype=torch.bfloat16))
    with pytest.raises(ValueError, match="log_probs have 3 classes; scorers or frames before had 4"):
        stream.feed(np.zeros((2, 3)))


def test_a_stream_tells_what_it_has_so_far_and_holds_only_what_goes_on():
    stream = CTCSearch(beam_size=4, scorers=[(LengthBonus(4), 1.0)]).stream()
    texts = []
    for seed in range(30):
        stream.feed(frames(10, seed, classes=4))
        texts.append(stream.best()[0])
    assert texts[-1] == stream.finish()[0]  # this scorer says nothing of the end
    alive, nodes = [stream._tree.root], 0
    while alive:
        nodes += 1
        alive.extend((alive.pop().children or {}).values())
    assert nodes <= 4 * len(texts[-1].ids) + 1


@pytest.mark.parametrize("length_bonus", [0.0, 0.7])
@law
@given(lengths, seeds)
def test_scorers_are_added_to_the_frames_label_by_label_and_at_the_end(length_bonus, length, seed):
    log_probs = frames(length, seed)
    model = SymbolScorer(NgramModel.estimate(["ab", "abb", "b"], order=2), ["", "a", "b"])
    search = CTCSearch(beam_size=WIDE, scorers=[(model, 0.8), (LengthBonus(CLASSES), length_bonus)])
    expected = {
        text: nats + 0.8 * score(model, text) + length_bonus * len(text)
        for text, nats in every_text(log_probs, 0).items()
    }
    assert {each.ids: each.score for each in search(log_probs, n_best=WIDE)} == pytest.approx(expected)


def of_words(text, words, separators):
    """Whether a text is made of words, by the book."""
    if separators:
        parts = [tuple(part) for free, part in groupby(text, lambda label: label in separators) if not free]
        return all(part in words for part in parts)
    return not text or any(text[: len(w)] == w and of_words(text[len(w) :], words, separators) for w in words)


@pytest.mark.parametrize("separators", [(), (2,)])
@law
@given(lengths, seeds, st.sets(st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple), min_size=1, max_size=4))
def test_a_lexicon_lets_its_words_through_and_nothing_else(separators, length, seed, words):
    words = {tuple(label for label in word if label not in separators) for word in words} - {()} or {(1,)}
    log_probs = frames(length, seed, classes=4)
    found = CTCSearch(beam_size=WIDE, scorers=[(Lexicon(words, 4, separators), 1.0)])(log_probs, n_best=WIDE)
    expected = {text: n for text, n in every_text(log_probs, 0).items() if of_words(text, words, separators)}
    assert {each.ids: each.score for each in found} == pytest.approx(expected)


def test_where_no_word_fits_nothing_comes_out():
    one_frame = np.log([[1e-9, 0.5, 0.5]])
    stream = CTCSearch(beam_size=2, scorers=[(Lexicon([[1, 2]], 3), 1.0)]).stream()
    stream.feed(one_frame)
    assert stream.best()[0].ids == (1,)
    impossible = np.array([[-np.inf, 0.0, -np.inf], [-np.inf, 0.0, -np.inf], [-np.inf, -np.inf, -np.inf]])
    stream.feed(impossible)
    assert stream.best() == stream.finish() == []
    assert CTCSearch(beam_size=8, scorers=[(Lexicon([[1, 2]], 3), 1.0)])(one_frame)[0].ids == ()


phrases = st.sets(st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple), min_size=1, max_size=4)


@law
@given(phrases, st.lists(st.integers(1, 3), max_size=9))
def test_hot_words_score_their_length_wherever_they_stand_and_half_matches_nothing(hot, text):
    found = sum(len(h) for h in hot for at in range(len(text)) if tuple(text[at : at + len(h)]) == h)
    assert score(HotWords(hot, 4), text) == found


@law
@given(phrases, st.lists(st.integers(1, 4), max_size=9))
def test_between_separators_hot_words_are_whole_words(hot, text):
    hot = {word for word in hot if 3 not in word} or {(1,)}
    words = [tuple(part) for free, part in groupby(text, lambda label: label in (3, 4)) if not free]
    assert score(HotWords(hot, 5, separators=(3, 4)), text) == sum(len(word) for word in words if word in hot)


def test_a_hot_phrase_of_several_words_scores_as_it_is_written_and_is_refunded():
    scorer = HotWords([[1, 2, 3, 1, 2]], 4, separators=[3])
    state, gains = scorer.start(), []
    for label in (1, 2, 3, 1, 1):
        gains.append(scorer.following([state])[0][label])
        (state,) = scorer.advance([state], [label])
    assert gains == [1, 1, 1, 1, -4]


def test_hot_words_bring_out_what_is_nearly_as_likely():
    log_probs = np.log([[0.1, 0.5, 0.4], [0.9, 0.05, 0.05], [0.1, 0.4, 0.5]])
    assert CTCSearch()(log_probs)[0].ids == (1, 2)
    assert CTCSearch(scorers=[(HotWords([[2, 2]], 3), 0.5)])(log_probs)[0].ids == (2, 2)


def test_words_are_scored_where_they_end_and_stand_one_separator_apart():
    model = NgramModel.estimate([["a", "ba"], ["ba"]], order=2)
    scorer = WordScorer(model, ["", "a", "b", " "], separator=3)
    assert score(scorer, [1, 3, 2, 1]) == pytest.approx(model.score(["a", "ba"]))
    assert score(scorer, [2]) == pytest.approx(model.score(["b"]))  # a word that is not known
    assert score(scorer, []) == pytest.approx(model.score([]))
    assert score(scorer, [1, 3]) == pytest.approx(model.score(["a"]))
    assert score(scorer, [3, 1]) == score(scorer, [1, 3, 3, 1]) == -np.inf


def test_a_bonus_a_word_counts_words():
    bonus = LengthBonus(4, separators=[3])
    assert [score(bonus, text) for text in ([], [1], [1, 2, 3, 1], [3, 1, 3, 3, 2, 3])] == [0, 1, 2, 2]
    assert score(LengthBonus(4), [1, 2, 3]) == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CTCSearch(beam_size=0), "beam_size must be at least 1, got 0"),
        (lambda: CTCSearch(scorers=[(LengthBonus(3), np.nan)]), "weight must be a finite number, got nan"),
        (lambda: CTCSearch()(np.zeros(3)), r"log_probs must be \(time, classes\) .* got \(3,\)"),
        (lambda: CTCSearch(blank=3)(np.zeros((2, 3))), "with class 3 for the blank"),
        (lambda: CTCSearch()(np.array([[0, 0], [0, np.nan]])), "got nan in frame 1, class 1"),
        (lambda: CTCSearch()(np.array([[0, np.inf]])), "got inf in frame 0, class 1"),
        (lambda: CTCSearch(scorers=[(LengthBonus(3), 1.0)])(np.zeros((1, 4))), "have 4 classes; scorers .* had 3"),
        (lambda: CTCSearch()(np.zeros((2, 3)), n_best=0), "n_best must be at least 1, got 0"),
        (lambda: Lexicon([], 3), "a lexicon must have at least one word"),
        (lambda: Lexicon([[1], []], 3), "a word must have at least one label"),
        (lambda: Lexicon([[1, 3]], 3), r"the label 3 of the word \[1, 3\] is none of the 3 classes"),
        (lambda: Lexicon([[1, 2]], 3, separators=[2]), r"the label 2 of the word \[1, 2\] is a separator"),
        (lambda: HotWords([[-1]], 3), "is none of the 3 classes"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
