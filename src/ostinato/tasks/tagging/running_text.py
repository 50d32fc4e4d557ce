"""Running text: its words, and what is marked in it, by the places of their characters."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

from rich.text import Text

from ostinato.palette import BLUE, GREEN, ORANGE, PINK, RED, SKY
from ostinato.tasks.tagging.entities import entities

# A number with its points and commas, a word with hyphens and apostrophes within, or a mark of punctuation.
_WORD = re.compile(r"\d+(?:[.,:]\d+)*|\w+(?:['’\-]\w+)*|[^\w\s]")
COLOURS = (BLUE, RED, GREEN, ORANGE, PINK, SKY)
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tagged text</title>
<style>
body {{ font: 16px/2 system-ui, sans-serif; color: #222; background: #fff; max-width: 46em; margin: 2em auto;
  padding: 0 1em; }}
mark {{ padding: .15em .3em; border-radius: .2em; color: inherit; background: #f7f7f7; border-bottom: 3px solid; }}
mark small {{ font-size: .7em; margin-left: .4em; }}
</style></head><body>
{body}
</body></html>
"""


class Span(NamedTuple):
    """A stretch of a text that is marked.

    Attributes:
        start: Its first character, counted from 0.
        end: The character after its last.
        text: What stands there.
        label: The kind of entity; the tag, where tags mark none.
        confidence: The probability of its tags, the lowest of its words'.
    """

    start: int
    end: int
    text: str
    label: str
    confidence: float


@dataclass(frozen=True)
class TaggedText:
    """A text with what is marked in it, in order.

    Attributes:
        text: The text.
        spans: What is marked.
    """

    text: str
    spans: tuple[Span, ...]

    @classmethod
    def of(
        cls,
        text: str,
        places: Sequence[tuple[int, int]],
        tags: Sequence[str],
        confidence: Sequence[float],
        *,
        by_entities: bool,
    ) -> "TaggedText":
        """What the tags of a text's words mark.

        Args:
            text: The text.
            places: Of its words.
            tags: Of each word.
            confidence: Of each tag.
            by_entities: Whether tags mark entities; else each word is marked by its tag.
        """
        runs = (
            [(entity.kind, entity.first, entity.last) for entity in entities(tags)]
            if by_entities
            else [(tag, place, place) for place, tag in enumerate(tags)]
        )
        spans = []
        for label, first, last in runs:
            start, end = places[first][0], places[last][1]
            spans.append(Span(start, end, text[start:end], label, min(map(float, confidence[first : last + 1]))))
        return cls(text, tuple(spans))

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"text": self.text, "spans": [span._asdict() for span in self.spans]}

    def rich(self, colours: dict[str, str]) -> Text:
        """For a terminal: what is marked in its colour, with its label in brackets behind it."""
        shown, done = Text(), 0
        for span in self.spans:
            shown.append(self.text[done : span.start])
            shown.append(span.text, f"bold {colours[span.label]}")
            shown.append(f"[{span.label}]", colours[span.label])
            done = span.end
        shown.append(self.text[done:])
        return shown

    def html(self, colours: dict[str, str]) -> str:
        """A paragraph, in which what is marked is underlined in its colour, with its label."""
        parts, done = [], 0
        for span in self.spans:
            parts.append(escape(self.text[done : span.start]))
            parts.append(
                f'<mark style="border-color:{colours[span.label]}" title="probability {span.confidence:.1%}">'
                f"{escape(span.text)}<small>{escape(span.label)}</small></mark>"
            )
            done = span.end
        return f"<p>{''.join(parts)}{escape(self.text[done:])}</p>"


def words_in(text: str) -> list[tuple[int, int]]:
    """Where the words of a text stand, as files of one word a line part them: punctuation is a word of its own."""
    return [found.span() for found in _WORD.finditer(text)]


def colours_of(labels: Sequence[str]) -> dict[str, str]:
    """A colour for each label; there are six, which begin anew."""
    return {label: COLOURS[place % len(COLOURS)] for place, label in enumerate(sorted(set(labels)))}


def page(texts: Sequence[TaggedText], colours: dict[str, str]) -> str:
    """Texts as one HTML page that needs nothing else."""
    return PAGE.format(body="\n".join(text.html(colours) for text in texts))
