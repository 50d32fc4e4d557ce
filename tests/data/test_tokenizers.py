"""Units of a text: what they number, what they cannot, and that nothing is lost on the way."""

import json
import sys
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data.tokenizers import (
    TOKENIZERS,
    BPETokenizer,
    ByteTokenizer,
    CharTokenizer,
    Tokenizer,
    WordTokenizer,
    joined,
)
from ostinato.errors import OstinatoError

law = settings(deadline=None, derandomize=True, max_examples=60)

TRAINING = ["The cat sat on the mat.\n", "The dog, the cat and the café: 3 of 'em!\n"]
SPECIALS = ("<pad>", "<s>", "</s>")
KINDS = list(TOKENIZERS)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.fixture(scope="module")
def learned():
    return {name: kind.learn(TRAINING, specials=SPECIALS, size=300) for name, kind in TOKENIZERS.items()}


# There and back


@law
@given(text=texts)
def test_bytes_give_any_text_back(text):
    tokenizer = ByteTokenizer(SPECIALS)
    assert tokenizer.decode(tokenizer.encode(text)) == text


@law
@given(text=st.text("Thecatsondmg,:3f'é!. \n"))
def test_characters_of_the_training_text_come_back(text, learned):
    tokenizer = CharTokenizer.learn([*TRAINING, "Thecatsondmg,:3f'é!. \n"], specials=SPECIALS)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert len(tokenizer.encode(text)) == len(text)


@law
@given(text=texts | st.text("ab \n\r\x0b\u2028", max_size=30))
def test_pieces_give_any_text_back(text, learned):
    assert learned["bpe"].decode(learned["bpe"].encode(text)) == text


@pytest.mark.parametrize("name", KINDS)
@law
@given(text=texts)
def test_numbers_are_in_range_and_never_of_a_special_unit_but_the_unknown(name, text, learned):
    tokenizer = learned[name]
    ids = tokenizer.encode(text)
    assert ids.dtype == np.int32
    assert ((ids >= 0) & (ids < len(tokenizer))).all()
    allowed = set(range(len(tokenizer.specials), len(tokenizer))) | {tokenizer.unknown}
    assert set(ids.tolist()) <= allowed


@pytest.mark.parametrize("name", KINDS)
def test_special_units_stand_in_no_text_however_it_is_written(name, learned):
    tokenizer = learned[name]
    for special in SPECIALS:
        ids = tokenizer.encode(f"the {special} cat")
        assert tokenizer.special(special) not in ids
    again = TOKENIZERS[name].learn([" ".join(SPECIALS)] * 9, specials=SPECIALS, size=300)
    assert again.tokens[: len(again.specials)] == list(again.specials)
    assert not set(again.encode(" ".join(SPECIALS)).tolist()) & {again.special(special) for special in SPECIALS}


@pytest.mark.parametrize("name", KINDS)
def test_special_units_are_left_out_of_a_decoded_text(name, learned):
    tokenizer = learned[name]
    ids = [
        tokenizer.special("<s>"),
        *tokenizer.encode("the cat"),
        tokenizer.special("</s>"),
        tokenizer.special("<pad>"),
    ]
    assert tokenizer.decode(ids) == "the cat"


@pytest.mark.parametrize("name", KINDS)
def test_saved_as_json_they_are_the_same(name, learned):
    tokenizer = learned[name]
    again = Tokenizer.from_json(json.loads(json.dumps(tokenizer.to_json())))
    assert type(again) is type(tokenizer)
    assert again.tokens == tokenizer.tokens
    assert again.specials == tokenizer.specials
    assert len(again) == len(again.tokens) == len(tokenizer)
    for text in [*TRAINING, "quite new: żółw 😀", ""]:
        assert again.encode(text).tolist() == tokenizer.encode(text).tolist()
        assert again.decode(tokenizer.encode(text)) == tokenizer.decode(tokenizer.encode(text))


MALFORMED = [
    (None, {}),
    ([], {}),
    ({}, {}),
    ({"kind": "rune", "specials": []}, {}),
    ("byte", {"specials": None}),
    ("byte", {"specials": ["<pad>", 3]}),
    ("byte", {"specials": ["<pad>", "<pad>"]}),
    ("char", {"characters": None}),
    ("char", {"characters": ["a", "b"]}),
    ("char", {"characters": "aa"}),
    ("word", {"words": "the cat"}),
    ("word", {"words": ["the", "the"]}),
    ("word", {"words": ["the", "<pad>"]}),
    ("word", {"words": [["the"]]}),
    ("word", {"split": "commas"}),
    ("word", {"split": ["whitespace"]}),
    ("bpe", {"pieces": ["t", "h"]}),
    ("bpe", {"merges": ["t"]}),
    ("bpe", {"merges": ["t h e"]}),
    ("bpe", {"merges": ["t nothing"]}),
    ("bpe", {"merges": [["t", "h"]]}),
]


@pytest.mark.parametrize(("content", "damage"), MALFORMED, ids=str)
def test_json_that_is_not_of_a_tokenizer_is_refused(content, damage, learned):
    if isinstance(content, str):
        content = learned[content].to_json() | damage
    with pytest.raises((ValueError, KeyError, TypeError)):
        Tokenizer.from_json(content)


