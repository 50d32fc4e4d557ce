"""Suggestions as a keyboard makes them: the next word, or the rest of one that is half typed."""

import re
from bisect import bisect_left
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.cells import State
from ostinato.data.tokenizers import UNKNOWN, Tokenizer, WordTokenizer
from ostinato.tasks.language.generate import context
from ostinato.tasks.language.model import LanguageParts

BEAM = 8
"""Half words that are followed up at a time."""

LONGEST = 32
"""Units of a word at most."""

Suggestion = tuple[str, float]

_TYPED = re.compile(r"[ \t]?[\w'’]*\Z")
_TYPED_WORD = {"punctuation": re.compile(r"(?:\w[\w'’\-]*)?\Z"), "whitespace": re.compile(r"\S*\Z")}
_LAST_WORD = re.compile(r"\S*\Z")
_WORD_BYTES = np.array([chr(byte).isalnum() or chr(byte) in "_'" or byte > 127 for byte in range(256)])


class Suggester:
    """Suggests words; the state after the text before the word under way is kept for the next letter of it.

    Args:
        model: A model that reads forward.
    """

    def __init__(self, model: LanguageParts) -> None:
        self.model = model
        self._read: list[int] = []
        self._scores = torch.zeros(0)
        self._state: tuple[State, ...] | None = None

    @torch.inference_mode()
    def __call__(self, text: str, k: int) -> list[Suggestion]:
        """The `k` likeliest words with their probabilities, likeliest first; fewer where fewer are found."""
        text = text.lower() if self.model.settings.lowercase else text
        found = self._found(text, k)
        whole = bool(found) and _LAST_WORD.search(text)[0] == found[0][0]  # type: ignore[index]
        return self._found(f"{text} ", k) if whole else found

    def _found(self, text: str, k: int) -> list[Suggestion]:
        tokenizer = self.model.tokenizer
        return self._listed(tokenizer, text, k) if isinstance(tokenizer, WordTokenizer) else self._spelled(text, k)

    def _listed(self, tokenizer: WordTokenizer, text: str, k: int) -> list[Suggestion]:
        """Words of the list that begin as typed."""
        match = _TYPED_WORD[tokenizer.split].search(text)
        typed = match[0] if match else ""
        words = self._words.beginning(typed)
        if not len(words):
            return []
        scores, _ = self._after(text[: len(text) - len(typed)])
        likely = scores[0, words].softmax(-1).topk(min(k, len(words)))
        return [(tokenizer.tokens[words[i]], p) for p, i in zip(*map(Tensor.tolist, likely), strict=True)]

    def _spelled(self, text: str, k: int) -> list[Suggestion]:
        """Words spelled out by a beam search over units, up to where each ends."""
        match = _TYPED.search(text)
        assert match is not None
        typed = match[0].encode()
        scores, state = self._after(text[: match.start()])
        beams, ended = [_Beam(b"", 0.0)], dict[str, float]()
        for _ in range(LONGEST):
            beams, rows, units = self._grown(beams, scores, typed, ended)
            worst = sorted(ended.values())[-k] if len(ended) >= k else -np.inf
            if not beams or beams[0].score <= worst:
                break
            held = tuple(type(layer)(*(tensor[rows] for tensor in layer)) for layer in state)
            scores, state = self.model.network.following(torch.tensor(units)[:, None], held)
        best = sorted(ended.items(), key=lambda item: (-item[1], item[0]))[:k]
        return [(word, float(np.exp(score))) for word, score in best]

    def _grown(
        self, beams: list["_Beam"], scores: Tensor, typed: bytes, ended: dict[str, float]
    ) -> tuple[list["_Beam"], list[int], list[int]]:
        """The beams one unit on, the row each comes from, and its unit; words that end here go into `ended`."""
        grown = []
        for row, beam in enumerate(beams):
            fits, word = self._spellings.fitting(typed[len(beam.text) :]), beam.text.strip()
            nats = scores[row].double()
            if len(beam.text) >= len(typed):  # all that was typed is there: from here on every unit counts
                ends = float(nats[~fits].logsumexp(0)) if word else -np.inf
                nats = nats if word else nats - nats[fits].logsumexp(0)
                whole = word.decode(errors="replace")
                if whole.isprintable() and whole.strip("'’") == whole != "":
                    ended[whole] = float(np.logaddexp(ended.get(whole, -np.inf), beam.score + ends))
            else:
                nats = nats - nats[fits].logsumexp(0)
            likely = nats.masked_fill(~fits, -torch.inf).topk(min(BEAM, len(nats)))
            grown += [
                (_Beam(beam.text + self._spellings.bytes[unit], beam.score + score), row, unit)
                for score, unit in zip(*map(Tensor.tolist, likely), strict=True)
                if score > -np.inf
            ]
        best = sorted(grown, key=lambda item: (-item[0].score, item[1:]))[:BEAM]
        return [beam for beam, _, _ in best], [row for _, row, _ in best], [unit for _, _, unit in best]

    def _after(self, text: str) -> tuple[Tensor, tuple[State, ...]]:
        """Log-probabilities ``(1, units)`` of what comes after a text, and the state there."""
        ids = context(self.model, text)
        known = len(self._read)
        if self._state is None or len(ids) < known or ids[:known] != self._read:
            known, self._state = 0, None
        if len(ids) > known:
            self._scores, self._state = self.model.network.following(torch.tensor([ids[known:]]), self._state)
            self._read = ids
        assert self._state is not None
        return self._scores, self._state

    @cached_property
    def _words(self) -> "_WordList":
        return _WordList(self.model.tokenizer)

    @cached_property
    def _spellings(self) -> "_Spellings":
        return _Spellings(self.model.tokenizer)


