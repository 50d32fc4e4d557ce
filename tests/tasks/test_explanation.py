"""Explanations: every figure is what the model says of the texts in question, and the picture is safe to open."""

import re

import numpy as np
import pytest
from classify_scenario import TINY, reviews

from ostinato import OstinatoError, SequenceClassifier
from ostinato.tasks.classification.picture import shade

TEXT = "My friends called it stale,  but the film wasn't <unk> at all.\nNever dull!"


@pytest.fixture(scope="module", params=[("word", True), ("word", False), ("char", True)], ids=str)
def classifier(request):
    tokenizer, both = request.param
    return SequenceClassifier(**TINY, tokenizer=tokenizer, bidirectional=both).fit(reviews())


def odds(classifier, text, label):
    share = classifier.predict([text])[f"p({label})"][0]
    return np.log(share / (1 - share))


def test_contributions_and_scores_equal_a_brute_force_evaluation(classifier):
    explanation = classifier.explain(TEXT)
    told = classifier.predict([TEXT]).iloc[0]
    assert (explanation.label, explanation.probability) == (told["label"], pytest.approx(told["confidence"]))
    end = 0
    for word, score, contribution in zip(explanation.words, explanation.scores, explanation.contributions, strict=True):
        start = TEXT.index(word, end)
        end = start + len(word)
        without = TEXT[:start] + " " + TEXT[end:]
        change = odds(classifier, TEXT, told["label"]) - odds(classifier, without, told["label"])
        assert contribution == pytest.approx(change, abs=1e-4)
        assert score == pytest.approx(classifier.predict([TEXT[:end]])[f"p({told['label']})"][0], abs=1e-5)
    assert explanation.scores[-1] == pytest.approx(explanation.probability, abs=1e-5)


def test_the_words_are_those_of_the_text(classifier):
    words = classifier.explain(TEXT).words
    assert "".join(words) == "".join(TEXT.split())
    if classifier.settings.tokenizer == "word":
        assert words[:6] == ("My", "friends", "called", "it", "stale", ",")


def test_one_word_may_be_the_whole_text(classifier):
    explanation = classifier.explain("dull")
    assert len(explanation.words) == len(explanation.scores) == len(explanation.contributions) == 1
    assert np.isfinite(explanation.contributions[0])


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_text_without_a_word_is_refused(classifier, text):
    with pytest.raises(OstinatoError, match="holds no word to explain"):
        classifier.explain(text)


def test_the_picture_is_one_page_that_escapes_the_text(classifier, tmp_path):
    explanation = classifier.explain('<script>alert("x")</script> & "quoted" film')
    explanation.save(tmp_path / "why.html")
    page = (tmp_path / "why.html").read_text(encoding="utf-8")
    assert page == explanation.html()
    assert "<script" not in page
    assert "&lt;" in page
    assert not re.search(r"https?://|src=|@import|url\(", page)
    assert page.count("<span") == len(explanation.words) + 3  # and the legend's
    assert page.count("<circle") == len(explanation.words)
    with pytest.raises(OstinatoError, match="No such file"):
        explanation.save(tmp_path / "none" / "why.html")


def test_for_is_blue_against_is_orange_and_the_strongest_is_darkest():
    assert shade(1.0, 1.0) == ("#2166ac", True)
    assert shade(-1.0, 1.0) == ("#b35806", True)
    assert shade(0.0, 1.0) == shade(0.0, 0.0) == ("#f7f7f7", False)
    assert shade(0.1, 1.0)[1] is False


def test_a_terminal_line_and_plain_text_hold_every_word(classifier):
    explanation = classifier.explain("not [bold]bad[/bold] at all")
    assert explanation.rich().plain.endswith("): " + " ".join(explanation.words))
    assert all(word in str(explanation) for word in explanation.words)
    assert str(explanation).startswith(f"{explanation.label}, probability 0.")
