"""Grammars: sentences with slots, and what they mean."""

import gzip
import re
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data import Grammar, Request
from ostinato.data.expressions import NOTHING, Choice, Sequence, Slot, Word, parsed
from ostinato.errors import OstinatoError

COFFEE = """
context:
  expressions:
    brew:
      - "[make, get] me (@politely) [a, an] $size:size $drink:drink"
      - "[make, get] me [a, an] $drink:drink with $milk:milk (and $sugar:sugar)"
    stop: ["stop", "that is enough"]
  macros:
    politely: ["please", "@kindly"]
    kindly: ["if you would be so kind"]
  slots:
    size: [small, "twelve ounce"]
    drink: ["mocha", {"iced mocha": ["iced mocha", "cold mocha"]}]
    milk: [milk, "a little bit of milk"]
    sugar: [sugar]
  replies:
    brew: "One [{size} ]{drink}[ with {milk}][ and {sugar}], coming up."
"""


def grammar():
    return Grammar(COFFEE)


def test_an_expression_is_words_slots_choices_and_parts_that_may_be_left_out():
    phrase = parsed("[make, get me] (now) a $size:how", lambda name: Word(name))
    assert phrase == Sequence(
        (
            Choice((Word("make"), Sequence((Word("get"), Word("me"))))),
            Choice((Word("now"), NOTHING)),
            Word("a"),
            Slot("size", "how"),
        )
    )


