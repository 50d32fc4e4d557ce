"""Sentences that come as words: the word's vector, and what a layer reads of its characters."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from ostinato.data.tagged import TaggedSequences
from ostinato.data.tokenizers import UNKNOWN, CharTokenizer, WordTokenizer
from ostinato.modalities.modality import FrontEnd, Modality, Pretrained, Steps
from ostinato.modalities.text import (
    PAD,
    PADDING,
    UNKNOWN_ID,
    EmbeddingSettings,
    VocabularySettings,
    pretrained_vectors,
    some_unknown,
)
from ostinato.nn import Recurrent, TokenEmbedding

LONGEST = 40
"""Characters that are read of a word: of a longer one half of them from its beginning, half from its end."""


class SpellingSettings(BaseModel):
    """The layer that reads the characters of a word.

    Example:
        >>> from ostinato.modalities import SpellingSettings
        >>> SpellingSettings(char_hidden_size=0).char_embedding_size  # 0: characters are not read
        16
    """

    char_hidden_size: int = Field(
        24, ge=0, description="Words: units of each direction of the layer that reads a word's characters; 0: none."
    )
    char_embedding_size: int = Field(16, ge=1, description="Words: features of a character's vector.")


class Spelling(nn.Module):
    """What a layer in both directions has read of a word's characters at its two ends, and a linear map of that.

    Args:
        characters: In the vocabulary.
        settings: With `SpellingSettings`, the cell and the backend.
    """

    def __init__(self, characters: int, settings: Any) -> None:
        super().__init__()
        width, size = settings.char_embedding_size, settings.char_hidden_size
        self.embedding = _embedding(characters, width)
        self.read = Recurrent(settings.make_cell, width, size, bidirectional=True, backend=settings.backend)
        self.output = nn.Linear(2 * size, 2 * size)

    def forward(self, characters: Tensor) -> Tensor:
        """Vectors ``(words, 2 * char_hidden_size)`` of words as numbers of characters ``(words, LONGEST)``, padded."""
        lengths = (characters != PADDING).sum(1)
        y, _ = self.read(self.embedding(characters), lengths=lengths)
        forward, backward = y.chunk(2, dim=-1)
        last = forward[torch.arange(len(y), device=y.device), lengths.clamp(min=1) - 1]
        return self.output(torch.cat([last, backward[:, 0]], dim=-1))  # type: ignore[no-any-return]


class WordsFrontEnd(FrontEnd):
    """A word is the vector of its form and what a layer in both directions reads of its characters.

    After Lample et al. 2016, "Neural Architectures for Named Entity Recognition", section 4.1.

    Args:
        words: In the vocabulary.
        characters: In that of characters; 0 where they are not read.
        settings: With `EmbeddingSettings`, `SpellingSettings`, the cell and the backend.
    """

    def __init__(self, words: int, characters: int, settings: Any) -> None:
        super().__init__()
        self.width, self.word_dropout = settings.embedding_size, settings.word_dropout
        self.embedding = _embedding(words, self.width, settings.embedding_dropout)
        self.embedding.weight.requires_grad_(not settings.freeze_vectors)
        self.spelling = Spelling(characters, settings) if characters else None
        self.width += 2 * settings.char_hidden_size if characters else 0

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        words, characters = x[..., 0], x[..., 1:]
        share = self.word_dropout if self.training else 0.0
        vectors: Tensor = self.embedding(some_unknown(words, share))
        if self.spelling is None:
            return vectors, lengths
        # Each form is spelled once in a batch, however often it stands there.
        forms, places = torch.unique(characters.flatten(0, 1), dim=0, return_inverse=True)
        spelled: Tensor = self.spelling(forms)
        return torch.cat([vectors, spelled[places].view(*words.shape, -1)], dim=-1), lengths


@dataclass(frozen=True, eq=False)
class Words(Modality):
    """Words and their characters as numbers, learned from the training part.

    A step is the number of a word, and where characters are read those of its `LONGEST` characters behind it.

    Attributes:
        words: The vocabulary, whose first tokens are padding and the unknown one.
        characters: Likewise that of characters; None where they are not read.
        max_length: Words read of each sentence, the first ones; None for all.

    Example:
        >>> from ostinato import SequenceTagger
        >>> from ostinato.data import TaggedSequences
        >>> from ostinato.modalities import Words
        >>> records = TaggedSequences.of_sentences([["May", "flew"], ["May", "slept"]], tags=False)
        >>> words = Words.learn(records, SequenceTagger().settings)
        >>> words.steps(("May", "ran")).shape  # a word and 40 characters
        (2, 41)
        >>> words.known(("May", "ran")).tolist()
        [True, False]
    """

    name: ClassVar[str] = "words"
    kinds: ClassVar[str] = "sentences"
    settings_blocks: ClassVar = (VocabularySettings, EmbeddingSettings, SpellingSettings)
    words: WordTokenizer
    characters: CharTokenizer | None
    max_length: int | None = None

    @classmethod
    def learn(cls, records: TaggedSequences, settings: Any) -> Self:
        every = [word for sentence in records.sentences for word in sentence]
        words = WordTokenizer.of(
            every, specials=(PAD, UNKNOWN), size=settings.vocabulary_size, min_count=settings.min_count
        )
        if not settings.char_hidden_size:
            return cls(words, None)
        # A character of one word alone is left unknown, so that unknown characters are learned.
        return cls(words, CharTokenizer.learn(map(_cut, sorted(set(every))), specials=(PAD, UNKNOWN), min_count=2))

    def whole(self, item: tuple[str, ...]) -> Steps:
        numbers = self.words.numbers(item)
        if self.characters is None:
            return numbers[:, None]
        steps = np.full((len(item), 1 + LONGEST), PADDING, np.int32)
        steps[:, 0] = numbers
        for step, word in zip(steps, item, strict=True):
            spelled = self.characters.encode(_cut(word))
            step[1 : 1 + len(spelled)] = spelled
        return steps

    def known(self, item: tuple[str, ...]) -> npt.NDArray[np.bool_]:
        return np.asarray(self.words.numbers(item) != UNKNOWN_ID)

    def check(self, records: TaggedSequences) -> None:
        _ = records.sentences  # or an error

    def front_end(self, settings: Any) -> WordsFrontEnd:
        return WordsFrontEnd(len(self.words), len(self.characters or ()), settings)

    def pretrained(self, settings: Any) -> Pretrained | None:
        """Vectors of the training vocabulary from the file `vectors`, at the spread of the front end's own."""
        return pretrained_vectors(self.words, settings, unit_length=True)

    def summary(self, settings: Any) -> str:
        return f"{len(self.words):,} words"


def _cut(word: str) -> str:
    half = LONGEST // 2
    return word if len(word) <= LONGEST else word[:half] + word[-half:]


def _embedding(units: int, size: int, dropout: float = 0.0) -> TokenEmbedding:
    """Vectors of about unit length (Lample et al. 2016, section 5.1), that of padding zero."""
    embedding = TokenEmbedding(units, size, PADDING, dropout=dropout)
    with torch.no_grad():
        embedding.weight.uniform_(-((3 / size) ** 0.5), (3 / size) ** 0.5)
        embedding.weight[PADDING] = 0
    return embedding
