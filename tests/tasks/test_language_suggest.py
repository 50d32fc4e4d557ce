"""Suggestions: words that begin as typed, likeliest first, with probabilities that make sense."""

import pytest
import torch
from language_scenario import TOKENIZERS, model, untrained, verses

from ostinato import LanguageModel, OstinatoError
from ostinato.tasks.language.generate import context

TYPED = ["", "the ", "the s", "the sailo", "the sailor sings to the har", "an old man ", "the\n", "the sea.\nan o"]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("typed", TYPED)
def test_suggestions_begin_as_typed_and_are_probabilities(tokenizer, typed):
    found = model(tokenizer).suggest(typed, k=4)
    prefix = typed.split()[-1] if typed and not typed[-1].isspace() else ""
    assert 1 <= len(found) <= 4
    assert all(word.startswith(prefix) and word.isalpha() for word, _ in found)
    shares = [share for _, share in found]
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1 + 1e-6
    assert len({word for word, _ in found}) == len(found)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_the_text_before_decides_what_is_suggested(tokenizer):
    assert model(tokenizer).suggest("the captain never ")[0][0] == "forgets"
    assert model(tokenizer).suggest("the captain rem")[0][0] == "remembers"
    assert {word for word, _ in model(tokenizer).suggest("a grey ", k=1)} == {"gull"}


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_word_that_stands_whole_is_followed_up_without_a_space(tokenizer):
    assert model(tokenizer).suggest("the captain never") == model(tokenizer).suggest("the captain never ")


def test_a_word_model_gives_the_softmax_over_words_that_begin_so():
    trained = model("word")
    fitted = trained.model
    scores, _ = fitted.network.following(torch.tensor([context(fitted, "the ")]))
    chosen = [i for i, word in enumerate(fitted.tokenizer.tokens) if word.startswith("s")]
    shares = scores[0, chosen].softmax(-1).tolist()
    expected = sorted(zip([fitted.tokenizer.tokens[i] for i in chosen], shares, strict=True), key=lambda item: -item[1])
    found = trained.suggest("the s", k=20)
    assert [word for word, _ in found] == [word for word, _ in expected]
    assert [share for _, share in found] == pytest.approx([share for _, share in expected], rel=1e-4)


def test_a_character_model_gives_the_probability_of_the_letters_and_of_an_end_behind_them():
    trained = model()
    fitted = trained.model
    ids = context(fitted, "the sailor sings to the h")
    letters, share = "arbour", 1.0
    for number in range(len(letters) + 1):
        so_far = ids + fitted.tokenizer.encode(letters[:number]).tolist()
        odds = fitted.network.following(torch.tensor([so_far]))[0][0].exp()
        if number < len(letters):
            share *= float(odds[fitted.tokenizer.encode(letters[number])[0]].detach())
        else:
            ends = [i for i, char in enumerate(fitted.tokenizer.tokens) if len(char) > 1 or not char.isalpha()]
            share *= float(odds[ends].sum().detach())
    assert dict(trained.suggest("the sailor sings to the h"))["harbour"] == pytest.approx(share, rel=1e-3)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_what_is_suggested_does_not_depend_on_what_was_asked_before(tokenizer):
    one, other = model(tokenizer), LanguageModel()
    other._model, other.settings = one.model, one.settings
    first = [one.suggest(typed) for typed in TYPED]
    again = [other.suggest(typed) for typed in reversed(TYPED)][::-1]
    for ours, theirs in zip(first, again, strict=True):
        assert [word for word, _ in ours] == [word for word, _ in theirs]
        assert [share for _, share in ours] == pytest.approx([share for _, share in theirs], rel=1e-4)


def test_nothing_is_suggested_where_no_word_begins_so():
    assert model("word").suggest("the xyz") == []
    assert model("char").suggest("the ÄÖ") == []


def test_words_that_whitespace_parts_keep_their_marks():
    trained = untrained(tokenizer="word", split="whitespace")
    assert all(word.startswith("harb") for word, _ in trained.suggest("the harb"))
    assert {word for word, _ in trained.suggest("the harb")} <= {"harbour", "harbour."}


def test_letters_of_a_model_of_small_letters_may_be_typed_large():
    quiet = LanguageModel(tokenizer="word", lowercase=True, hidden_size=8, bptt_steps=8, epochs=1).fit([verses(20)])
    assert quiet.suggest("THE SAI")[0][0] == "sailor"


def test_a_model_that_reads_backward_suggests_nothing():
    with pytest.raises(OstinatoError, match="reads backward"):
        untrained(reverse=True).suggest("the ")
    with pytest.raises(OstinatoError, match="k must be at least 1"):
        model().suggest("the ", k=0)
