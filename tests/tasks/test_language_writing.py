"""Units turned back into text as they come: whole characters, spaces where they belong, stops."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data.tokenizers import BPETokenizer, ByteTokenizer, CharTokenizer, WordTokenizer
from ostinato.tasks.language.writing import BackwardPage, ForwardPage

TEXT = "Zoë's café – 日本 🎻! (No, \"it's\" open.)\nSee you; be well.\n\n"
KINDS = {
    "char": CharTokenizer.learn([TEXT]),
    "byte": ByteTokenizer(()),
    "bpe": BPETokenizer.learn([TEXT], size=280),
    "word": WordTokenizer.learn([TEXT]),
    "whitespace": WordTokenizer.learn([TEXT], split="whitespace"),
}


def pieces_of(tokenizer, ids, prompt="", stops=()):
    page = ForwardPage(tokenizer, prompt, stops)
    pieces = []
    for unit in ids:
        pieces.append(page.add(unit))
        if page.done:
            break
    return [*pieces, page.close()]


@pytest.mark.parametrize("kind", KINDS)
def test_the_pieces_join_to_the_text(kind):
    tokenizer = KINDS[kind]
    ids = tokenizer.encode(TEXT).tolist()
    pieces = pieces_of(tokenizer, ids)
    assert "".join(pieces) == tokenizer.decode(ids)
    assert not any("\ufffd" in piece for piece in pieces)
    assert kind in ("word", "whitespace") or "".join(pieces) == TEXT


@given(st.lists(st.integers(0, 255), max_size=12))
def test_bytes_that_are_no_text_are_held_back_no_longer_than_a_character(ids):
    pieces = pieces_of(KINDS["byte"], ids)
    assert "".join(pieces) == bytes(ids).decode(errors="replace")
    held = 0
    for piece in pieces[:-1]:
        held = 0 if piece else held + 1
        assert held < 4


@given(text=st.text("abc", max_size=20), stops=st.lists(st.text("abc", min_size=1, max_size=4), max_size=3))
def test_writing_ends_before_the_first_stop_and_gives_nothing_of_it(text, stops):
    tokenizer = CharTokenizer.learn(["abc"])
    found = [text.find(stop) for stop in stops if stop in text]
    # The stop that is complete first ends it, where the earliest of those begins.
    ends = [end for end in range(len(text) + 1) if any(text[:end].endswith(stop) for stop in stops)]
    expected = text if not found else text[: min(text[: ends[0]].find(s) for s in stops if s in text[: ends[0]])]
    assert "".join(pieces_of(tokenizer, tokenizer.encode(text).tolist(), stops=stops)) == expected


def test_text_comes_as_soon_as_it_cannot_be_part_of_a_stop():
    tokenizer = CharTokenizer.learn(["abc"])
    assert pieces_of(tokenizer, tokenizer.encode("aabca").tolist(), stops=["abab"]) == ["", "a", "", "abc", "", "a"]


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("", "See you"),
        ("\n", "See you"),
        ("well ", "See you"),
        ("well", " See you"),
        ("(", "See you"),
        ("well.\n", "See you"),
    ],
)
def test_words_go_on_from_a_prompt_with_a_space_where_one_belongs(prompt, text):
    tokenizer = KINDS["word"]
    assert "".join(pieces_of(tokenizer, tokenizer.encode("See you").tolist(), prompt)) == text


def backward(tokenizer, ids, prompt="", stops=()):
    page = BackwardPage(tokenizer, prompt, stops)
    for unit in reversed(ids):
        assert page.add(unit) == ""
        if page.done:
            break
    return page.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_written_from_its_end_is_given_in_reading_order(kind):
    tokenizer = KINDS[kind]
    ids = tokenizer.encode(TEXT).tolist()
    assert backward(tokenizer, ids) == tokenizer.decode(ids)


def test_a_text_written_from_its_end_begins_after_a_stop():
    tokenizer = KINDS["char"]
    ids = tokenizer.encode("See you; be well.\n").tolist()
    assert backward(tokenizer, ids, stops=["; ", "S"]) == "be well.\n"


@pytest.mark.parametrize(("prompt", "text"), [("open.", "See you "), (".", "See you"), ("", "See you")])
def test_words_lead_up_to_an_ending_with_a_space_where_one_belongs(prompt, text):
    tokenizer = KINDS["word"]
    assert backward(tokenizer, tokenizer.encode("See you").tolist(), prompt) == text
