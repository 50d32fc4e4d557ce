"""Every choice a SequenceTagger leaves to its user."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ostinato.data.conll import ConllColumns, ConllFormat
from ostinato.data.tagged import StepColumns
from ostinato.engine import BackendName
from ostinato.tasks.settings import ColumnNames, NetworkSettings
from ostinato.training import DATA, MODEL, Option

WORDS_ONLY = (
    "format",
    "token_column",
    "tag_column",
    "scheme",
    "vocabulary_size",
    "min_count",
    "embedding_size",
    "vectors",
    "char_embedding_size",
    "char_hidden_size",
    "word_dropout",
    "embedding_dropout",
)
NUMBERS_ONLY = ("id", "time", "label", "features")


class TaggerSettings(NetworkSettings):
    """Settings of `ostinato.SequenceTagger`: its own, its network's (`NetworkSettings`) and those of training."""

    epochs: int = Field(20, ge=1, description="Passes over the training data.")
    batch_size: int = Field(16, ge=1, description="Sequences of a batch, over all processes together.")
    learning_rate: float = Field(3e-3, gt=0, description="Learning rate after warm-up.")
    schedule: Literal["constant", "cosine", "plateau"] = Field(
        "cosine",
        description="Learning rate over time: constant, falling along a cosine to 0 at the last step, or cut by "
        "plateau_factor when the validation score stops falling.",
    )

    inputs: Literal["words", "numbers"] | None = Field(
        None,
        description="What is tagged: the words of sentences, or numbers over time. None: numbers for a table (a "
        "DataFrame, or a file that ends in .csv, .parquet or .pq), else words.",
    )
    format: Annotated[ConllFormat, Option("NAME", DATA, "Words: how files are read, conll or conllu.")] = Field(
        "conll",
        description="Words: how files are read. conllu knows comments, and words that stand for several, and takes "
        "words from column 2 and tags from column 4 unless told otherwise.",
    )
    token_column: Annotated[int | None, Option("N", DATA)] = Field(
        None,
        ge=1,
        description="Words: column they stand in, counted from 1; the first unless given, of conllu the second.",
    )
    tag_column: Annotated[int | None, Option("N", DATA)] = Field(
        None, ge=1, description="Words: column of their tags; the last unless given, of conllu the fourth."
    )
    scheme: Literal["bio", "iob1", "iobes", "none"] | None = Field(
        None, description="Words: how tags mark entities, by which they are scored; none: not at all. None: found out."
    )
    id: Annotated[str | None, Option("COLUMN", DATA)] = Field(
        None, description="Numbers: column that tells the sequences apart; found by name unless given."
    )
    time: Annotated[str | None, Option("COLUMN", DATA)] = Field(
        None, description="Numbers: column that orders the steps; found by name unless given."
    )
    label: Annotated[str | None, Option("COLUMN", DATA)] = Field(
        None, description="Numbers: column of the tags; found by name unless given."
    )
    features: Annotated[
        ColumnNames,
        Option(
            "COLUMN",
            DATA,
            "Numbers: a column to tag by; repeatable. Without it: all that have no other part.",
            "feature",
        ),
    ] = Field((), description="Numbers: columns to tag by; empty: all others.")

    decoder: Annotated[
        Literal["crf", "softmax"],
        Option("NAME", MODEL, "crf: the tags of a sequence are chosen together; softmax: each by itself."),
    ] = Field(
        "crf",
        description="How tags are chosen: all of a sequence together by a conditional random field, which learns which "
        "follow which and never breaks the scheme, or each by itself.",
    )
    bidirectional: bool = Field(True, description="Whether a tag may depend on what comes after it.")
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropout before, between and after the recurrent layers.")
    locked_dropout: bool = Field(False, description="Whether dropout takes one mask for all steps of a sequence.")
    embedding_size: int = Field(64, ge=1, description="Words: features of a word's vector; those of `vectors` decide.")
    vectors: str | None = Field(
        None, description="Words: file of word vectors to begin with, as GloVe or word2vec write them in text."
    )
    char_hidden_size: int = Field(
        24, ge=0, description="Words: units of each direction of the layer that reads a word's characters; 0: none."
    )
    char_embedding_size: int = Field(16, ge=1, description="Words: features of a character's vector.")
    word_dropout: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Words: probability that a word is unknown in training, so that unknown is learned.",
    )
    embedding_dropout: float = Field(
        0.0, ge=0, lt=1, description="Words: probability that a word's vector is zero wherever it stands in a batch."
    )
    vocabulary_size: int | None = Field(None, ge=3, description="Words: at most so many, the most frequent; None: all.")
    min_count: int = Field(1, ge=1, description="Words: those seen less often in training are unknown.")
    backend: BackendName = Field("auto", description="Backend of the recurrent layers.")
    validation_share: float = Field(
        0.1, gt=0, lt=1, description="Share of the sequences kept out of training to choose when to stop."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.inputs is not None:
            self.require(self.inputs)
        return self

    def require(self, inputs: Literal["words", "numbers"]) -> None:
        """Makes sure that no setting is for the other kind of input.

        Raises:
            ValueError: One is.
        """
        other = NUMBERS_ONLY if inputs == "words" else WORDS_ONLY
        fields = type(self).model_fields
        chosen = [name for name in other if getattr(self, name) != fields[name].default]
        if inputs == "numbers" and self.scheme == "none":
            chosen.remove("scheme")
        if chosen:
            raise ValueError(f"{chosen[0]} has no meaning where the inputs are {inputs}: leave it out")

    @property
    def conll(self) -> ConllColumns:
        """How files of words are read."""
        return ConllColumns(self.format, self.token_column, self.tag_column)

    @property
    def steps(self) -> StepColumns:
        """How tables of numbers are read."""
        return StepColumns(id=self.id, time=self.time, label=self.label, features=self.features)
