"""Every choice a LanguageModel leaves to its user."""

from typing import Annotated, Literal, Self

from pydantic import Field, PlainSerializer, model_validator

from ostinato.cells import CELLS, Cell
from ostinato.data.tokenizers import TokenizerName
from ostinato.engine import BackendName
from ostinato.tasks.settings import NetworkSettings, cell_name, check_tokenizer


class LanguageSettings(NetworkSettings):
    """Settings of `ostinato.LanguageModel`: its own, its network's (`NetworkSettings`) and the training loop's."""

    # Defaults that suit a megabyte of text read character by character.
    cell: Annotated[str | type[Cell], PlainSerializer(cell_name, return_type=str)] = Field(  # type: ignore[type-arg]
        "lstm", description=f"One of {', '.join(CELLS)}, or a Cell class of yours."
    )
    hidden_size: int = Field(256, ge=1, description="Units of each recurrent layer.")
    epochs: int = Field(20, ge=1, description="Passes over the training text.")
    batch_size: int = Field(
        32,
        ge=1,
        description="Streams that the text is cut into and that are read side by side, over all processes together; "
        "unless given, fewer where they would be shorter than a chunk.",
    )
    learning_rate: float = Field(2e-3, gt=0, description="Learning rate after warm-up.")
    schedule: Literal["constant", "cosine", "plateau"] = Field(
        "cosine",
        description="Learning rate over time: constant, falling along a cosine to 0 at the last step, or cut by "
        "plateau_factor when the validation score stops falling.",
    )

    tokenizer: TokenizerName = Field(
        "char",
        description="What the text is read and written in: characters, bytes, words, or pieces of words by byte-pair "
        "encoding (bpe).",
    )
    split: Literal["punctuation", "whitespace"] = Field(
        "punctuation",
        description="For words: whether punctuation marks are words too, or only white space separates words.",
    )
    vocabulary_size: int | None = Field(
        None, ge=2, description="At most so many units, the most frequent ones; None: all, or 8,000 pieces of bpe."
    )
    min_count: int = Field(1, ge=1, description="Units seen less often in training are read as <unk>.")
    lowercase: bool = Field(False, description="Whether capitals are made small letters.")
    reverse: bool = Field(
        False, description="Whether the text is read from its end: such a model writes what comes before an ending."
    )
    validation_share: float = Field(
        0.1, gt=0, lt=1, description="Share at the end of the text kept out of training to choose the best weights."
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
    backend: BackendName = Field("auto", description="The engine's backend.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check_tokenizer(self.tokenizer, self.vocabulary_size, self.min_count)
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
