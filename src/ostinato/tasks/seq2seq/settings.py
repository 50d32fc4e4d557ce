"""Choices that every task that reads one text and writes another leaves to its user."""

from typing import Self

from pydantic import Field, model_validator

from ostinato.data.tokenizers import TokenizerName
from ostinato.engine import BackendName
from ostinato.tasks.settings import NetworkSettings, check_tokenizer
from ostinato.topologies import AttentionKind


class Seq2SeqSettings(NetworkSettings):
    """Units, network, training and search of an encoder-decoder over texts."""

    # Defaults that suit some thousand to a million pairs of sentences.
    epochs: int = Field(20, ge=1, description="Passes over the training data.")
    batch_size: int = Field(64, ge=1, description="Pairs of a batch, over all processes together.")
    hidden_size: int = Field(256, ge=1, description="Units of each recurrent layer and direction.")
    patience: int | None = Field(
        4, ge=1, description="Epochs without a better validation score before training stops; None for never."
    )
    validation_share: float = Field(
        0.1, gt=0, lt=1, description="Share of the pairs kept out of training to choose when to stop."
    )

    tokenizer: TokenizerName = Field(
        "bpe",
        description="What a text is cut into: char, byte, word, or bpe, pieces of words learned from the training "
        "texts, with which no word is unknown.",
    )
    vocabulary_size: int | None = Field(
        None, ge=8, description="At most so many units, the most frequent ones; None takes all, and of bpe 8,000."
    )
    min_count: int = Field(1, ge=1, description="Units seen less often in the training texts are not learned.")
    shared_vocabulary: bool = Field(
        False, description="Whether both sides have one vocabulary, and its units one vector each."
    )
    lowercase: bool = Field(False, description="Whether all texts, those to be written too, are made lower-case.")

    embedding_size: int = Field(256, ge=1, description="Features of a unit's vector.")
    bidirectional: bool = Field(True, description="Whether the encoder also reads from the end to the start.")
    attention: AttentionKind | None = Field(
        "multiplicative",
        description="How the decoder looks back at what was read: multiplicative (Luong), additive (Bahdanau, slower) "
        "or None.",
    )
    input_feeding: bool = Field(
        False, description="Whether what a step has read is fed to the next one (Luong); half as long again to train."
    )
    ensemble: int = Field(
        1, ge=1, description="Networks trained side by side, whose predicted probabilities are averaged."
    )
    tied_output: bool = Field(True, description="Whether a unit's vector is also its weights in the output.")
    backend: BackendName = Field("auto", description="The engine's backend.")

    dropout: float = Field(
        0.2, ge=0, lt=1, description="Dropout of the units' vectors, between layers and before the output."
    )
    locked_dropout: bool = Field(False, description="Whether dropout takes one mask per text for all of its steps.")
    recurrent_dropout: float = Field(0.0, ge=0, lt=1, description="Dropout of what the recurrent weights see.")
    word_dropout: float = Field(
        0.0, ge=0, lt=1, description="Probability that a unit that is read is taken for an unknown one, in training."
    )
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="Probability that training spreads over all units instead of the right one."
    )
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
    beam_size: int = Field(5, ge=1, description="Beginnings that the search keeps; 1 is greedy.")
    length_penalty: float = Field(
        1.0, ge=0, description="Exponent that favours longer texts in the search (Wu et al. 2016); 0: none."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check_tokenizer(self.tokenizer, self.vocabulary_size, self.min_count)
        if self.input_feeding and self.attention is None:
            raise ValueError("input_feeding feeds what attention has read: choose an attention, or leave it out")
        if self.sampling_ramp != type(self).model_fields["sampling_ramp"].default and not self.scheduled_sampling:
            raise ValueError("sampling_ramp is the ramp of scheduled_sampling: give that a probability above 0")
        return self
