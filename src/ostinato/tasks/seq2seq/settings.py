"""Choices that every task that reads one text and writes another leaves to its user."""

from typing import Self

from pydantic import Field, model_validator

from ostinato.modalities import TokenizerSettings, TokenVectorSettings
from ostinato.tasks.settings import (
    BidirectionalSettings,
    EnsembleSettings,
    FileSettings,
    LabelSmoothingSettings,
    NetworkSettings,
)
from ostinato.topologies import AttentionKind

MOST_BEAMS = 1000
"""Beginnings that a search may keep: far more than help, and few enough for the memory of a computer."""

FEWEST = 8
"""A vocabulary has room for the special units and some others."""


class Seq2SeqSettings(
    FileSettings,
    TokenizerSettings,
    TokenVectorSettings,
    BidirectionalSettings,
    EnsembleSettings,
    LabelSmoothingSettings,
    NetworkSettings,
    batch_size=64,  # these defaults suit some thousand to a million pairs of sentences
    patience=4,
    hidden_size=256,
    tokenizer="bpe",
    embedding_size=256,
    word_dropout=0.0,
    label_smoothing=0.1,
):
    """Network, training and search of an encoder-decoder over texts, with the blocks of settings it is made of."""

    shared_vocabulary: bool = Field(
        False, description="Whether both sides have one vocabulary, and its units one vector each."
    )
    attention: AttentionKind | None = Field(
        "scaled_multiplicative",
        description="How the decoder looks back at what was read: scaled_multiplicative (Luong, over the root of the "
        "number of features), multiplicative (not so), additive (Bahdanau, slower) or None.",
    )
    input_feeding: bool = Field(
        False, description="Whether what a step has read is fed to the next one (Luong); half as long again to train."
    )
    tied_output: bool = Field(True, description="Whether a unit's vector is also its weights in the output.")

    dropout: float = Field(
        0.2, ge=0, lt=1, description="Dropout of the units' vectors, between layers and before the output."
    )
    locked_dropout: bool = Field(False, description="Whether dropout takes one mask per text for all of its steps.")
    recurrent_dropout: float = Field(0.0, ge=0, lt=1, description="Dropout of what the recurrent weights see.")
    scheduled_sampling: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Probability, at the end of its ramp, that a training step is fed a unit drawn from the network's "
        "own prediction instead of the right one (Bengio et al. 2015); above 0 the decoder runs step by step.",
    )
    sampling_ramp: int = Field(
        10000, ge=1, description="Training batches over which that probability rises from 0, linearly."
    )

    max_length: int = Field(
        100, ge=1, description="Units of a text: longer pairs are left out of training, and no more are written."
    )
    beam_size: int = Field(5, ge=1, le=MOST_BEAMS, description="Beginnings that the search keeps; 1 is greedy.")
    length_penalty: float = Field(
        1.0, ge=0, description="Exponent that favours longer texts in the search (Wu et al. 2016); 0: none."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.vocabulary_size is not None and self.vocabulary_size < FEWEST:
            raise ValueError(f"vocabulary_size must be at least {FEWEST}, special units included")
        if self.input_feeding and self.attention is None:
            raise ValueError("input_feeding feeds what attention has read: choose an attention, or leave it out")
        if self.sampling_ramp != type(self).model_fields["sampling_ramp"].default and not self.scheduled_sampling:
            raise ValueError("sampling_ramp is the ramp of scheduled_sampling: give that a probability above 0")
        return self
