"""What a transcriber writes with: characters or words, by their numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

Unit = Literal["characters", "words"]


@dataclass(frozen=True)
class Alphabet:
    """Tokens by their number, counted from 1: 0 is the blank of connectionist temporal classification.

    Attributes:
        unit: What a token is.
        tokens: All there are.
    """

    unit: Unit
    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        """Makes sure that each token stands once."""
        if len(set(self.tokens)) < len(self.tokens) or "" in self.tokens:
            raise ValueError("tokens that are empty, or stand twice")

    @classmethod
    def of(cls, texts: Iterable[str], unit: Unit) -> Self:
        """The tokens of some texts."""
        return cls(unit, tuple(sorted({token for text in texts for token in parted(text, unit)})))

    def __len__(self) -> int:
        return len(self.tokens)

    def encoded(self, text: str) -> tuple[int, ...]:
        """The numbers of a text's tokens; those that are not known are left out."""
        known = self._numbers
        return tuple(known[token] for token in parted(text, self.unit) if token in known)

    def unknown(self, text: str) -> list[str]:
        """The tokens of a text that are not known."""
        return [token for token in parted(text, self.unit) if token not in self._numbers]

    def written(self, numbers: Sequence[int]) -> str:
        """The text of some tokens."""
        between = " " if self.unit == "words" else ""
        return between.join(self.tokens[number - 1] for number in numbers)

    @property
    def _numbers(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens, 1)}


def parted(text: str, unit: Unit) -> Sequence[str]:
    """A text in tokens."""
    return text.split() if unit == "words" else text