class _Beam(NamedTuple):
    """A word under way: its bytes so far, a space before it included, and its log-probability."""

    text: bytes
    score: float


class _WordList:
    """Words of a vocabulary that one would suggest, in the order of the alphabet."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        shown = [(word, number) for number, word in enumerate(tokenizer.tokens) if word != UNKNOWN]
        pairs = sorted((word, number) for word, number in shown if any(map(str.isalnum, word)))
        self._words = [word for word, _ in pairs]
        self._numbers = torch.tensor([number for _, number in pairs], dtype=torch.int64)

    def beginning(self, typed: str) -> Tensor:
        """The numbers of those that begin so."""
        last = bisect_left(self._words, typed + chr(0x10FFFF))
        return self._numbers[bisect_left(self._words, typed) : last]


class _Spellings:
    """The bytes of each unit of a vocabulary of characters, bytes or pieces."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.bytes = [_bytes_of(tokenizer, number) for number in range(len(tokenizer))]
        self._fitting: dict[bytes, Tensor] = {}

    def fitting(self, typed: bytes) -> Tensor:
        """Which units ``(units,)`` can come where this is still to be spelled, and after it only letters of a word."""
        if typed not in self._fitting:
            fits = [self._fits(spelled, typed) for spelled in self.bytes]
            self._fitting[typed] = torch.tensor(fits)
        return self._fitting[typed]

    @staticmethod
    def _fits(spelled: bytes, typed: bytes) -> bool:
        if not spelled or not (spelled.startswith(typed) or typed.startswith(spelled)):
            return False
        beyond: npt.NDArray[np.uint8] = np.frombuffer(spelled[len(typed) :], np.uint8)
        return bool(_WORD_BYTES[beyond].all())


def _bytes_of(tokenizer: Tokenizer, number: int) -> bytes:
    """None for a special unit, and for a piece that holds a part of a character."""
    if number < len(tokenizer.specials):
        return b""
    if tokenizer.kind == "byte":
        return bytes([number - len(tokenizer.specials)])
    text = tokenizer.decode([number])
    return b"" if "\ufffd" in text else text.encode()
