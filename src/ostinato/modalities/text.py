"""Texts: tokens, their vectors, and what a user may choose of both."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from pydantic import BaseModel, Field, model_validator
from torch import Tensor

from ostinato.data.labelled import LabelledSequences
from ostinato.data.tokenizers import TOKENIZERS, UNKNOWN, Tokenizer, TokenizerName
from ostinato.data.vectors import vocabulary_vectors
from ostinato.errors import OstinatoError
from ostinato.modalities.modality import FrontEnd, Modality, Pretrained, Steps
from ostinato.nn import LockedDropout, TokenEmbedding
from ostinato.options import DATA, MODEL, Option

PAD, PADDING, UNKNOWN_ID = "<pad>", 0, 1

FIRST_SPREAD = 0.1
"""Standard deviation of the vectors at first: small, so that what is learned of a rare word soon outweighs it."""


class VocabularySettings(BaseModel):
    """Which of the tokens that training has seen are known.

    Example:
        >>> from ostinato.modalities import VocabularySettings
        >>> VocabularySettings(min_count=2).vocabulary_size is None
        True
    """

    vocabulary_size: int | None = Field(
        None, ge=3, description="At most so many tokens, the most frequent ones; None takes all."
    )
    min_count: int = Field(1, ge=1, description="Tokens seen less often in training are unknown.")


class TokenizerSettings(VocabularySettings):
    """What a text is cut into.

    Example:
        >>> from ostinato.modalities import TokenizerSettings
        >>> TokenizerSettings(tokenizer="bpe", vocabulary_size=4000).lowercase
        False
    """

    tokenizer: Annotated[
        TokenizerName,
        Option("NAME", MODEL, "What a text is cut into: char, byte, word, or bpe (pieces of words); see below."),
    ] = Field(
        "word",
        description="What a text is cut into: char, byte, word, or bpe, pieces of words learned from the training "
        "texts (8,000 unless vocabulary_size says how many), with which no word is unknown.",
    )
    lowercase: Annotated[bool, Option(group=DATA, help="Make capitals small letters.")] = Field(
        False, description="Whether capitals are made small letters."
    )

    @model_validator(mode="after")
    def _chooses_among_tokens(self) -> Self:
        if self.tokenizer == "byte" and (self.vocabulary_size is not None or self.min_count > 1):
            raise ValueError("tokenizer='byte' always has all 256 bytes: leave vocabulary_size and min_count out")
        return self


class WordSplitSettings(TokenizerSettings):
    """Tokens, and what separates words.

    Example:
        >>> from ostinato.modalities import WordSplitSettings
        >>> WordSplitSettings(split="whitespace").tokenizer
        'word'
    """

    split: Literal["punctuation", "whitespace"] = Field(
        "punctuation",
        description="For words: whether punctuation marks are words too, or only white space separates words.",
    )


class TokenVectorSettings(BaseModel):
    """The vectors of tokens.

    Example:
        >>> from ostinato.modalities import TokenVectorSettings
        >>> TokenVectorSettings(embedding_size=32).word_dropout
        0.1
    """

    embedding_size: int = Field(64, ge=1, description="Features of a token's vector.")
    word_dropout: float = Field(
        0.1, ge=0, lt=1, description="Probability that a token is read as unknown, in training."
    )


class EmbeddingSettings(TokenVectorSettings):
    """The vectors of tokens, which may begin as those of a file.

    Example:
        >>> from ostinato.modalities import EmbeddingSettings
        >>> EmbeddingSettings(embedding_size=32, word_dropout=0.05).vectors is None
        True
    """

    vectors: str | None = Field(
        None,
        description="File of word vectors to begin with, as GloVe or word2vec write them in text; it decides "
        "embedding_size.",
    )
    freeze_vectors: bool = Field(False, description="Whether word vectors stay as they are read.")
    embedding_dropout: float = Field(
        0.0, ge=0, lt=1, description="Probability that a token's vector is zero wherever it stands in a batch."
    )

    @model_validator(mode="after")
    def _frozen_are_read(self) -> Self:
        if self.freeze_vectors and self.vectors is None:
            raise ValueError("freeze_vectors needs vectors, the file of them")
        return self


class TextFrontEnd(FrontEnd):
    """The vectors of tokens, with dropout.

    Args:
        tokens: In the vocabulary.
        settings: With `EmbeddingSettings` and ``dropout``.
    """

    def __init__(self, tokens: int, settings: Any) -> None:
        super().__init__()
        self.width, self.word_dropout = settings.embedding_size, settings.word_dropout
        self.embedding = TokenEmbedding(tokens, self.width, PADDING, dropout=settings.embedding_dropout)
        with torch.no_grad():
            self.embedding.weight.mul_(FIRST_SPREAD)
        self.embedding.weight.requires_grad_(not settings.freeze_vectors)
        self.drop = LockedDropout(settings.dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.drop(self.embedding(some_unknown(x, self.word_dropout if self.training else 0.0))), lengths


@dataclass(frozen=True, eq=False)
class Text(Modality):
    """Texts as the numbers of their tokens, learned from the training part alone.

    Attributes:
        tokenizer: Whose first tokens are padding and the unknown one, where texts are read side by side.
        lowercase: Whether capitals are made small letters.
        max_length: Tokens read of each text, the first ones; None for all.

    Example:
        >>> from ostinato import SequenceClassifier
        >>> from ostinato.modalities import Text
        >>> text = Text.of(["a rose is a rose"], SequenceClassifier(lowercase=True).settings)
        >>> text.steps("a rose is a tulip").shape
        (5,)
    """

    name: ClassVar[str] = "text"
    kinds: ClassVar[str] = "texts"
    settings_blocks: ClassVar = (WordSplitSettings, EmbeddingSettings)
    tokenizer: Tokenizer
    lowercase: bool
    max_length: int | None = None

    @classmethod
    def learn(cls, records: LabelledSequences, settings: Any) -> Self:
        learned = cls.of(records.texts, settings)
        if len(learned.tokenizer) == 2:
            raise OstinatoError(
                f"{records.origin}: no token is seen {settings.min_count} times or more: lower min_count, or give more "
                "texts"
            )
        return learned

    @classmethod
    def of(cls, texts: Iterable[str], settings: Any, specials: tuple[str, ...] = (PAD, UNKNOWN)) -> Self:
        """The tokens of some texts, behind special ones."""
        tokenizer = TOKENIZERS[settings.tokenizer].learn(
            (text.lower() if settings.lowercase else text for text in texts),
            specials=specials,
            size=settings.vocabulary_size,
            min_count=settings.min_count,
            split=settings.split,
        )
        return cls(tokenizer, settings.lowercase, getattr(settings, "max_length", None))

    def cased(self, text: str) -> str:
        """A text as it is cut."""
        return text.lower() if self.lowercase else text

    def whole(self, item: str) -> Steps:
        return self.tokenizer.encode(self.cased(item))

    def check(self, records: LabelledSequences) -> None:
        _ = records.texts  # or an error

    def front_end(self, settings: Any) -> TextFrontEnd:
        return TextFrontEnd(len(self.tokenizer), settings)

    def pretrained(self, settings: Any) -> Pretrained | None:
        """Vectors of the training vocabulary from the file `vectors`."""
        return pretrained_vectors(self.tokenizer, settings)

    def summary(self, settings: Any) -> str:
        return f"{len(self.tokenizer):,} {settings.tokenizer} tokens"


def some_unknown(ids: Tensor, share: float) -> Tensor:
    """Tokens, some of them replaced by the unknown one (Iyyer et al. 2015, "word dropout")."""
    if not share:
        return ids
    lost = torch.rand(ids.shape, device=ids.device) < share
    return ids.masked_fill(lost & (ids != PADDING), UNKNOWN_ID)


def pretrained_vectors(tokenizer: Tokenizer, settings: Any, *, unit_length: bool = False) -> Pretrained | None:
    """The vectors that an embedding begins with, from the file `vectors`; None where none is given.

    A token that the file does not have begins at random, spread as those found; where vectors stay as they are, it has
    their mean.

    Args:
        tokenizer: Whose tokens have them.
        settings: With `EmbeddingSettings`.
        unit_length: Whether all are stretched until a vector is about of length 1.

    Raises:
        OstinatoError: They cannot be read, or are of another size than was asked for.
    """
    if settings.vectors is None:
        return None
    asked = settings.embedding_size if "embedding_size" in settings.model_fields_set else None
    found, note = vocabulary_vectors(settings.vectors, tokenizer, asked)
    tokens = tokenizer.tokens
    numbers = {word: number for number, word in enumerate(tokens)}
    values = torch.from_numpy(found.values)
    if unit_length:
        values = values / (values.std().clamp(min=1e-6) * found.size**0.5)
    generator = torch.Generator().manual_seed(settings.seed)
    weight = torch.randn(len(tokens), found.size, generator=generator) * values.std()
    if settings.freeze_vectors:
        weight[:] = values.mean(0)
    weight[[numbers[word] for word in found.words]] = values
    weight[PADDING] = 0
    return Pretrained({"embedding_size": found.size}, {"embedding.weight": weight}, note)
