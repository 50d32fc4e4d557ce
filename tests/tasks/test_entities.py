"""Entities by the rules of conlleval and seqeval, against cases worked by hand."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.tasks.tagging.entities import (
    Found,
    allowed,
    entities,
    found_entities,
    found_tags,
    scheme_of,
    together,
    violations,
)

law = settings(deadline=None, derandomize=True, max_examples=60)

WORKED = {
    "nothing": ("", []),
    "outside": ("O O", []),
    "one word": ("O B-PER O", [("PER", 1, 1)]),
    "several words": ("B-PER I-PER I-PER", [("PER", 0, 2)]),
    "two in a row": ("B-PER B-PER I-PER", [("PER", 0, 0), ("PER", 1, 2)]),
    "another kind follows": ("B-PER I-PER B-LOC", [("PER", 0, 1), ("LOC", 2, 2)]),
    "I- without B-": ("O I-PER I-PER O", [("PER", 1, 2)]),
    "I- of another kind": ("B-PER I-LOC I-LOC", [("PER", 0, 0), ("LOC", 1, 2)]),
    "I- after I- of another kind": ("I-PER I-LOC I-PER", [("PER", 0, 0), ("LOC", 1, 1), ("PER", 2, 2)]),
    "IOB1: I- begins, B- parts": ("I-PER I-PER B-PER O", [("PER", 0, 1), ("PER", 2, 2)]),
    "IOBES": ("S-LOC B-PER I-PER E-PER S-PER", [("LOC", 0, 0), ("PER", 1, 3), ("PER", 4, 4)]),
    "E- without B-": ("O E-PER O", [("PER", 1, 1)]),
    "E- after E-": ("B-PER E-PER E-PER", [("PER", 0, 1), ("PER", 2, 2)]),
    "I- after E-": ("B-PER E-PER I-PER", [("PER", 0, 1), ("PER", 2, 2)]),
    "I- and E- after S-": ("S-PER I-PER E-PER", [("PER", 0, 0), ("PER", 1, 2)]),
    "S- inside": ("B-PER S-PER E-PER", [("PER", 0, 0), ("PER", 1, 1), ("PER", 2, 2)]),
    "a kind with a hyphen": ("B-GEO-POL I-GEO-POL", [("GEO-POL", 0, 1)]),
    "what is no such tag is outside": ("B-PER X B I-PER", [("PER", 0, 0), ("PER", 3, 3)]),
}


@pytest.mark.parametrize(("tags", "wanted"), WORKED.values(), ids=WORKED)
def test_entities_are_as_conlleval_counts_them(tags, wanted):
    assert entities(tags.split()) == wanted


def test_figures_are_of_whole_entities():
    truth = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "O", "B-PER", "O"]]
    given = [["B-PER", "O", "O", "B-LOC"], ["B-PER", "O", "B-PER", "O"]]
    found = found_entities(truth, given)
    assert found == {"LOC": Found(1, 1, 2), "PER": Found(1, 3, 2)}
    every = together(found.values())
    assert every == Found(2, 4, 4)
    assert (every.precision, every.recall, every.f1) == (0.5, 0.5, 0.5)
    assert (found["PER"].precision, found["PER"].recall, found["PER"].f1) == (1 / 3, 1 / 2, 0.4)


def test_nothing_found_scores_zero_and_not_an_error():
    assert together(found_entities([["O"]], [["O"]]).values()) == Found(0, 0, 0)
    assert (Found(0, 0, 0).precision, Found(0, 0, 3).recall, Found(0, 0, 0).f1) == (0, 0, 0)


def test_plain_tags_are_counted_step_by_step():
    found = found_tags([["N", "V", "N"]], [["N", "N", "A"]])
    assert found == {"A": Found(0, 1, 0), "N": Found(1, 2, 2), "V": Found(0, 0, 1)}
    assert together(found.values()).f1 == 1 / 3


SCHEMES = {
    "B- first": (["B-PER I-PER O"], "bio"),
    "B- alone": (["B-PER B-LOC"], "bio"),
    "I- first, B- parts": (["I-PER O", "I-LOC B-LOC"], "iob1"),
    "I- alone": (["O I-PER I-PER"], "iob1"),
    "E- and S-": (["B-PER E-PER", "S-LOC"], "iobes"),
    "BIO with a slip": (["B-PER I-PER O", "O I-PER", "O B-LOC"], "bio"),
    "parts of speech": (["DET NOUN"], None),
    "half of them": (["B-PER NOUN"], None),
    "nothing": (["O O"], None),
}


@pytest.mark.parametrize(("sentences", "wanted"), SCHEMES.values(), ids=SCHEMES)
def test_the_scheme_is_found(sentences, wanted):
    assert scheme_of([tags.split() for tags in sentences]) == wanted


@pytest.mark.parametrize(
    ("scheme", "tags", "count"),
    [
        ("bio", "B-X I-X O", 0),
        ("bio", "I-X I-Y B-X I-Y", 3),
        ("iob1", "I-X B-X I-X", 0),
        ("iob1", "B-X O B-X", 2),
        ("iobes", "S-X B-X I-X E-X", 0),
        ("iobes", "B-X O", 1),
        ("iobes", "B-X", 1),
        ("iobes", "I-X E-X S-X E-X", 2),
    ],
)
def test_steps_that_break_a_scheme_are_counted(scheme, tags, count):
    assert violations([tags.split()], scheme) == count


KINDS = ["O", "B-X", "I-X", "E-X", "S-X", "B-Y", "I-Y", "E-Y", "S-Y"]


@law
@given(scheme=st.sampled_from(["bio", "iob1", "iobes"]), tags=st.lists(st.sampled_from(KINDS), min_size=1, max_size=5))
def test_the_mask_allows_what_breaks_no_rule(scheme, tags):
    if scheme != "iobes":
        tags = [tag.replace("E-", "I-").replace("S-", "B-") for tag in tags]
    mask = allowed(KINDS, scheme)
    places = torch.tensor([KINDS.index(tag) for tag in tags])
    fits = mask.start[places[0]] & mask.end[places[-1]] & mask.follow[places[:-1], places[1:]].all()
    assert bool(fits) == (violations([tags], scheme) == 0)


@law
@given(st.lists(st.sampled_from(KINDS), max_size=6))
def test_entities_are_runs_in_order_that_do_not_overlap(tags):
    found = entities(tags)
    ends = [place for entity in found for place in (entity.first, entity.last)]
    assert ends == sorted(ends)
    assert all(a.last < b.first for a, b in pairwise(found))
    assert {step for entity in found for step in range(entity.first, entity.last + 1)} == {
        step for step, tag in enumerate(tags) if tag != "O"
    }
