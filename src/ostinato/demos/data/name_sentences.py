"""Sentences with names of people, places, organisations and dates, made from templates, for the demonstration.

Many a name could be several things, and only the words around it tell: "Jordan visited Paris", "she flew to Jordan".
"""

import json
from collections.abc import Sequence
from importlib import resources
from typing import NamedTuple

import numpy as np

from ostinato.data.tagged import TaggedSequences

_LABELS = {"per": "PER", "last": "PER", "loc": "LOC", "org": "ORG", "day": "DATE", "month": "DATE"}


class _Names(NamedTuple):
    """Names that can be one thing only."""

    first: Sequence[str]
    last: Sequence[str]
    places: Sequence[str]
    organisations: Sequence[str]


class _Writer:
    """Writes sentences with some names, and with those that can be several things."""

    def __init__(self, words: dict[str, list[str]], names: _Names, random: np.random.Generator) -> None:
        self.words, self.names, self.random = words, names, random

    def sentence(self) -> tuple[list[str], list[str]]:
        """The words of one sentence, and their tags."""
        words: list[str] = []
        tags: list[str] = []
        for part in self._any(self.words["templates"]).split():
            if not part.startswith("{"):
                words.append(part)
                tags.append("O")
                continue
            kind = part.strip("{}")
            name = self._name(kind).split()
            words += name
            tags += [f"{'I' if place else 'B'}-{_LABELS[kind]}" for place in range(len(name))]
        return words, tags

    def _any(self, choices: Sequence[str]) -> str:
        return choices[int(self.random.integers(len(choices)))]

    def _name(self, kind: str) -> str:
        """A name of a kind, in one of its forms."""
        words, names, chance = self.words, self.names, self.random.random()
        either = words["person or place"]
        if kind == "last":
            return self._any(names.last)
        if kind == "per":
            if chance < 0.35:
                return self._any([*either, *words["person or month"]])
            first = self._any(names.first if chance < 0.8 else either)
            return first if chance < 0.5 else f"{first} {self._any(names.last if chance < 0.95 else either)}"
        if kind == "loc":
            both = words["place or organisation"]
            return self._any(either if chance < 0.35 else both if chance < 0.5 else names.places)
        if kind == "org":
            if chance < 0.3:
                return self._any(words["place or organisation"])
            name = self._any(names.organisations if chance < 0.8 else [*either, *names.last])
            return name if chance < 0.45 else f"{name} {self._any(words['kinds of organisation'])}"
        month = self._any(words["person or month"] if chance < 0.6 else words["months"])
        if kind == "month":
            return self._any([month, f"{month} {self.random.integers(1960, 2025)}"])
        day = self.random.integers(1, 29)
        return self._any([self._any(words["days"]), f"{day} {month}", f"{month} {day}"])


def name_sentences(
    counts: tuple[int, int, int], seed: int = 0
) -> tuple[TaggedSequences, TaggedSequences, TaggedSequences]:
    """Sentences for training, validation and test, tagged in BIO: PER, LOC, ORG, DATE.

    Names that can be only one thing are shared out, so that none of a part stands in another; those that can be several
    things, months, and the templates are common to all.

    Args:
        counts: Sentences of each part.
        seed: Of every choice.

    Example:
        >>> from ostinato.demos.data import name_sentences
        >>> training, validation, test = name_sentences((30, 10, 10))
        >>> len(training.sentences)
        30
    """
    random = np.random.default_rng(seed)
    content = resources.files("ostinato.demos.data").joinpath("name_sentences.json").read_text(encoding="utf-8")
    words: dict[str, list[str]] = json.loads(content)
    pools = [_shared_out(words[kind], random) for kind in ("first names", "last names", "places", "organisations")]
    writers = [_Writer(words, _Names(*(pool[part] for pool in pools)), random) for part in range(3)]
    made = [
        TaggedSequences.of_sentences([writer.sentence() for _ in range(count)])
        for writer, count in zip(writers, counts, strict=True)
    ]
    return made[0], made[1], made[2]


def _shared_out(names: Sequence[str], random: np.random.Generator) -> list[list[str]]:
    """Half of the names for training, a quarter for each other part."""
    order = [names[place] for place in random.permutation(len(names))]
    half, rest = len(order) // 2, len(order) // 4
    return [order[:half], order[half : half + rest], order[half + rest :]]
