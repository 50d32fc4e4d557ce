"""Every choice an Assistant leaves to its user."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, InstanceOf, PlainSerializer, PlainValidator

from ostinato.data.audio import AudioSpec
from ostinato.data.grammar import Grammar
from ostinato.modalities import AudioSettings
from ostinato.options import DATA, Option
from ostinato.tasks.settings import BidirectionalSettings, NetworkSettings, TableSettings


def _grammar(value: Any) -> Any:
    if value is None or isinstance(value, str | Path | Grammar):
        return value
    raise ValueError("give a grammar's file, or a Grammar")


GrammarSource = Annotated[
    str | InstanceOf[Path] | InstanceOf[Grammar] | None,
    PlainValidator(_grammar),
    PlainSerializer(lambda given: None),  # a saved model holds the grammar itself
]


class AssistantSettings(
    TableSettings,
    AudioSettings,
    BidirectionalSettings,
    NetworkSettings,
    epochs=60,
    patience=15,
    batch_size=16,
    learning_rate=2e-3,
    schedule="cosine",
    hidden_size=128,
    num_layers=2,
    subsampling=4,
    clip_norm=5.0,
    num_threads=1,
):
    """Settings of `ostinato.Assistant`: its own, those of the blocks it is made of and the training loop's."""

    grammar: Annotated[GrammarSource, Option("FILE", DATA, "Grammar: a YAML file of what may be said.")] = Field(
        None,
        description="What may be said: a YAML file or an `ostinato.data.Grammar`; None where the data are one.",
    )
    sentences: Annotated[int, Option("N", DATA, "Sentences that are spoken where DATA is a grammar.")] = Field(
        2000, ge=10, description="Sentences that the synthesiser speaks, where the data are a grammar."
    )
    language: Annotated[str, Option("NAME", DATA, "Of the voices that speak them: en, de, fr-fr.")] = Field(
        "en", description="Language of the voices that speak them, as eSpeak NG names it."
    )
    audio: Annotated[str | None, Option("COLUMN", DATA)] = Field(
        None, description="Manifests: column of the files; found by name unless given."
    )
    intent: Annotated[str, Option("COLUMN", DATA)] = Field("intent", description="Manifests: column of intents.")
    slots: Annotated[str, Option("COLUMN", DATA)] = Field(
        "slots", description="Manifests: column of slots, in each row a JSON object of their values."
    )
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropout before, between and after the recurrent layers.")
    threshold: float = Field(
        0.5, ge=0, lt=1, description="Confidence below which an order is not taken, and it is said what was unsure."
    )

    @property
    def spec(self) -> AudioSpec:
        """How recordings are read."""
        return AudioSpec(
            audio=self.audio,
            transcripts=False,
            sample_rate=self.sample_rate,
            max_audio_seconds=self.max_audio_seconds,
            skip_bad=self.skip_bad,
            form=self.form,
        )
