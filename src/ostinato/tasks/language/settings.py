"""Every choice a LanguageModel leaves to its user."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ostinato.modalities import WordSplitSettings
from ostinato.options import DATA, Option
from ostinato.tasks.settings import FileSettings, NetworkSettings


class LanguageSettings(
    FileSettings,
    WordSplitSettings,
    NetworkSettings,
    cell="lstm",  # these defaults suit a megabyte of text read character by character
    hidden_size=256,
    learning_rate=2e-3,
    schedule="cosine",
    tokenizer="char",
):
    """Settings of `ostinato.LanguageModel`: its own, those of the blocks it is made of and the training loop's."""

    batch_size: int = Field(
        32,
        ge=1,
        description="Streams that the text is cut into and that are read side by side, over all processes together; "
        "unless given, fewer where they would be shorter than a chunk.",
    )
    reverse: Annotated[
        bool, Option(group=DATA, help="Read the text from its end, to write what comes before an ending.")
    ] = Field(
        False, description="Whether the text is read from its end: such a model writes what comes before an ending."
    )

    embedding_size: int = Field(128, ge=1, description="Size of the vector that stands for a unit.")
    last_size: int | None = Field(
        None,
        ge=1,
        description="Units of the last recurrent layer; None: hidden_size. AWD-LSTM takes embedding_size, so that tied "
        "weights need no linear map between.",
    )
    softmax: Literal["full", "tied", "adaptive"] = Field(
        "full",
        description="Where the probabilities come from: full: weights of their own; tied: the embedding's, read the "
        "other way (Press & Wolf 2017); adaptive: fewer weights for rare units (Grave et al. 2017), for large "
        "vocabularies of words.",
    )
    bptt_steps: int = Field(128, ge=1, description="Time steps through which gradients flow back: truncated BPTT.")
    bptt_jitter: int = Field(
        0,
        ge=0,
        description="Standard deviation, in steps, of chunk lengths drawn anew each epoch, one in twenty about half as "
        "long; the learning rate follows them (Merity et al. 2018: 5 of 70). 0: all alike.",
    )
    embedding_dropout: float = Field(0.0, ge=0, lt=1, description="Share of units that are zero wherever they stand.")
    input_dropout: float = Field(0.0, ge=0, lt=1, description="Locked dropout of the vectors read.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Locked dropout between recurrent layers.")
    output_dropout: float = Field(0.0, ge=0, lt=1, description="Locked dropout of what the softmax reads.")
    weight_drop: float = Field(0.0, ge=0, lt=1, description="Dropout of the recurrent weights, one mask per chunk.")
    activation_regularisation: float = Field(
        0.0, ge=0, description="Weight of the mean square of the last layer's dropped outputs in the loss (AR)."
    )
    temporal_regularisation: float = Field(
        0.0, ge=0, description="Weight of the mean square of their change from step to step (TAR)."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.bptt_jitter > self.bptt_steps / 4:
            raise ValueError(
                f"bptt_jitter ({self.bptt_jitter}) must be at most a quarter of bptt_steps ({self.bptt_steps})"
            )
        if self.softmax == "adaptive" and (self.last_size or self.hidden_size) < 4:
            raise ValueError("softmax='adaptive' needs a last layer of at least 4 units")
        if self.dropout and self.num_layers == 1:
            raise ValueError("dropout acts between recurrent layers, and num_layers is 1: set output_dropout instead")
        if self.split != "punctuation" and self.tokenizer != "word":
            raise ValueError(
                f"split={self.split!r} is for tokenizer='word', and tokenizer is {self.tokenizer!r}: leave it out"
            )
        return self
