"""How sure a Chatbot may be of a reply: its likelihood, next to that of true replies it has not learned from.

The score of a reply to a context is ``m - unknown_penalty * u``: m is the mean log-probability of its units, the end
included, given the context, in nats; u is the share of the words of the turn said last that no training dialogue
holds. The confidence is the share of the true replies of the validation dialogues whose score is not above this one. A
reply is refused whose confidence is below the threshold: with 0.05, just under 5 % of those true replies would be.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from ostinato.data.tokenizers import Ids
from ostinato.tasks.dialogue.encoding import Encoded
from ostinato.tasks.dialogue.words import KnownWords
from ostinato.tasks.dialogue.writing import log_likelihoods
from ostinato.tasks.seq2seq.ensemble import Ensemble


@dataclass(frozen=True, eq=False)
class Confidence:
    """What is usual for true replies.

    Attributes:
        usual: Scores of the true replies of the validation dialogues, rising, float64 ``(replies,)``.
        unknown_penalty: As in the settings.
    """

    usual: Tensor
    unknown_penalty: float

    def __post_init__(self) -> None:
        """Makes sure that there is something to compare with."""
        if self.usual.ndim != 1 or not len(self.usual) or self.usual.dtype != torch.float64:
            raise ValueError(f"scores of {self.usual.dtype} and of shape {tuple(self.usual.shape)}")

    @classmethod
    def calibrate(
        cls,
        network: Ensemble,
        held: Encoded,
        known: KnownWords,
        unknown_penalty: float,
    ) -> Self:
        """From the true replies of validation dialogues."""
        sums, counts = log_likelihoods(network, held.pairs)
        shares = [known.unknown_share(example.context[-1]) for example in held.examples]
        strange = torch.tensor(shares, dtype=torch.float64)
        return cls((sums / counts - unknown_penalty * strange).sort().values, unknown_penalty)

    def of(self, mean_log_probability: float, unknown_share: float) -> float:
        """The confidence of a reply, 0 to 1.

        Args:
            mean_log_probability: Of a unit of it.
            unknown_share: Of the words of what was said last, those that no training dialogue holds.
        """
        score = mean_log_probability - self.unknown_penalty * unknown_share
        place = torch.searchsorted(self.usual, torch.tensor(score, dtype=torch.float64), right=True)
        return int(place) / len(self.usual)

    def of_reply(self, network: Ensemble, context: Ids, reply: Ids, unknown_share: float) -> float:
        """The confidence of a reply as units, to a context; see `of`."""
        sums, counts = log_likelihoods(network, [(context, reply)])
        return self.of(float(sums[0] / counts[0]), unknown_share)
