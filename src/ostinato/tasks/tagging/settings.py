"""Every choice a SequenceTagger leaves to its user."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ostinato.data.conll import ConllColumns, ConllFormat
from ostinato.data.tagged import StepColumns
from ostinato.modalities import EmbeddingSettings, SpellingSettings, VocabularySettings, Words
from ostinato.options import DATA, MODEL, Option
from ostinato.tasks.settings import ColumnNames, NetworkSettings, TableSettings

WORDS_ONLY = (
    "format",
    "token_column",
    "tag_column",
    "scheme",
    *sorted(Words.setting_names()),
)
NUMBERS_ONLY = ("id", "time", "label", "features")


class TaggerSettings(
    TableSettings,
    VocabularySettings,
    EmbeddingSettings,
    SpellingSettings,
    NetworkSettings,
    batch_size=16,
    learning_rate=3e-3,
    schedule="cosine",
):
    """Settings of `ostinato.SequenceTagger`: its own, those of the blocks it is made of and the training loop's.

    Vocabulary and vectors are those of words, and have no meaning where numbers are tagged.
    """

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
        return ConllColumns(self.format, self.token_column, self.tag_column, self.encoding)

    @property
    def steps(self) -> StepColumns:
        """How tables of numbers are read."""
        return StepColumns(id=self.id, time=self.time, label=self.label, features=self.features, form=self.form)
