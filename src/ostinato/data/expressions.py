"""Expressions of a grammar: words, slots, optional parts and choices, as Picovoice's Rhino spells them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_PIECES = re.compile(r"\s*(?:([\[\](),])|\$([^\s\[\](),]*)|@([^\s\[\](),]*)|([^\s\[\](),$@]+))")


@dataclass(frozen=True)
class Word:
    """A word as it is said."""

    text: str


@dataclass(frozen=True)
class Slot:
    """A place for one of several values.

    Attributes:
        kind: Whose values.
        name: What the value is called where the sentence is understood.
    """

    kind: str
    name: str


@dataclass(frozen=True)
class Sequence:
    """Parts one after the other; none is nothing at all."""

    parts: tuple["Phrase", ...]


@dataclass(frozen=True)
class Choice:
    """One of several."""

    options: tuple["Phrase", ...]


Phrase = Word | Slot | Sequence | Choice
"""A part of a sentence."""

NOTHING = Sequence(())


def parsed(expression: str, macro: Callable[[str], Phrase]) -> Phrase:
    """An expression as a phrase.

    ``[one, or the other]`` is a choice, ``(please)`` may be left out, ``$kind:name`` is a slot, ``$kind`` one whose
    name is its kind's, ``@name`` a macro; all else is said as it stands. They may be nested.

    Args:
        expression: To read.
        macro: What a macro stands for.

    Raises:
        ValueError: With what is wrong.
    """
    pieces = list(_pieces(expression))
    phrase, rest = _alternatives(pieces, "", macro)
    assert not rest
    return phrase


def slots_in(phrase: Phrase) -> Iterator[Slot]:
    """Its slots, from left to right."""
    match phrase:
        case Slot():
            yield phrase
        case Sequence(parts) | Choice(parts):
            for part in parts:
                yield from slots_in(part)
        case Word():
            return


def _pieces(expression: str) -> Iterator[tuple[str, str]]:
    """Marks, slots, macros and words: what each is, and its text."""
    at = 0
    while expression[at:].strip():
        found = _PIECES.match(expression, at)
        assert found is not None
        mark, slot, macro, word = found.groups()
        if mark is not None:
            yield mark, mark
        elif word is not None:
            yield "word", word
        else:
            yield ("slot", slot) if slot is not None else ("macro", macro)
        at = found.end()


def _alternatives(
    pieces: list[tuple[str, str]], closing: str, macro: Callable[[str], Phrase]
) -> tuple[Phrase, list[tuple[str, str]]]:
    """What stands before a closing mark, and what is behind it; "" is the end."""
    options: list[Phrase] = []
    parts: list[Phrase] = []
    while pieces:
        (kind, text), pieces = pieces[0], pieces[1:]
        if kind in "[(":
            inner, pieces = _alternatives(pieces, "]" if kind == "[" else ")", macro)
            parts.append(inner if kind == "[" else Choice((inner, NOTHING)))
        elif kind == "," and not closing:
            raise ValueError("a comma outside of brackets: write [this, or that], or one expression for each")
        elif kind == ",":
            options.append(_filled(parts))
            parts = []
        elif kind == closing:
            return _together(options, parts), pieces
        elif kind in "])":
            raise ValueError(f"a {kind!r} that closes nothing")
        elif kind == "slot":
            parts.append(_slot(text))
        else:
            parts.append(macro(text) if kind == "macro" else Word(text))
    if closing:
        raise ValueError(f"no {closing!r} closes what was opened")
    return _together(options, parts), []


def _together(options: list[Phrase], parts: list[Phrase]) -> Phrase:
    last = _filled(parts)
    return Choice((*options, last)) if options else last


def _filled(parts: list[Phrase]) -> Phrase:
    if not parts:
        raise ValueError("nothing stands where words should be")
    return parts[0] if len(parts) == 1 else Sequence(tuple(parts))


def _slot(text: str) -> Slot:
    kind, _, name = text.partition(":")
    if not kind or text.endswith(":"):
        raise ValueError(f"${text}: a slot is written $kind:name")
    if kind.startswith("pv."):
        raise ValueError(f"${text}: the built-in slots of Rhino are not known here: list the values under slots")
    return Slot(kind, name or kind)
