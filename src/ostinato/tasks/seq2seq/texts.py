"""Texts as the numbers of their units, and back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from ostinato.data.units import UNITS, UNKNOWN, Characters, Ids, Pieces, Units, Words, joined
from ostinato.tasks.seq2seq.settings import Seq2SeqSettings

SPECIALS = ("<pad>", UNKNOWN, "<s>", "</s>")
"""The first units of every vocabulary: what fills up a batch, what was never seen, and where a text starts and ends."""

PAD, UNK, START, END = range(len(SPECIALS))


@dataclass(frozen=True)
class TextUnits:
    """How the texts of one side are cut into units. White space counts as one space, as none at the ends.

    Attributes:
        units: Whose special units begin with `SPECIALS`.
        lowercase: Whether texts are made lower-case.
    """

    units: Units
    lowercase: bool

    @classmethod
    def learn(cls, texts: Iterable[str], settings: Seq2SeqSettings, tags: Sequence[str] = ()) -> Self:
        """The units of the training texts of a side.

        Args:
            texts: The texts.
            settings: unit, vocabulary_size, min_count and lowercase.
            tags: Special units of the task's own, behind `SPECIALS`.

        Raises:
            OstinatoError: For unit "bpe" without the library `tokenizers`.
        """
        kind = UNITS[settings.unit]
        ready = (_ready(text, kind is Pieces, settings.lowercase) for text in texts)
        size = settings.vocabulary_size
        units = kind.learn(ready, specials=(*SPECIALS, *tags), size=size, min_count=settings.min_count)
        return cls(units, settings.lowercase)

    def encode(self, text: str) -> Ids:
        """The numbers of a text's units, int32, without start and end."""
        return self.units.encode(_ready(text, isinstance(self.units, Pieces), self.lowercase))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some units."""
        return self.units.decode(ids).strip()

    def parts(self, text: str) -> list[str]:
        """The units of a text as they stand in it, also those without a number, one for each of `encode`."""
        ready = _ready(text, isinstance(self.units, Pieces), self.lowercase)
        if isinstance(self.units, Words):
            return self.units.words(ready)
        if isinstance(self.units, Characters):
            return list(ready)
        return self.tokens(self.units.encode(ready))

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """Units as they are shown."""
        every = self.units.tokens
        return [every[number] for number in ids]

    def joined(self, parts: Sequence[str]) -> str:
        """A text of units as they stand in it."""
        return joined(parts, self.units.split) if isinstance(self.units, Words) else "".join(parts)

    def __len__(self) -> int:
        return len(self.units)

    def to_json(self) -> dict[str, Any]:
        """All there is to know."""
        return {"units": self.units.to_json(), "lowercase": self.lowercase}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """What `to_json` gave."""
        return cls(Units.from_json(content["units"]), content["lowercase"])


def _ready(text: str, pieces: bool, lowercase: bool) -> str:
    """A text as it is cut. Pieces of words hold the space before them: the first word has one like all others."""
    words = (text.lower() if lowercase else text).split()
    return " ".join(["", *words] if pieces else words)
