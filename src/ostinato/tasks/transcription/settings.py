"""Every choice a Transcriber leaves to its user."""

from typing import Annotated

from pydantic import Field

from ostinato.data.audio import AudioSpec
from ostinato.modalities import AudioSettings, TokenizerSettings
from ostinato.options import DATA, Option
from ostinato.tasks.settings import BidirectionalSettings, NetworkSettings, TableSettings


class TranscriberSettings(
    TableSettings,
    TokenizerSettings,
    AudioSettings,
    BidirectionalSettings,
    NetworkSettings,
    tokenizer="char",
    epochs=60,
    patience=12,
    batch_size=16,
    learning_rate=2e-3,
    schedule="cosine",
    hidden_size=128,
    num_layers=2,
    clip_norm=5.0,
):
    """Settings of `ostinato.Transcriber`: its own, those of the blocks it is made of and the training loop's."""

    audio: Annotated[str | None, Option("COLUMN", DATA)] = Field(
        None, description="Manifests: column of the files; found by name unless given."
    )
    text: Annotated[str | None, Option("COLUMN", DATA)] = Field(
        None, description="Manifests: column of what is said; found by name unless given."
    )
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropout before, between and after the recurrent layers.")
    beam_size: int = Field(
        16, ge=1, description="Beginnings of texts that are kept at a time when one is searched for; 1 is greedy."
    )

    @property
    def spec(self) -> AudioSpec:
        """How recordings are read."""
        return AudioSpec(
            audio=self.audio,
            text=self.text,
            sample_rate=self.sample_rate,
            max_audio_seconds=self.max_audio_seconds,
            skip_bad=self.skip_bad,
            lowercase=self.lowercase,
            form=self.form,
        )
