"""Every choice a SequenceClassifier leaves to its user."""

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from ostinato.data.labelled import LabelledSpec, Layout
from ostinato.data.units import UnitName
from ostinato.engine import BackendName
from ostinato.tasks.classification.bag_of_words import Cut
from ostinato.tasks.settings import NetworkSettings, check_units
from ostinato.topologies import Pooling

TEXT_ONLY = (
    "unit",
    "vocabulary_size",
    "min_count",
    "lowercase",
    "split",
    "word_dropout",
    "embedding_dropout",
    "embedding_size",
    "vectors",
    "freeze_vectors",
    "linear",
)
"""Settings that sequences of numbers have no use for."""


class ClassifierSettings(NetworkSettings):
    """Settings of `ostinato.SequenceClassifier`: its own, its network's (`NetworkSettings`) and the training loop's."""

    epochs: int = Field(30, ge=1, description="Passes over the training data.")
    learning_rate: float = Field(2e-3, gt=0, description="Learning rate after warm-up.")
    schedule: Literal["constant", "cosine", "plateau"] = Field(
        "cosine",
        description="Learning rate over time: constant, falling along a cosine to 0 at the last step, or cut by "
        "plateau_factor when the validation score stops falling.",
    )
    patience: int | None = Field(
        6, ge=1, description="Epochs without a better validation score before training stops; None for never."
    )

    layout: Layout | None = Field(
        None,
        description="How the data lie: a table of texts, lines of label and text, a folder for each class, or a long "
        "table of sequences of numbers; None finds it, but for lines.",
    )
    text: str | None = Field(None, description="Column of texts; None finds it by name.")
    label: str | None = Field(None, description="Column of labels; None finds it by name.")
    id: str | None = Field(None, description="Column that tells sequences of numbers apart; None finds it by name.")
    time: str | None = Field(
        None, description="Column that orders their steps; None finds it by name, or keeps the order of the rows."
    )
    features: tuple[str, ...] = Field((), description="Columns of numbers; empty: all that have no other part.")

    unit: UnitName = Field("word", description="What a text is cut into.")
    vocabulary_size: int | None = Field(
        None, ge=3, description="At most so many units, the most frequent; None: all (bpe: 8,000)."
    )
    min_count: int = Field(1, ge=1, description="Units seen less often in the training part are unknown.")
    lowercase: bool = Field(True, description="Whether texts are read in lower case.")
    split: Literal["punctuation", "whitespace"] = Field(
        "punctuation", description="Whether punctuation marks are words of their own, or only white space parts words."
    )
    max_length: int | None = Field(None, ge=1, description="Steps read of each sequence, the first ones; None: all.")
    validation_share: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Share of each label kept out of training, to stop and to calibrate.",
    )

    embedding_size: int = Field(64, ge=1, description="Features of a unit's vector; those of `vectors` decide.")
    vectors: str | None = Field(
        None, description="File of word vectors to begin with, as GloVe or word2vec write them in text."
    )
    freeze_vectors: bool = Field(False, description="Whether word vectors stay as they are read.")
    bidirectional: bool = Field(True, description="Whether a second direction reads from the end.")
    pooling: Pooling = Field("max", description="How the steps become one vector.")
    word_dropout: float = Field(0.1, ge=0, lt=1, description="Probability that a unit is read as unknown, in training.")
    embedding_dropout: float = Field(
        0.0, ge=0, lt=1, description="Probability that a unit's vector is zero wherever it stands in a batch."
    )
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropout of the input, between layers and before the output.")
    linear: bool = Field(
        True, description="Whether a linear model of words and pairs of words stands beside the network (texts only)."
    )
    ensemble: int = Field(1, ge=1, description="Networks trained side by side, whose outputs are averaged.")
    class_weights: Literal["none", "balanced"] | dict[str, float] = Field(
        "none",
        description="Weight of each label's examples in the loss: none, balanced (one over the label's share), or "
        "given as {label: weight}.",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of the target spread over all labels.")
    calibration: Literal["temperature", "none"] = Field(
        "temperature", description="Whether the outputs are divided by one number fitted on the validation part."
    )
    backend: BackendName = Field("auto", description="The engine's backend of the recurrent layers.")

    @field_validator("features", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return tuple(part for part in value.split(",") if part) if isinstance(value, str) else value

    @field_validator("class_weights")
    @classmethod
    def _positive(cls, value: Any) -> Any:
        if isinstance(value, dict) and not all(weight > 0 for weight in value.values()):
            raise ValueError("every weight must be above 0")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check_units(self.unit, self.vocabulary_size, self.min_count)
        if self.freeze_vectors and self.vectors is None:
            raise ValueError("freeze_vectors needs vectors, the file of them")
        if self.vectors is not None and self.unit != "word":
            raise ValueError(f"vectors are of words: leave out unit={self.unit!r}")
        return self

    @property
    def spec(self) -> LabelledSpec:
        """How to read data."""
        return LabelledSpec(
            layout=self.layout, text=self.text, label=self.label, id=self.id, time=self.time, features=self.features
        )

    @property
    def cut(self) -> Cut:
        """How texts are cut into words, where words are needed."""
        return Cut(self.split, self.lowercase)
