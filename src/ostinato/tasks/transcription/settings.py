"""Every choice a Transcriber leaves to its user."""

from typing import Annotated, Literal

from pydantic import Field

from ostinato.data.audio import AudioSpec
from ostinato.modalities import AudioSettings, TokenizerSettings
from ostinato.options import DATA, MODEL, Option
from ostinato.tasks.settings import BidirectionalSettings, ColumnNames, NetworkSettings, TableSettings


class TranscriberSettings(
    TableSettings,
    TokenizerSettings,
    AudioSettings,
    BidirectionalSettings,
    NetworkSettings,
    tokenizer="char",
    epochs=60,
    patience=12,
    batch_size=8,
    silence=0.3,
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
    subsampling: Literal[1, 2, 4] | None = Field(  # type: ignore[assignment]
        None,
        description="Frames that become one step of the network; None for the most that leave each token of the "
        "texts a step.",
    )
    output: Annotated[Literal["ctc", "transducer", "both"], Option("KIND", MODEL)] = Field(
        "ctc",
        description="What writes: connectionist temporal classification, a recurrent transducer, which also hears what "
        "it has written, or both, which learn together, and of which the transducer writes.",
    )
    ctc_weight: float = Field(0.3, gt=0, lt=1, description="output=both: share of ctc in the loss.")
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropout before, between and after the recurrent layers.")
    beam_size: int | None = Field(
        None,
        ge=1,
        description="Beginnings of texts that are kept at a time when one is searched for; 1 is greedy; None for 16, "
        "or 4 where a transducer writes.",
    )
    language_model: Annotated[str | None, Option("FILE", MODEL)] = Field(
        None,
        description="Also judges what is written: an ARPA file, or ngram, for one of the training texts. Of words; of "
        "tokens, where these are words or pieces of words.",
    )
    ngram_order: int = Field(3, ge=1, le=6, description="language_model=ngram: words, or tokens, that are looked at.")
    lm_weight: float | None = Field(
        None, ge=0, description="Of the language model; None for the best on the validation part."
    )
    length_bonus: float | None = Field(
        None, description="For each word, or token, beside a language model; None for the best on the validation part."
    )
    lexicon: Annotated[str | None, Option("FILE", MODEL)] = Field(
        None, description="Words that alone may be written: a text file, a line each, or training, for those of it."
    )
    hot_words: Annotated[ColumnNames, Option("WORDS", MODEL)] = Field(
        (), description="Words or phrases to listen for, with commas between."
    )
    hot_word_bonus: float = Field(1.0, gt=0, description="Of each token of a hot word, in nats.")

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
