"""Texts as the numbers of their units, and back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from ostinato.data.tokenizers import (
    TOKENIZERS,
    UNKNOWN,
    BPETokenizer,
    CharTokenizer,
    Ids,
    Tokenizer,
    WordTokenizer,
    joined,
)
from ostinato.tasks.seq2seq.settings import Seq2SeqSettings

SPECIALS = ("<pad>", UNKNOWN, "<s>", "</s>")
"""The first units of every vocabulary: what fills up a batch, what was never seen, and where a text starts and ends."""

PAD, UNK, START, END = range(len(SPECIALS))


@dataclass(frozen=True)
class TextTokenizer:
    """How the texts of one side are cut into units. White space counts as one space, as none at the ends.

    Attributes:
        tokenizer: Whose special units begin with `SPECIALS`.
        lowercase: Whether texts are made lower-case.
    """

    tokenizer: Tokenizer
    lowercase: bool

    def __post_init__(self) -> None:
        """Makes sure that the special units are where a network looks for them."""
        if self.tokenizer.specials[: len(SPECIALS)] != SPECIALS:
            raise ValueError(f"the first units are not {', '.join(SPECIALS)}")

    @classmethod
    def learn(cls, texts: Iterable[str], settings: Seq2SeqSettings, tags: Sequence[str] = ()) -> Self:
        """The units of the training texts of a side.

        Args:
            texts: The texts.
            settings: tokenizer, vocabulary_size, min_count and lowercase.
            tags: Special units of the task's own, behind `SPECIALS`.

        Raises:
            OstinatoError: For tokenizer "bpe" without the library `tokenizers`.
        """
        kind = TOKENIZERS[settings.tokenizer]
        ready = (_ready(text, kind is BPETokenizer, settings.lowercase) for text in texts)
        size = settings.vocabulary_size
        tokenizer = kind.learn(ready, specials=(*SPECIALS, *tags), size=size, min_count=settings.min_count)
        return cls(tokenizer, settings.lowercase)

    def encode(self, text: str) -> Ids:
        """The numbers of a text's units, int32, without start and end."""
        return self.tokenizer.encode(_ready(text, isinstance(self.tokenizer, BPETokenizer), self.lowercase))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some units."""
        return self.tokenizer.decode(ids).strip()

    def parts(self, text: str) -> list[str]:
        """The units of a text as they stand in it, also those without a number, one for each of `encode`."""
        ready = _ready(text, isinstance(self.tokenizer, BPETokenizer), self.lowercase)
        if isinstance(self.tokenizer, WordTokenizer):
            return self.tokenizer.words(ready)
        if isinstance(self.tokenizer, CharTokenizer):
            return list(ready)
        return self.tokens(self.tokenizer.encode(ready))

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """Units as they are shown."""
        every = self.tokenizer.tokens
        return [every[number] for number in ids]

    def joined(self, parts: Sequence[str]) -> str:
        """A text of units as they stand in it."""
        return joined(parts, self.tokenizer.split) if isinstance(self.tokenizer, WordTokenizer) else "".join(parts)

    def __len__(self) -> int:
        return len(self.tokenizer)


def _ready(text: str, pieces: bool, lowercase: bool) -> str:
    """A text as it is cut. Pieces of words hold the space before them: the first word has one like all others."""
    words = (text.lower() if lowercase else text).split()
    return " ".join(["", *words] if pieces else words)
