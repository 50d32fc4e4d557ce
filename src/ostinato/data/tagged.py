"""Sequences with a tag at every step: the words of sentences, or numbers over time."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from ostinato.data.file_format import USUAL, FileFormat, refuse_halves
from ostinato.data.folds import Foldable
from ostinato.errors import OstinatoError

Numbers = npt.NDArray[np.float64]
Words = tuple[str, ...]


class StepColumns(BaseModel):
    """Columns of a long table, one row per step. Names left out are found by the usual ones.

    Attributes:
        id: What tells the sequences apart; None where there is no such column: all rows are one sequence.
        time: What orders the steps of each; None: the order of the rows.
        label: The tag of each step.
        features: The columns of numbers; empty: all others.
        form: How a file of text is written.

    Example:
        >>> from ostinato.data import StepColumns
        >>> StepColumns(id="walk", time="second", label="activity", features=("x", "y")).features
        ('x', 'y')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = None
    time: str | None = None
    label: str | None = None
    features: tuple[str, ...] = ()
    form: FileFormat = USUAL


@dataclass(frozen=True, eq=False)
class TaggedSequences(Foldable):
    """Sequences, and the tags of their steps where they have them.

    Attributes:
        items: The words of each sentence, or float64 arrays ``(time, features)``.
        tags: One a step of each; None where there are none.
        names: What a table of predictions calls each: the number of the sentence from 1 on, or a series' id.
        origin: The file's name, or "the sentences".
        features: Names of the columns of numbers; empty for words.
        columns: Of numbers, how they were read, with what was found, so that others can be read alike.

    Example:
        >>> from ostinato.data import TaggedSequences
        >>> tagged = TaggedSequences.of_sentences([(["May", "flew"], ["B-PER", "O"])])
        >>> tagged.steps, tagged.tags
        (2, (('B-PER', 'O'),))
    """

    items: tuple[Words | Numbers, ...]
    tags: tuple[Words, ...] | None
    names: tuple[str | int, ...]
    origin: str
    features: tuple[str, ...] = ()
    columns: StepColumns = field(default_factory=StepColumns)

    @classmethod
    def of_sentences(cls, sentences: Sequence[Any], *, tags: bool = True) -> Self:
        """Sentences in memory: pairs ``(words, tags)``, or where no tags are needed also the words alone.

        Args:
            sentences: Each a pair of two sequences of strings, or a sequence of strings.
            tags: Whether tags are needed.

        Raises:
            OstinatoError: With the position, for anything else.
        """
        pairs = [_parted(sentence, number, tags) for number, sentence in enumerate(sentences)]
        tagged = all(own is not None for _, own in pairs)
        return cls(
            items=tuple(words for words, _ in pairs),
            tags=tuple(own for _, own in pairs if own is not None) if tagged else None,
            names=tuple(range(1, len(pairs) + 1)),
            origin="the sentences",
        ).checked()

    def checked(self) -> Self:
        """These, where there is a step at all.

        Raises:
            OstinatoError: There is none.
        """
        if not self.steps:
            what = "steps" if self.features else "words"
            raise OstinatoError(f"{self.origin}: no {what}: give at least one sequence that has some")
        return self

    def __len__(self) -> int:
        return len(self.items)

    @property
    def modality(self) -> str:
        """What an element is: "words" or "numbers"."""
        return "numbers" if self.features else "words"

    @property
    def steps(self) -> int:
        """Steps of all sequences together."""
        return sum(map(len, self.items))

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Steps of each ``(sequences,)``."""
        return np.array([len(item) for item in self.items], np.int64)

    @property
    def sentences(self) -> list[Words]:
        """The words of each.

        Raises:
            OstinatoError: These are sequences of numbers.
        """
        if self.features:
            raise OstinatoError(f"{self.origin}: sequences of numbers, where the model reads sentences")
        return [item for item in self.items if isinstance(item, tuple)]

    @property
    def arrays(self) -> list[Numbers]:
        """The sequences of numbers.

        Raises:
            OstinatoError: These are sentences.
        """
        if not self.features:
            raise OstinatoError(f"{self.origin}: sentences, where the model reads sequences of numbers")
        return [item for item in self.items if not isinstance(item, tuple)]

    def require_tags(self) -> tuple[Words, ...]:
        """The tags.

        Raises:
            OstinatoError: There are none.
        """
        if self.tags is None:
            raise OstinatoError(f"{self.origin}: no tags: give a tag for every step")
        return self.tags

    def take(self, rows: npt.NDArray[np.int64]) -> Self:
        """Those at some positions."""
        return replace(
            self,
            items=tuple(self.items[row] for row in rows),
            tags=None if self.tags is None else tuple(self.tags[row] for row in rows),
            names=tuple(self.names[row] for row in rows),
        )

    def fold_keys(self) -> Sequence[Hashable]:
        return [item if isinstance(item, tuple) else row for row, item in enumerate(self.items)]

    def split(self, share: float, seed: int = 0) -> tuple[Self, Self]:
        """Splits them at random: the rest, and about `share` of them.

        Equal sentences stay together, so that none of the second part is known from the first.

        Args:
            share: Above 0 and below 1.
            seed: Of the choice.

        Raises:
            OstinatoError: For a share out of range, or too few of them.
        """
        if not 0 < share < 1:
            raise OstinatoError(f"share must be above 0 and below 1, got {share}")
        groups: dict[Hashable, list[int]] = {}
        for row, item in enumerate(self.items):
            groups.setdefault(item if isinstance(item, tuple) else row, []).append(row)
        rows, wanted = list(groups.values()), max(round(share * len(self)), 1)
        taken: list[int] = []
        for place in np.random.default_rng(seed).permutation(len(rows))[:-1]:  # one at least is left
            if len(taken) >= wanted:
                break
            taken += rows[place]
        second = np.sort(np.array(taken, np.int64))
        first = np.setdiff1d(np.arange(len(self)), second)
        if not len(second):
            raise OstinatoError(f"{self.origin}: {len(self)} sequences are too few to part {share:.0%} from: give more")
        return self.take(first), self.take(second)


def _parted(sentence: Any, number: int, tags: bool) -> tuple[Words, Words | None]:
    """The words of a sentence in memory, and its tags if it has them."""
    where = f"the sentences, item {number}"
    if not isinstance(sentence, list | tuple | np.ndarray):
        raise OstinatoError(f"{where}: a {type(sentence).__name__} where a sentence should be: a list of words")
    if all(isinstance(word, str) for word in sentence) and not (tags and len(sentence) == 0):
        if tags:
            raise OstinatoError(f"{where}: words without tags: give the pair (words, tags)")
        return _strings(sentence, where), None
    if len(sentence) != 2 or any(isinstance(part, str) for part in sentence):
        raise OstinatoError(f"{where}: neither words nor the pair (words, tags)")
    words, own = (_strings(part, where) for part in sentence)
    if len(words) != len(own):
        raise OstinatoError(f"{where}: {len(words)} words and {len(own)} tags: give one for each")
    return words, own


def _strings(part: Any, where: str) -> Words:
    if not isinstance(part, list | tuple | np.ndarray):
        raise OstinatoError(f"{where}: a {type(part).__name__} where a list of strings should be")
    for value in part:
        if not isinstance(value, str) or not value.strip(" \t\r\n"):
            raise OstinatoError(f"{where}: {value!r} is no word and no tag: give strings that are not empty")
        refuse_halves(value, where)
    return tuple(map(str, part))
