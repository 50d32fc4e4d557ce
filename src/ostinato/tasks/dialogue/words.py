"""The words of what is said, whatever the units of the network: to know strange ones, and to find similar contexts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

_WORD = re.compile(r"\w+(?:['’\-]\w+)*")


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation marks."""
    return _WORD.findall(text.lower())


@dataclass(frozen=True)
class KnownWords:
    """The words of the training dialogues, numbered.

    Attributes:
        listed: Each once.
    """

    listed: tuple[str, ...]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.listed)}

    @classmethod
    def learn(cls, texts: Iterable[str]) -> Self:
        """Those of training texts, in the order of the alphabet."""
        return cls(tuple(sorted({word for text in texts for word in words(text)})))

    def __len__(self) -> int:
        return len(self.listed)

    def numbers(self, text: str) -> npt.NDArray[np.int32]:
        """The numbers of the known words of a text, in its order."""
        known = (self._numbers.get(word) for word in words(text))
        return np.array([number for number in known if number is not None], np.int32)

    def unknown_share(self, text: str) -> float:
        """The share of a text's words that no training dialogue holds; 0 for a text without words."""
        said = words(text)
        return sum(word not in self._numbers for word in said) / len(said) if said else 0.0
