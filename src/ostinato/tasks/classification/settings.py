"""Every choice a SequenceClassifier leaves to its user."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ostinato.data.labelled import LabelledSpec, Layout
from ostinato.modalities import AudioSettings, EmbeddingSettings, WordSplitSettings
from ostinato.options import DATA, MODEL, Option
from ostinato.tasks.classification.linear_text import Cut
from ostinato.tasks.settings import (
    BidirectionalSettings,
    ColumnNames,
    EnsembleSettings,
    LabelSmoothingSettings,
    NetworkSettings,
    TableSettings,
)
from ostinato.topologies import Pooling

STREAM_SETTINGS = ("unknown", "background", "threshold")
"""What only `streaming` needs."""

SEPARATOR = "|"
"""What stands between the labels of a text that are told, unless a setting says otherwise."""


UNKNOWN, SILENCE = "unknown", "silence"
"""Labels of sound that holds no keyword."""


def _apart(value: Any) -> Any:
    """Names, also where several stand in one text with commas between, as at the shell."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        return value
    return [part for name in value for part in (_apart(name) if isinstance(name, str) else [name])]


LabelColumns = Annotated[tuple[str, ...], BeforeValidator(_apart)]


def _paths(value: Any) -> Any:
    """Several paths as they are, also where there is one."""
    given = [value] if isinstance(value, str | Path) else value
    return tuple(map(str, given)) if isinstance(given, list | tuple) else given


Paths = Annotated[tuple[str, ...], BeforeValidator(_paths)]


class ClassifierSettings(
    TableSettings,
    WordSplitSettings,
    EmbeddingSettings,
    AudioSettings,
    BidirectionalSettings,
    EnsembleSettings,
    LabelSmoothingSettings,
    NetworkSettings,
    epochs=30,
    learning_rate=2e-3,
    schedule="cosine",
    patience=6,
    lowercase=True,
):
    """Settings of `ostinato.SequenceClassifier`: its own, those of the blocks it is made of and the training loop's."""

    layout: Annotated[
        Layout | None,
        Option(
            "NAME",
            DATA,
            "table, lines (label, a space or tab, text), folders, sequences or audio; found, but for lines.",
        ),
    ] = Field(
        None,
        description="How the data lie: a table of texts, lines of label and text, a folder for each class, a long "
        "table of sequences of numbers, or recordings (folders, a manifest, a Kaldi directory); None finds it, but for "
        "lines.",
    )
    text: Annotated[str | None, Option("COLUMN", DATA)] = Field(
        None, description="Column of texts; found by name unless given."
    )
    label: Annotated[str | None, Option("COLUMN", DATA)] = Field(
        None, description="Column of labels; found by name unless given."
    )
    label_separator: Annotated[
        str | None, Option("MARK", DATA, "What stands between the labels of a text, where it may have several: '|'.")
    ] = Field(
        None,
        min_length=1,
        description="What stands between the labels of a text, which may then have several, or none; so they are read, "
        "and told. None: each has one.",
    )
    labels: Annotated[
        LabelColumns,
        Option("COLUMNS", DATA, "Columns of 0 and 1, one for each of several labels: toxic,insult,threat."),
    ] = Field((), description="Columns of 0 and 1 in place of one of labels, where a text may have several.")
    audio: Annotated[str | None, Option("COLUMN", DATA, "Manifests of recordings: column of files.")] = Field(
        None, description="Column of files of audio, in a manifest of recordings; None finds it by name."
    )
    id: Annotated[str | None, Option("COLUMN", DATA, "Sequences of numbers: column that tells them apart.")] = Field(
        None, description="Column that tells sequences of numbers apart; None finds it by name."
    )
    time: Annotated[str | None, Option("COLUMN", DATA, "Sequences of numbers: column that orders steps.")] = Field(
        None, description="Column that orders their steps; None finds it by name, or keeps the order of the rows."
    )
    features: Annotated[
        ColumnNames,
        Option(
            "COLUMN",
            DATA,
            "Sequences of numbers: a column to read; repeatable. Without it: all that have no other part.",
            "feature",
        ),
    ] = Field((), description="Columns of numbers; empty: all that have no other part.")
    max_length: int | None = Field(None, ge=1, description="Steps read of each sequence, the first ones; None: all.")
    pooling: Pooling = Field("max", description="How the steps become one vector.")
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropout of the input, between layers and before the output.")
    linear: bool = Field(
        True, description="Whether a linear model of words and pairs of words stands beside the network (texts only)."
    )
    characters: bool = Field(
        True, description="Whether that linear model reads runs of 2 to 5 characters within words, too."
    )
    class_weights: Literal["none", "balanced"] | dict[str, float] = Field(
        "none",
        description="Weight of each label's examples in the loss: none, balanced (one over the label's share), or "
        "given as {label: weight}.",
    )
    calibration: Literal["temperature", "none"] = Field(
        "temperature", description="Whether the outputs are divided by one number fitted on the validation part."
    )

    streaming: Annotated[bool, Option("", MODEL, "Recordings: also hear labels in a running stream, for listen.")] = (
        Field(
            False,
            description="Recordings: whether the network reads in one direction and scores every step, so that it runs "
            "on over a stream, see `SequenceClassifier.stream`. The labels 'unknown' and 'silence' are none to be told "
            "there; more of both is made, of other sound and of noise.",
        )
    )
    unknown: Annotated[LabelColumns, Option("LABELS", DATA, "Streams: labels that become 'unknown': one,two.")] = Field(
        (), description="Streams: labels that become one, 'unknown'."
    )
    background: Annotated[
        Paths, Option("PATH", DATA, "Streams: sound without keywords, a folder, a manifest or files.")
    ] = Field(
        (),
        description="Streams: folders, manifests or files of sound without keywords: two thirds of it to learn from as "
        "'unknown', one third to choose `threshold` by.",
    )
    false_alarms_per_hour: float = Field(
        1.0, gt=0, description="Streams: how many false alarms `threshold` may let pass in an hour of background."
    )
    threshold: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Streams: how sure a keyword must be to be told; None chooses it by the background, anew where "
        "fitting goes on from a model, and is 0.5 without.",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_direction(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        if not values.get("streaming"):
            if foreign := [name for name in STREAM_SETTINGS if values.get(name)]:
                raise ValueError(f"{foreign[0]} is of streams: give streaming=True, too")
            return values
        if values.get("bidirectional"):
            raise ValueError("a stream has no end to read from: leave bidirectional out, or streaming")
        if values.get("pooling", "max") != "max":
            raise ValueError(f"streaming takes the highest step: leave out pooling={values['pooling']!r}")
        return values | {"bidirectional": False}

    @field_validator("class_weights")
    @classmethod
    def _positive(cls, value: Any) -> Any:
        if isinstance(value, dict) and not all(weight > 0 for weight in value.values()):
            raise ValueError("every weight must be above 0")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.vectors is not None and self.tokenizer != "word":
            raise ValueError(f"vectors are of words: leave out tokenizer={self.tokenizer!r}")
        return self

    @property
    def spec(self) -> LabelledSpec:
        """How to read data."""
        return LabelledSpec(
            layout=self.layout,
            text=self.text,
            label=self.label,
            label_separator=self.label_separator,
            labels=self.labels,
            id=self.id,
            time=self.time,
            features=self.features,
            audio=self.audio,
            sample_rate=self.sample_rate,
            max_audio_seconds=self.max_audio_seconds,
            skip_bad=self.skip_bad,
            form=self.form,
        )

    @property
    def cut(self) -> Cut:
        """How texts are cut into words, where words are needed."""
        return Cut(self.split, self.lowercase)
