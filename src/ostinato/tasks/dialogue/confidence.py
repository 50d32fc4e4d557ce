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
        known: The words of the training dialogues.
        unknown_penalty: As in the settings.
    """

    usual: Tensor
    known: KnownWords
    unknown_penalty: float

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
        return cls((sums / counts - unknown_penalty * strange).sort().values, known, unknown_penalty)

    def of(self, mean_log_probability: float, said: str) -> float:
        """The confidence of a reply with this mean log-probability of a unit, to what was said last; 0 to 1."""
        score = mean_log_probability - self.unknown_penalty * self.known.unknown_share(said)
        place = torch.searchsorted(self.usual, torch.tensor(score, dtype=torch.float64), right=True)
        return int(place) / len(self.usual)

    def of_reply(self, network: Ensemble, context: Ids, reply: Ids, said: str) -> float:
        """The confidence of a reply as units, to a context of which `said` is the last turn."""
        sums, counts = log_likelihoods(network, [(context, reply)])
        return self.of(float(sums[0] / counts[0]), said)
