"""Units turned back into text as they come, until a stop."""

import codecs
from abc import ABC, abstractmethod
from collections.abc import Sequence

from ostinato.data.tokenizers import ByteTokenizer, Tokenizer, WordTokenizer, joined

LONGEST_CHARACTER = 4
"""Bytes of UTF-8."""


class Page(ABC):
    """A text that grows unit by unit.

    Attributes:
        done: Whether a stop was reached.
    """

    done = False

    @abstractmethod
    def add(self, unit: int) -> str:
        """Writes one more unit; gives the text that is certain now, in whole characters, and was not given before."""

    @abstractmethod
    def close(self) -> str:
        """The text that was still held back."""


class ForwardPage(Page):
    """A text that grows at its end.

    Args:
        tokenizer: The vocabulary.
        prompt: The text it goes on from.
        stops: Texts before any of which it ends.
    """

    def __init__(self, tokenizer: Tokenizer, prompt: str, stops: Sequence[str]) -> None:
        self._spell = _spelled(tokenizer, prompt)
        self._stops = stops
        self._held = ""

    def add(self, unit: int) -> str:
        return self._take(self._spell.add(unit))

    def close(self) -> str:
        ready = "" if self.done else self._take(self._spell.rest())
        held, self._held = self._held, ""
        return ready + held

    def _take(self, text: str) -> str:
        """What of the held text and this is no beginning of a stop."""
        held = self._held + text
        if found := [place for stop in self._stops if (place := held.find(stop)) >= 0]:
            self.done, self._held = True, ""
            return held[: min(found)]
        begun = [n for stop in self._stops for n in range(1, len(stop)) if held.endswith(stop[:n])]
        ready = held[: len(held) - max(begun, default=0)]
        self._held = held[len(ready) :]
        return ready


class BackwardPage(Page):
    """A text that grows at its start, given when it is whole.

    Args:
        tokenizer: The vocabulary.
        prompt: The ending that it leads up to.
        stops: Texts after any of which it begins.
    """

    def __init__(self, tokenizer: Tokenizer, prompt: str, stops: Sequence[str]) -> None:
        self._tokenizer, self._stops = tokenizer, stops
        self._after = tokenizer.words(prompt)[:1] if isinstance(tokenizer, WordTokenizer) else []
        self._ids: list[int] = []
        self._text: str | None = None

    def add(self, unit: int) -> str:
        self._ids.append(unit)
        if self._stops:
            text = self._whole()
            if found := [place + len(stop) for stop in self._stops if (place := text.rfind(stop)) >= 0]:
                self.done, self._text = True, text[max(found) :]
        return ""

    def close(self) -> str:
        return self._whole() if self._text is None else self._text

    def _whole(self) -> str:
        tokenizer, ids = self._tokenizer, self._ids[::-1]
        if not isinstance(tokenizer, WordTokenizer):
            return tokenizer.decode(ids)
        text = joined([tokenizer.tokens[i] for i in ids] + self._after, tokenizer.split)
        return text[: len(text) - len("".join(self._after))]


class _SpelledBytes:
    """Text of bytes; those that are no UTF-8 are shown as such."""

    def __init__(self, tokenizer: ByteTokenizer) -> None:
        self._first = len(tokenizer.specials)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, unit: int) -> str:
        return self._decoder.decode(bytes([unit - self._first]))

    def rest(self) -> str:
        return self._decoder.decode(b"", final=True)


class _SpelledUnits:
    """Text of characters, or of pieces over several of which a character may be spread."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._pending: list[int] = []

    def add(self, unit: int) -> str:
        self._pending.append(unit)
        text = self._tokenizer.decode(self._pending)
        if text.endswith("\ufffd") and len(self._pending) < LONGEST_CHARACTER:
            return ""
        self._pending = []
        return text

    def rest(self) -> str:
        pending, self._pending = self._pending, []
        return self._tokenizer.decode(pending)


class _SpelledWords:
    """Words with the spaces that belong between them."""

    def __init__(self, tokenizer: WordTokenizer, prompt: str) -> None:
        self._tokenizer = tokenizer
        words = tokenizer.words(prompt)
        self._last = words[-1] if words and not prompt[-1].isspace() else "\n"

    def add(self, unit: int) -> str:
        last, self._last = self._last, self._tokenizer.tokens[unit]
        return joined([last, self._last], self._tokenizer.split)[len(last) :]

    def rest(self) -> str:
        return ""


def _spelled(tokenizer: Tokenizer, prompt: str) -> _SpelledBytes | _SpelledUnits | _SpelledWords:
    if isinstance(tokenizer, WordTokenizer):
        return _SpelledWords(tokenizer, prompt)
    return _SpelledBytes(tokenizer) if isinstance(tokenizer, ByteTokenizer) else _SpelledUnits(tokenizer)
