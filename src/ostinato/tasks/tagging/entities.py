"""Entities: what tags such as B-PER and I-PER say about the words they stand at, and how well they are found."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import torch

from ostinato.nn import Transitions

Scheme = Literal["bio", "iob1", "iobes"]
Tags = Sequence[str]

_OUTSIDE = "O"
_PREFIXED = re.compile(r"[BIESLUMW]-.+")
_LETTERS = str.maketrans("LUMW", "ESIS")  # BILOU and BMES are IOBES in other letters


class Entity(NamedTuple):
    """A run of words.

    Attributes:
        kind: PER, LOC and so on.
        first: Its first step.
        last: Its last step.
    """

    kind: str
    first: int
    last: int


def _parted(tag: str) -> tuple[str, str]:
    """The prefix of a tag, as IOBES has it, and the kind of entity; ("O", "") outside of any."""
    prefix, _, kind = tag.partition("-")
    return (prefix.translate(_LETTERS), kind) if _PREFIXED.fullmatch(tag) else (_OUTSIDE, "")


def entities(tags: Tags) -> list[Entity]:
    """The entities of a sentence, as the script conlleval and the library seqeval (not its strict mode) count them.

    It holds for IOB1, BIO and IOBES (also in the letters of BILOU and BMES), and says what a sequence means that is
    none of them: an I- that nothing precedes, or that follows another kind, begins an entity.

    Args:
        tags: One a step; whatever is not B-, I-, E- (L-) or S- (U-, W-) with a kind is outside; M- is I-.
    """
    found: list[Entity] = []
    first: int | None = None
    before, kind_before = _OUTSIDE, ""
    for step, (prefix, kind) in enumerate([*map(_parted, tags), (_OUTSIDE, "")]):
        another = kind != kind_before
        if first is not None and (before in "ES" or prefix in "BSO" or another):
            found.append(Entity(kind_before, first, step - 1))
            first = None
        if prefix != _OUTSIDE and (prefix in "BS" or before in "ESO" or another):
            first = step
        before, kind_before = prefix, kind
    return found


def scheme_of(sentences: Iterable[Tags]) -> Scheme | None:
    """The scheme that tags are written in.

    "iobes" where some begin with E- or S-; "iob1" where an entity begins with I-, and with B- only right after another
    of its kind; else "bio". None where a tag is neither O nor one of these, or all are O.
    """
    sentences = list(sentences)
    distinct = {tag for tags in sentences for tag in tags} - {_OUTSIDE}
    if not distinct or not all(map(_PREFIXED.fullmatch, distinct)):
        return None
    if any(_parted(tag)[0] in "ES" for tag in distinct):
        return "iobes"
    return "iob1" if violations(sentences, "bio") and not violations(sentences, "iob1") else "bio"


def letters_of(sentences: Iterable[Tags], scheme: Scheme) -> str:
    """A scheme as its users call it, by the letters of some tags: IOBES, BILOU, BMES."""
    letters = {tag[0] for tags in sentences for tag in tags if _PREFIXED.fullmatch(tag)}
    return "BILOU" if letters & set("LU") else "BMES" if letters & set("MW") else scheme.upper()


def violations(sentences: Iterable[Tags], scheme: Scheme) -> int:
    """How many steps of some sentences the scheme does not allow."""
    count = 0
    for tags in sentences:
        around = [_OUTSIDE, *tags, _OUTSIDE]
        count += sum(not _may_follow(before, tag, scheme) for before, tag in pairwise(around))
    return count


def _may_follow(before: str, tag: str, scheme: Scheme) -> bool:
    """Whether a tag may stand right after another; O stands before the first and after the last."""
    (prefix_before, kind_before), (prefix, kind) = _parted(before), _parted(tag)
    inside = prefix_before in "BI" and kind == kind_before
    if scheme == "bio":
        return prefix != "I" or inside
    if scheme == "iob1":
        return prefix != "B" or inside
    return inside if prefix in "IE" else prefix_before not in "BI"


def allowed(tags: Tags, scheme: Scheme) -> Transitions:
    """Which of some tags may follow which."""

    def may(befores: Tags, afters: Tags) -> torch.Tensor:
        return torch.tensor([[_may_follow(before, after, scheme) for after in afters] for before in befores])

    return Transitions(start=may([_OUTSIDE], tags)[0], end=may(tags, [_OUTSIDE])[:, 0], follow=may(tags, tags))


class Found(NamedTuple):
    """How well the things of one kind are found.

    Attributes:
        right: Those found that are there.
        found: Those found.
        there: Those there.
    """

    right: int
    found: int
    there: int

    @property
    def precision(self) -> float:
        """Share of those found that is right; 0 where none is found."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Share of those there that is found; 0 where none is there."""
        return self.right / self.there if self.there else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.right / (self.found + self.there) if self.found + self.there else 0.0


def found_entities(truth: Sequence[Tags], given: Sequence[Tags]) -> dict[str, Found]:
    """How well the entities of some sentences are found: kind, beginning and end must all be right.

    Args:
        truth: The tags of each sentence.
        given: What a model gave for them.

    Returns:
        One entry per kind, in the order of the alphabet.
    """
    right, found, there = Counter[str](), Counter[str](), Counter[str]()
    for ours, theirs in zip(given, truth, strict=True):
        mine, exact = set(entities(ours)), set(entities(theirs))
        right.update(entity.kind for entity in mine & exact)
        found.update(entity.kind for entity in mine)
        there.update(entity.kind for entity in exact)
    return {kind: Found(right[kind], found[kind], there[kind]) for kind in sorted(found | there)}


def found_tags(truth: Sequence[Tags], given: Sequence[Tags]) -> dict[str, Found]:
    """How well each tag is found, step by step."""
    pairs = Counter(pair for ours, theirs in zip(given, truth, strict=True) for pair in zip(ours, theirs, strict=True))
    names = sorted({name for pair in pairs for name in pair})
    found, there = Counter[str](), Counter[str]()
    for (ours, theirs), count in pairs.items():
        found[ours] += count
        there[theirs] += count
    return {name: Found(pairs[name, name], found[name], there[name]) for name in names}


def together(parts: Iterable[Found]) -> Found:
    """Those of all kinds counted together: micro-averages."""
    parts = list(parts)
    return Found(*(sum(part[place] for part in parts) for place in range(3)))
