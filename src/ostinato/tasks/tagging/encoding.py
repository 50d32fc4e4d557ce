"""Sequences as a network reads them: numbers for words, characters and tags, in padded batches."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ostinato.data.tagged import TaggedSequences
from ostinato.data.tokenizers import CharTokenizer, WordTokenizer
from ostinato.modalities import Numbers
from ostinato.tasks.tagging.settings import TaggerSettings

SPECIALS = ("<pad>", "<unk>")
LONGEST = 40
"""Characters that are read of a word: of a longer one half of them from its beginning, half from its end."""
ABSENT = -1
"""The number of a tag that training has not seen."""


class TagBatch(NamedTuple):
    """Padded sequences.

    Attributes:
        inputs: Numbers of words, int64 ``(batch, time)``, or features, float32 ``(batch, time, features)``.
        lengths: Valid steps, int64 ``(batch,)``.
        tags: Numbers of tags, int64 ``(batch, time)``; empty where there are none.
        characters: Numbers of the characters of each distinct word, int64 ``(words, characters)``; may be empty.
        character_lengths: int64 ``(words,)``.
        forms: Which of the distinct words stands where, int64 ``(batch, time)``.
    """

    inputs: Tensor
    lengths: Tensor
    tags: Tensor
    characters: Tensor
    character_lengths: Tensor
    forms: Tensor


@dataclass(frozen=True, eq=False)
class Encoded:
    """Sequences in numbers, see `TagBatch`; not padded.

    Attributes:
        inputs: Of each sequence.
        tags: Of each sequence; empty where there are none.
        forms: Of each sequence; empty where characters are not read.
        spelled: Characters of each distinct word.
    """

    inputs: list[Tensor]
    tags: list[Tensor] = field(default_factory=list)
    forms: list[Tensor] = field(default_factory=list)
    spelled: list[Tensor] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Steps of each sequence."""
        return np.array([len(one) for one in self.inputs], np.int64)

    def gather(self, rows: npt.NDArray[np.int64]) -> TagBatch:
        """The batch of some sequences."""
        empty = torch.zeros(0, dtype=torch.int64)
        inputs = [self.inputs[row] for row in rows]
        characters, ends, forms = empty[:, None], empty, empty
        if self.forms:
            forms = pad_sequence([self.forms[row] for row in rows], batch_first=True)
            distinct, places = torch.unique(forms, return_inverse=True)
            words = [self.spelled[form] for form in distinct]
            forms, ends = places, torch.tensor([len(word) for word in words], dtype=torch.int64)
            characters = pad_sequence(words, batch_first=True) if words else characters
        return TagBatch(
            inputs=pad_sequence(inputs, batch_first=True),
            lengths=torch.tensor([len(one) for one in inputs]),
            tags=pad_sequence([self.tags[row] for row in rows], batch_first=True) if self.tags else empty,
            characters=characters,
            character_lengths=ends,
            forms=forms,
        )


@dataclass(frozen=True, eq=False)
class WordEncoding:
    """Numbers for words and their characters, learned from the training part.

    Attributes:
        words: The vocabulary.
        characters: The characters; None where they are not read.
    """

    words: WordTokenizer
    characters: CharTokenizer | None

    @classmethod
    def learn(cls, training: TaggedSequences, settings: TaggerSettings) -> Self:
        """The vocabularies of some sentences."""
        every = [word for sentence in training.sentences for word in sentence]
        words = WordTokenizer.of(every, specials=SPECIALS, size=settings.vocabulary_size, min_count=settings.min_count)
        if not settings.char_hidden_size:
            return cls(words, None)
        # A character of one word alone is left unknown, so that unknown characters are learned.
        return cls(words, CharTokenizer.learn(map(_cut, sorted(set(every))), specials=SPECIALS, min_count=2))

    def encode(self, sequences: TaggedSequences) -> Encoded:
        """Sentences in numbers, without their tags."""
        inputs = [torch.from_numpy(self.words.numbers(words)).long() for words in sequences.sentences]
        if self.characters is None:
            return Encoded(inputs)
        forms: dict[str, int] = {}
        places = [[forms.setdefault(word, len(forms)) for word in words] for words in sequences.sentences]
        spelled = [torch.from_numpy(self.characters.encode(_cut(form))).long() for form in forms]
        return Encoded(inputs, forms=[torch.tensor(own, dtype=torch.int64) for own in places], spelled=spelled)

    def known(self, sequences: TaggedSequences) -> list[npt.NDArray[np.bool_]]:
        """Which words of each sentence are in the vocabulary."""
        unknown = self.words.special("<unk>")
        return [np.asarray(self.words.numbers(words) != unknown) for words in sequences.sentences]


def _cut(word: str) -> str:
    half = LONGEST // 2
    return word if len(word) <= LONGEST else word[:half] + word[-half:]


def encoded_by(encoding: WordEncoding | Numbers, sequences: TaggedSequences) -> Encoded:
    """Sequences in numbers, without their tags."""
    if isinstance(encoding, WordEncoding):
        return encoding.encode(sequences)
    return Encoded([torch.from_numpy(encoding.steps(array)) for array in sequences.arrays])


def tag_numbers(sequences: TaggedSequences, tags: Sequence[str]) -> list[Tensor]:
    """The numbers of the tags of each sequence, `ABSENT` for others."""
    numbers = {tag: number for number, tag in enumerate(tags)}
    return [torch.tensor([numbers.get(tag, ABSENT) for tag in own]).long() for own in sequences.require_tags()]