def test_a_slot_without_a_name_has_its_kinds():
    assert parsed("$size", lambda name: Word(name)) == Slot("size", "size")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("make [a, an", "no ']' closes"),
        ("make a)", "')' that closes nothing"),
        ("make [a, ] $size", "nothing stands"),
        ("make, get", "a comma outside of brackets"),
        ("$size:", "a slot is written"),
        ("$pv.TwoDigitInteger:n", "built-in slots of Rhino are not known"),
        ("   ", "nothing stands"),
    ],
)
def test_an_expression_that_is_none_says_why(expression, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        parsed(expression, lambda name: Word(name))


def test_its_sentences_are_counted_and_listed():
    sentences = [each.text for each in grammar().sentences()]
    first = 2 * (1 + 1 + 1) * 2 * 2 * 3  # verbs, politeness, articles, sizes, ways to say a drink
    assert len(sentences) == len(set(sentences)) == grammar().count == first + 2 * 2 * 3 * 2 * 2 + 2


def test_words_are_those_of_sentences_in_small_letters():
    assert Grammar('expressions: {ask: ["Tell ME $x"]}\nslots: {x: [Yes]}').words == ("me", "tell", "yes")


@given(seed=st.integers(0, 10_000))
def test_what_is_drawn_means_what_it_was_drawn_as(seed):
    text, request = grammar().sample(np.random.default_rng(seed))
    assert grammar().match(text) == request
    assert grammar().match(text.upper()) == request


@given(seed=st.integers(0, 10_000))
def test_a_sentence_is_among_those_that_say_the_same_and_all_of_these_mean_it(seed):
    text, request = grammar().sample(np.random.default_rng(seed))
    same = [" ".join(arc.word for arc in arcs) for arcs, _ in grammar().saying(request).paths()]
    assert text in same
    assert all(grammar().match(each) == request for each in same)


def test_all_sentences_are_those_of_all_requests():
    every = grammar()
    requests = {str(each.request): each.request for each in every.sentences()}
    assert sum(every.saying(request).count() for request in requests.values()) == every.count


def test_no_two_arcs_of_a_node_are_alike():
    for arcs in grammar().graph.arcs:
        assert len({arc[:3] for arc in arcs}) == len(arcs)


def test_what_is_no_sentence_means_nothing():
    assert grammar().match("make me a tea") is None
    assert grammar().match("make me a small") is None
    assert grammar().match("") is None


def test_words_that_mean_two_things_mean_the_first():
    both = Grammar('expressions: {a: ["go"], b: ["go"]}')
    assert both.count == 2
    assert both.match("go") == Request("a", {})


def test_a_reply_leaves_out_what_is_not_filled():
    reply = grammar().reply
    assert reply(Request("brew", {"size": "small", "drink": "mocha"})) == "One small mocha, coming up."
    assert reply(Request("brew", {"drink": "mocha", "milk": "milk"})) == "One mocha with milk, coming up."


def test_without_a_reply_what_was_understood_is_told():
    assert grammar().reply(Request("stop", {})) == "stop"
    assert Grammar('expressions: {a: ["$x"]}\nslots: {x: [y]}').reply(Request("a", {"x": "y"})) == "a: x y"


def test_a_request_is_kept_as_json():
    request = Request("brew", {"size": "small", "drink": "café"})
    assert str(request) == '{"intent": "brew", "slots": {"drink": "café", "size": "small"}}'
    assert Request.of_text(str(request)) == request


def test_it_is_read_from_a_file_packed_or_not(tmp_path):
    (tmp_path / "coffee.yaml").write_text(COFFEE)
    (tmp_path / "coffee.yaml.gz").write_bytes(gzip.compress(COFFEE.encode()))
    for name in ("coffee.yaml", "coffee.yaml.gz"):
        assert Grammar.read(tmp_path / name).count == grammar().count
    with pytest.raises(OstinatoError, match="not named as a grammar"):
        Grammar.read(tmp_path / "coffee.txt")


def test_it_is_restored_from_what_is_saved():
    assert Grammar.restored(*grammar().saved()).graph == grammar().graph
    with pytest.raises(ValueError, match="no expressions"):
        Grammar.restored({}, "slots: {x: [y]}")


def test_names_that_yaml_takes_for_other_things_stay_texts():
    every = Grammar('expressions: {1: ["turn it $way"]}\nslots: {way: [on, off, no, 12]}')
    assert every.slots == {"way": ("on", "off", "no", "12")}
    assert every.intents == ("1",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("- a", "line 1: the grammar: names and what they stand for"),
        ("a: [b", "line 1: not YAML"),
        ("expressions:\n  a: [b]\nslot:\n  x: [y]", "line 3: 'slot' is no part of a grammar"),
        ("slots:\n  x: [y]", "no expressions"),
        ("expressions:\n  a: []", "line 2: the intent 'a': the list is empty"),
        ("expressions:\n  a:\n    - go\n    - {b: c}", "line 4: the intent 'a': a text should be here"),
        ("expressions:\n  a:\n    - go\n    - go to $place", "line 4: 'go to $place': no slot 'place'"),
        ("expressions:\n  a:\n    - go [", "line 3: 'go [':"),
        ("expressions:\n  a: [go]\n  a: [come]", "line 3: expressions: 'a' again"),
        ("expressions:\n  a: [(go)]", "line 2: '(go)': all of it may be left out"),
        ('expressions:\n  a: ["$x $x"]\nslots: {x: [y]}', "fill the slot 'x' twice"),
        ("expressions:\n  a: [go]\nslots:\n  x:\n  - y\n  - y", "line 6: the slot 'x': the value 'y' again"),
        ("expressions:\n  a: [go]\nslots:\n  x: []", "line 4: the slot 'x' has no values"),
        ('expressions:\n  a: ["@b"]', "line 2: '@b': no macro @b"),
        ('expressions:\n  a: ["@b"]\nmacros:\n  b: ["@c"]\n  c: ["@b"]', "line 5: '@b': the macro @b stands within"),
        ("expressions:\n  a: [go]\nreplies:\n  b: hello", "line 4: the reply to 'b': no expressions"),
        ("expressions:\n  a: [go]\nreplies:\n  a: hello {x}", "line 4: the reply to 'a': no slot 'x'"),
    ],
)
def test_what_is_no_grammar_is_an_error_that_names_the_line(text, said):
    with pytest.raises(OstinatoError) as caught:
        Grammar(text, "coffee.yaml")
    assert str(caught.value).startswith("coffee.yaml")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Request("serve", {}), "no intent 'serve' (there are: 'brew', 'stop')"),
        (Request("brew", {"cup": "big"}), "no slot 'cup'"),
        (Request("brew", {"size": "huge"}), "no value of 'size' 'huge'"),
        (Request("brew", {"size": "small"}), "no sentence of 'brew' fills size and nothing else"),
        (Request("stop", {"size": "small"}), "no sentence of 'stop' fills size"),
    ],
)
def test_what_no_sentence_asks_for_says_why(request_, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        grammar().saying(request_)


def test_many_sentences_are_a_small_graph():
    many = Grammar('expressions: {say: ["' + " ".join(["[a, b, c]"] * 30) + '"]}')
    assert many.count == 3**30
    assert len(many.graph.arcs) == 31
    assert len(list(islice(many.sentences(), 5))) == 5


@given(st.text(max_size=80))
def test_any_text_is_a_grammar_or_one_clear_error(text):
    try:
        Grammar(text)
    except OstinatoError as error:
        assert str(error)  # noqa: PT017  any text may also be a grammar
