"""The parts of the Chatbot that need no training: words, units, baselines, variety, confidence, conversation."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data.dialogues import Example
from ostinato.parts import put_together, taken_apart
from ostinato.tasks.dialogue.baselines import Retrieval, Unigram, most_frequent
from ostinato.tasks.dialogue.confidence import Confidence
from ostinato.tasks.dialogue.conversation import Conversation, Reply
from ostinato.tasks.dialogue.encoding import DialogueTokenizer
from ostinato.tasks.dialogue.scores import choices_among, distinct
from ostinato.tasks.dialogue.settings import ChatbotSettings
from ostinato.tasks.dialogue.words import KnownWords, words

EXAMPLES = [
    Example(("Hello there.", "Hi.", "Do you like tea?"), "I do!"),
    Example(("Is it raining?",), "It is."),
    Example(("Do you like rain?",), "I do!"),
]


def known():
    return KnownWords.learn(text for example in EXAMPLES for text in (*example.context, example.reply))


def test_words_are_lower_case_and_without_marks():
    assert words("Don't ask: it's half-baked, 3 times!") == ["don't", "ask", "it's", "half-baked", "3", "times"]


@pytest.mark.parametrize(("said", "share"), [("Do you LIKE rain?", 0.0), ("Do zebras like quartz?", 0.5), ("?!", 0.0)])
def test_the_share_of_unknown_words_is_of_words_never_heard(said, share):
    assert known().unknown_share(said) == share


@pytest.mark.parametrize("kind", ["word", "bpe", "char", "byte"])
def test_a_context_is_its_last_turns_in_lower_case_with_a_mark_between(kind):
    tokenizer = DialogueTokenizer.learn(EXAMPLES, ChatbotSettings(tokenizer=kind))
    one, both = tokenizer.context(["Is it raining?"]), tokenizer.context(["I do!", "Is it raining?"])
    assert tokenizer.written.decode(one).lower() == "is it raining?"
    assert list(both[-len(one) :]) == list(one)
    assert tokenizer.written.tokenizer.tokens[both[-len(one) - 1]] == "<turn>"
    assert list(tokenizer.context(["IS IT RAINING?"])) == list(one)
    assert len(tokenizer.context(())) == 0
    again = put_together(DialogueTokenizer, *taken_apart(tokenizer, DialogueTokenizer))
    assert list(again.context(["I do!", "Is it raining?"])) == list(both)


def test_of_a_long_context_the_last_units_are_read():
    tokenizer = DialogueTokenizer.learn(EXAMPLES, ChatbotSettings(tokenizer="word", context_units=3))
    assert tokenizer.written.decode(tokenizer.context(["Hello there.", "Do you like rain?"])) == "like rain?"


def test_replies_longer_than_the_longest_are_left_out_and_counted():
    tokenizer = DialogueTokenizer.learn(EXAMPLES, ChatbotSettings(tokenizer="char"))
    encoded = tokenizer.encoded(EXAMPLES, max_length=5)
    assert (len(encoded.examples), len(encoded.pairs), encoded.left_out) == (2, 2, 1)
    assert [tokenizer.written.decode(reply) for _, reply in encoded.pairs] == ["I do!", "I do!"]


def test_retrieval_gives_the_reply_to_the_context_most_like_it():
    retrieval = Retrieval.learn(known(), EXAMPLES, seed=0)
    assert retrieval.reply([["It is raining, is it?"], ["tea, tea"], ["nothing known"]]) == ["It is.", "I do!", "I do!"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=5), min_size=1, max_size=6))
def test_retrieval_agrees_with_the_plain_cosine_of_weighed_counts(contexts):
    examples = [Example((" ".join(context),), str(number)) for number, context in enumerate(contexts)]
    vocabulary = sorted({word for context in contexts for word in context})
    counts = np.array([[context.count(word) for word in vocabulary] for context in contexts], float)
    weighed = counts * (np.log((1 + len(contexts)) / (1 + (counts > 0).sum(0))) + 1)
    unit = weighed / np.linalg.norm(weighed, axis=1, keepdims=True)
    retrieval = Retrieval.learn(KnownWords(tuple(vocabulary)), examples, seed=0)
    found = [int(reply) for reply in retrieval.reply([example.context for example in examples])]
    likeness = unit @ unit.T
    assert np.allclose(likeness[np.arange(len(found)), found], 1)
    others = [example.context[0] for example in examples]
    assert np.allclose(retrieval.likeness(others[0], others), likeness[0])


def test_a_unigram_model_counts_units_and_one_more_of_each():
    unigram = Unigram.learn([np.array([0, 1]), np.array([1])], units=3)
    expected = math.exp(-(math.log(3 / 6) + math.log(1 / 6)) / 2)
    assert unigram.perplexity([np.array([1, 2])]) == pytest.approx(expected)


def test_the_most_frequent_reply_is_counted():
    assert most_frequent(EXAMPLES) == "I do!"


@pytest.mark.parametrize(
    ("replies", "size", "share"),
    [
        (["I do!", "I do!"], 1, 2 / 4),
        (["I do!", "I do!"], 2, 1 / 4),
        (["a b c"], 2, 2 / 3),
        (["a b", "b a"], 2, 2 / 4),
        (["?"], 1, 0.0),
    ],
)
def test_distinct_counts_different_runs_by_all_words(replies, size, share):
    assert distinct(replies, size) == pytest.approx(share)


def test_the_true_reply_stands_first_among_ten_different_ones():
    true = [str(number % 12) for number in range(30)]
    choices = choices_among(true, seed=1)
    assert [row[0] for row in choices] == true
    assert all(len(set(row)) == len(row) == 10 for row in choices)
    assert choices_among(true[:9], seed=1) == []


def test_confidence_is_the_share_of_true_replies_that_are_no_likelier():
    confidence = Confidence(torch.tensor([-4.0, -3.0, -2.0, -1.0], dtype=torch.float64), unknown_penalty=2.0)
    assert [confidence.of(mean, 0.0) for mean in (-5.0, -4.0, -2.5, 0.0)] == [0.0, 0.25, 0.5, 1.0]
    assert confidence.of(-1.0, known().unknown_share("Do zebras like quartz?")) == 0.75  # half of them: -1 - 2 / 2 = -2
    assert confidence.of(0.0, known().unknown_share("Zebras.")) == 0.75


def echo(history, seed):
    for word in (f"{seed}:", *history):
        yield f"{word} "
    return Reply(f"{seed}: {' '.join(history)}", 1.0, history[-1] == "what")


def test_a_conversation_remembers_what_was_said_and_takes_a_seed_a_reply():
    conversation = Conversation(echo, seed=5)
    assert conversation.say("a").text == "5: a"
    assert conversation.say("b").text == "6: a 5: a b"
    assert conversation.history == ["a", "5: a", "b", "6: a 5: a b"]


def test_a_refused_exchange_is_remembered_and_not_read():
    conversation = Conversation(echo, seed=0)
    assert conversation.say("what").refused
    assert conversation.say("a").text == "1: a"
    assert conversation.history[:3] == ["what", "0: what", "a"]


def test_a_reset_conversation_begins_anew():
    conversation = Conversation(echo, seed=0)
    conversation.say("a")
    conversation.reset()
    assert conversation.history == []
    assert conversation.say("b").text == "0: b"


def test_a_streamed_reply_is_in_the_history_once_it_is_whole():
    conversation = Conversation(echo, seed=0)
    pieces = conversation.stream("a")
    assert next(pieces) == "0: "
    assert conversation.history == []
    assert list(pieces) == ["a "]
    assert conversation.history == ["a", "0: a"]
