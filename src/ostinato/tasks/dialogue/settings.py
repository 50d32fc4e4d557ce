"""Every choice a Chatbot leaves to its user."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from ostinato.options import DATA, MODEL, Option
from ostinato.tasks.seq2seq.settings import Seq2SeqSettings

REFUSAL = "I have nothing sensible to say to that."

OF_DECODING = {
    "sampling": ("temperature", "top_k", "top_p", "repetition_penalty"),
    "beam": ("beam_size", "length_penalty"),
}
"""Settings that only one way of writing reads."""


class ChatbotSettings(
    Seq2SeqSettings,
    batch_size=32,  # these defaults suit some hundred to some ten thousand dialogues
    learning_rate=3e-3,
    schedule="cosine",
    hidden_size=128,
    embedding_size=128,
    shared_vocabulary=True,
    label_smoothing=0.0,  # it would blur the confidence
    max_length=60,
):
    """Settings of `ostinato.Chatbot`: its own and those of every task from text to text (`Seq2SeqSettings`)."""

    context_turns: Annotated[int, Option("N", MODEL)] = Field(
        3, ge=1, description="Turns that are read before a reply, the last ones."
    )
    context_units: int = Field(120, ge=1, description="Units that are read at most, the last ones.")
    speaker: Annotated[str | None, Option("NAME", DATA)] = Field(
        None, description="Whose turns are learned as replies, where dialogues name speakers; None: everybody's."
    )
    max_examples: int | None = Field(
        None,
        ge=1,
        description="At most so many replies to train on, and that times validation_share to validate on, drawn at "
        "random; None: all.",
    )
    context_dropout: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Probability that training leaves out a context, so that the network also knows how likely a "
        "reply is to nothing; needed by mutual_information.",
    )

    decoding: Literal["sampling", "beam"] = Field(
        "sampling", description="Whether candidates are drawn at random, or are the best of a search with beam_size."
    )
    temperature: float = Field(0.8, gt=0, ge=1e-6, le=1e6, description="Below 1 the likely becomes likelier.")
    top_k: int | None = Field(None, ge=1, description="Units are drawn from the so many likeliest; None: from all.")
    top_p: float = Field(
        0.9, gt=0, le=1, description="Units are drawn from the likeliest that hold this share of the probability."
    )
    repetition_penalty: float = Field(
        1.0, ge=1, description="What the log-probability of a unit that the reply has already is multiplied by."
    )
    no_repeat_ngram: int = Field(3, ge=0, description="Units of a run that a reply must not hold twice; 0: it may.")
    min_length: int = Field(1, ge=1, description="Units of a reply at least.")
    candidates: int = Field(4, ge=1, description="Replies that are written, of which the best one is said.")
    mutual_information: float = Field(
        0.3,
        ge=0,
        le=1,
        description="How much less a candidate is worth that would be likely after anything: the best has the highest "
        "log p(reply | context) - mutual_information * log p(reply | nothing) per unit (Li et al. 2016).",
    )
    threshold: Annotated[
        float,
        Option("SHARE", MODEL, "Confidence below which it says that it has nothing to say; 0: it always replies."),
    ] = Field(
        0.05,
        ge=0,
        lt=1,
        description="Confidence below which it says that it has nothing to say; of true replies in the validation "
        "dialogues this share would be refused. 0: it always replies.",
    )
    unknown_penalty: float = Field(
        6.0,
        ge=0,
        description="What the confidence loses by words that no training dialogue holds: the mean log-probability of "
        "a unit falls by this, times their share of what was said last.",
    )
    refusal: str = Field(REFUSAL, min_length=1, description="What it says then.")

    @field_validator("shared_vocabulary")
    @classmethod
    def _one_vocabulary(cls, value: bool) -> bool:
        if not value:
            raise ValueError("what is said is answered in the same words: leave it at True")
        return value

    @model_validator(mode="after")
    def _lengths_fit(self) -> Self:
        if self.min_length > self.max_length:
            raise ValueError(f"min_length ({self.min_length}) must not be above max_length ({self.max_length})")
        return self

    @model_validator(mode="after")
    def _decoding_fits(self) -> Self:
        for decoding, names in OF_DECODING.items():
            changed = [name for name in names if getattr(self, name) != type(self).model_fields[name].default]
            if changed and decoding != self.decoding:
                raise ValueError(f"{', '.join(changed)}: only with decoding={decoding!r}")
        if self.decoding == "beam" and self.candidates > self.beam_size:
            raise ValueError(
                f"a search with beam_size={self.beam_size} has no {self.candidates} candidates: ask for fewer"
            )
        return self

    @model_validator(mode="after")
    def _knows_replies_to_nothing(self) -> Self:
        if self.mutual_information and self.candidates > 1 and not self.context_dropout:
            raise ValueError(
                "mutual_information holds a reply against the same one to nothing, which the network only learns "
                "with context_dropout above 0: set that, or mutual_information=0"
            )
        return self


AFTERWARDS = (
    "decoding",
    *OF_DECODING["sampling"],
    *OF_DECODING["beam"],
    "no_repeat_ngram",
    "min_length",
    "max_length",
    "candidates",
    "mutual_information",
    "threshold",
    "refusal",
)
"""Settings that may be changed for a single reply, after training."""
