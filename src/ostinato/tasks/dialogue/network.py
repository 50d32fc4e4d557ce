"""The Chatbot's network."""

import torch
from torch import Tensor

from ostinato.tasks.dialogue.encoding import TAGS
from ostinato.tasks.dialogue.settings import ChatbotSettings
from ostinato.tasks.seq2seq.network import Seq2SeqNetwork
from ostinato.tasks.seq2seq.texts import END, SPECIALS, UNK
from ostinato.topologies import EncoderOutput


class DialogueNetwork(Seq2SeqNetwork):
    """An encoder that reads the last turns, a decoder that writes the reply (Vinyals & Le 2015), with attention.

    Args:
        settings: Of the Chatbot.
        units: Of the vocabulary.
    """

    forbidden: Tensor

    def __init__(self, settings: ChatbotSettings, units: int) -> None:
        super().__init__(settings, units, units, specials=len(SPECIALS) + len(TAGS))
        self.forbidden[UNK] = True  # to say it is to say nothing
        self.context_dropout = settings.context_dropout

    def encode(self, ids: Tensor, lengths: Tensor) -> EncoderOutput:
        """Reads contexts; in training it leaves some of them out, so that nothing but their end is read."""
        if self.training and self.context_dropout:
            lost = torch.rand(lengths.shape, device=lengths.device) < self.context_dropout
            first = torch.arange(ids.shape[1], device=ids.device) == 0
            ids = ids.masked_fill(lost[:, None] & first, END)
            lengths = lengths.masked_fill(lost, 1)
        return super().encode(ids, lengths)