@pytest.mark.parametrize("name", KINDS)
def test_json_that_lacks_anything_is_refused(name, learned):
    whole = learned[name].to_json()
    for lost in whole:
        with pytest.raises(KeyError):
            Tokenizer.from_json({key: value for key, value in whole.items() if key != lost})


# What has no number


def test_only_characters_and_words_can_be_unknown(learned):
    assert {name: tokenizer.unknown is not None for name, tokenizer in learned.items()} == {
        "char": True,
        "word": True,
        "byte": False,
        "bpe": False,
    }


def test_unknown_characters_and_words_are_marked_when_decoded(learned):
    assert learned["char"].decode(learned["char"].encode("cat😀żs")) == "cat\ufffd\ufffds"
    assert learned["word"].decode(learned["word"].encode("the turtle sat")) == "the <unk> sat"


def test_the_word_unk_in_a_text_is_the_unknown_unit(learned):
    assert learned["word"].encode("<unk> cat").tolist()[0] == learned["word"].unknown


def test_unknown_keeps_the_place_it_is_given():
    assert WordTokenizer.learn(TRAINING, specials=("<pad>", "<unk>")).special("<unk>") == 1
    assert WordTokenizer.learn(TRAINING, specials=("<pad>",)).specials == ("<unk>", "<pad>")


def test_a_lone_surrogate_is_an_unknown_character(learned):
    assert learned["char"].encode("a\ud800").tolist()[1] == learned["char"].unknown


# How many there are


def test_the_most_frequent_come_first_and_equals_by_the_alphabet():
    assert CharTokenizer.learn(["bbaac"]).tokens == ["<unk>", "a", "b", "c"]
    assert WordTokenizer.learn(["b c b a"]).tokens == ["<unk>", "b", "a", "c"]


@pytest.mark.parametrize("kind", [CharTokenizer, WordTokenizer])
def test_size_counts_the_special_units_too(kind):
    tokenizer = kind.learn(["a a a b b c"], specials=("<pad>", "<s>"), size=5)
    assert len(tokenizer) == 5
    assert len(kind.learn(["a a a b b c"], specials=("<pad>", "<unk>"), size=3)) == 3
    assert len(kind.learn(["a b c"], size=1)) == 1


@pytest.mark.parametrize("kind", [CharTokenizer, WordTokenizer])
def test_units_seen_too_seldom_have_no_number(kind):
    assert set(kind.learn(["a a a b b c"], min_count=2).tokens) - {" "} == {"<unk>", "a", "b"}


def test_pieces_are_as_many_as_asked_for_and_at_least_the_bytes():
    text = [" ".join(f"word{number} again and again" for number in range(300))]
    assert len(BPETokenizer.learn(text, specials=SPECIALS, size=300)) == 300
    assert len(BPETokenizer.learn(text, specials=SPECIALS, size=10)) == 256 + len(SPECIALS)
    assert len(ByteTokenizer.learn(text, specials=SPECIALS, size=10)) == 256 + len(SPECIALS)


def test_a_common_word_is_one_piece():
    tokenizer = BPETokenizer.learn(["nothing but nothing and nothing\n"] * 50, size=400)
    assert len(tokenizer.encode(" nothing")) == 1


def test_what_is_learned_does_not_depend_on_where_the_text_is_cut():
    text = "".join(TRAINING)
    for kind in (CharTokenizer, WordTokenizer):
        assert kind.learn([text]).tokens == kind.learn(TRAINING).tokens


# Words


def test_punctuation_marks_and_line_ends_are_words():
    tokenizer = WordTokenizer.learn(TRAINING)
    assert tokenizer.words('Don\'t say "no", well-known café!\nSo.') == [
        *["Don't", "say", '"', "no", '"', ",", "well-known", "café", "!", "\n", "So", "."]
    ]


def test_parted_by_white_space_alone_words_keep_their_marks():
    tokenizer = WordTokenizer.learn(["a, b.\n"], split="whitespace")
    assert tokenizer.words("a, b. <x>\nc") == ["a,", "b.", "<x>", "\n", "c"]
    assert tokenizer.decode(tokenizer.encode("a, b.\na,")) == "a, b.\na,"


@pytest.mark.parametrize(
    "text", ["The cat sat.", "Well (so he said), no: never!", "one\ntwo, three\n", "It's $5 [net].", "“So,” he said…"]
)
def test_words_are_joined_as_they_are_written(text):
    assert joined(WordTokenizer([], []).words(text), "punctuation") == text


@law
@given(st.lists(st.text("abc", min_size=1, max_size=3) | st.just("\n"), max_size=12))
def test_joined_words_are_parted_into_the_same_words(words):
    for split in ("punctuation", "whitespace"):
        assert WordTokenizer([], [], split).words(joined(words, split)) == words


def test_words_that_are_parted_already_are_numbered_as_they_stand():
    tokenizer = WordTokenizer.of(["New York", "a", "a", "<unk>", "<pad>"], specials=("<pad>", "<unk>"))
    assert tokenizer.tokens == ["<pad>", "<unk>", "a", "New York"]
    assert tokenizer.numbers(["New York", "b", "<pad>"]).tolist() == [3, 1, 1]


# Without the library


def test_without_the_library_pieces_name_the_extra():
    with mock.patch.dict(sys.modules, tokenizers=None), pytest.raises(OstinatoError, match=r"ostinato\[text\]"):
        BPETokenizer.learn(TRAINING)
