"""A language model asked label by label says what it says of the whole text."""

import numpy as np
import pytest
import torch
from language_scenario import model, untrained

from ostinato.errors import OstinatoError
from ostinato.topologies import CTCSearch

SYMBOLS = ["a", "s", "e", "", " ", "é"]
BLANK = 3


def score(scorer, labels):
    state, total = scorer.start(), 0.0
    for label in labels:
        total += scorer.following([state])[0][label]
        (state,) = scorer.advance([state], [label])
    return total + scorer.end([state])[0]


@torch.no_grad()
def nats(trained, text):
    """Of a line, by its network at once."""
    parts = trained.model
    ids = torch.tensor([parts.first, *parts.tokenizer.encode(text), parts.first])[None]
    return -float(parts.network(ids[:, :-1], ids[:, 1:]).nats)


@pytest.mark.parametrize("settings", [{}, {"num_layers": 2, "cell": "gru"}, {"softmax": "adaptive"}])
def test_labels_one_by_one_score_what_their_text_does(settings):
    trained = untrained(**settings)
    scorer = trained.scorer(SYMBOLS, blank=BLANK)
    for labels in ([], [0], [1, 2, 0, 4, 1], [5, 0]):
        text = "".join(SYMBOLS[label] for label in labels)
        assert score(scorer, labels) == pytest.approx(nats(trained, text), rel=1e-4)


def test_several_texts_are_asked_together():
    scorer = untrained().scorer(SYMBOLS, blank=BLANK)
    states = [scorer.start(), *scorer.advance([scorer.start()], [1])]
    together = scorer.following(scorer.advance([states[0], states[1], states[0]], [0, 1, 2]))
    alone = [scorer.following(scorer.advance([state], [label]))[0] for state, label in zip(states, [0, 1], strict=True)]
    np.testing.assert_allclose(together[:2], alone, rtol=1e-5)
    assert scorer.end(states).shape == (2,)


def test_a_search_prefers_the_word_that_the_model_knows():
    trained = model()
    symbols = ["", *"abcdefghilmnoprstvwxy "]
    numbers = {symbol: number for number, symbol in enumerate(symbols)}
    frames = np.full((16, len(symbols)), 0.001)
    for at, letter in enumerate("the seb"):
        frames[2 * at, numbers[letter]] = 0.5
        frames[2 * at + 1, 0] = 0.9
    frames[12, numbers["a"]] = 0.45  # nearly as well heard as the b
    frames[14:, 0] = 0.9
    log_probs = np.log(frames / frames.sum(1, keepdims=True))
    texts = [
        "".join(symbols[label] for label in CTCSearch(scorers=scorers)(log_probs)[0].ids)
        for scorers in ([], [(trained.scorer(symbols), 0.4)])
    ]
    assert texts == ["the seb", "the sea"]


def test_case_is_that_of_the_model():
    trained = untrained(lowercase=True)
    assert score(trained.scorer(["", "S"]), [1]) == score(trained.scorer(["", "s"]), [1])


def test_what_cannot_be_asked_label_by_label_is_refused():
    with pytest.raises(OstinatoError, match="reads backward and cannot tell what comes"):
        untrained(reverse=True).scorer(SYMBOLS)
    with pytest.raises(OstinatoError, match="has no unit 'é': train one with the recogniser's tokenizer"):
        untrained(tokenizer="byte").scorer(["", "a", "é"])
