"""Dialogues as the numbers of their units."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from ostinato.data.dialogues import Example
from ostinato.data.tokenizers import Ids
from ostinato.tasks.dialogue.settings import ChatbotSettings
from ostinato.tasks.seq2seq.batches import Pair
from ostinato.tasks.seq2seq.texts import SPECIALS, TextTokenizer

TURN = "<turn>"
"""Stands between two turns of a context."""

TAGS = (TURN,)


class Encoded(NamedTuple):
    """Examples with their units.

    Attributes:
        examples: What was said.
        pairs: The units of each.
        left_out: How many others there were.
    """

    examples: list[Example]
    pairs: list[Pair]
    left_out: int


@dataclass(frozen=True)
class DialogueTokenizer:
    """How dialogues are cut into units. What was said is read in lower case; replies are written as they are.

    Attributes:
        written: How replies are cut.
        context_units: Of a context at most, the last ones.
    """

    written: TextTokenizer
    context_units: int

    def __post_init__(self) -> None:
        """Makes sure that turns can be told apart."""
        if self.written.tokenizer.specials != (*SPECIALS, *TAGS):
            raise ValueError(f"the special units are {', '.join(self.written.tokenizer.specials)}")

    @classmethod
    def learn(cls, examples: Sequence[Example], settings: ChatbotSettings) -> Self:
        """The units of training examples."""
        said = (turn.lower() for example in examples for turn in example.context[-1:])
        texts = [*said, *(example.reply for example in examples)]
        return cls(TextTokenizer.learn(texts, settings, TAGS), settings.context_units)

    def context(self, turns: Sequence[str]) -> Ids:
        """The numbers of some turns, `TURN` between two of them; none of no turns."""
        between = np.array([len(SPECIALS) + TAGS.index(TURN)], np.int32)
        parts = [part for turn in turns for part in (between, self.written.encode(turn.lower()))]
        return np.concatenate([np.empty(0, np.int32), *parts[1:]])[-self.context_units :]

    def encoded(self, examples: Sequence[Example], max_length: int) -> Encoded:
        """Examples as an encoder reads and a decoder writes them, without those whose reply is longer than this."""
        pairs = [(self.context(example.context), self.written.encode(example.reply)) for example in examples]
        kept = [place for place, (_, reply) in enumerate(pairs) if len(reply) <= max_length]
        return Encoded([examples[place] for place in kept], [pairs[place] for place in kept], len(pairs) - len(kept))

    def __len__(self) -> int:
        return len(self.written)
