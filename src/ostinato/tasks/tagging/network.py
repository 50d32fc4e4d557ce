"""The network behind a SequenceTagger."""

import torch
from torch import Tensor, nn

from ostinato.modalities import Modality
from ostinato.nn import CRF, LockedDropout, Transitions, sequence_mask
from ostinato.tasks.body import recurrent_body
from ostinato.tasks.tagging.batches import TagBatch
from ostinato.tasks.tagging.settings import TaggerSettings
from ostinato.topologies import ManyToMany


class TaggingNetwork(nn.Module):
    """Each step's tag from the whole sequence (Huang et al. 2015, "Bidirectional LSTM-CRF Models").

    Args:
        settings: The tagger's.
        modality: What it reads.
        tags: How many there are.
        allowed: For ``decoder="crf"``, which tags may follow which.
    """

    def __init__(
        self, settings: TaggerSettings, modality: Modality, tags: int, allowed: Transitions | None = None
    ) -> None:
        super().__init__()
        self.front_end = modality.front_end(settings)
        self.dropout = LockedDropout(settings.dropout) if settings.locked_dropout else nn.Dropout(settings.dropout)
        recurrent = recurrent_body(
            settings,
            self.front_end.width,
            dropout=settings.dropout,
            locked_dropout=settings.locked_dropout,
            bidirectional=settings.bidirectional,
        )
        self.wiring = ManyToMany(recurrent, tags, dropout=settings.dropout, locked_dropout=settings.locked_dropout)
        self.crf = CRF(tags, allowed=allowed) if settings.decoder == "crf" else None

    def forward(self, batch: TagBatch) -> Tensor:
        """The log-probability of each sequence's tags ``(batch,)``."""
        scores, lengths = self.scores(batch)
        if self.crf is not None:
            return self.crf.log_likelihood(scores, batch.tags, lengths)
        each = scores.log_softmax(-1).gather(2, batch.tags[..., None])[..., 0]
        return torch.where(sequence_mask(lengths, each.shape[1]), each, 0).sum(1)

    def scores(self, batch: TagBatch) -> tuple[Tensor, Tensor]:
        """The score of each tag at each step ``(batch, time, tags)``, and the steps of each row."""
        x, lengths = self.front_end(batch.x, batch.lengths)
        return self.wiring(self.dropout(x), lengths=lengths)[0], lengths

    @torch.no_grad()
    def decode(self, batch: TagBatch) -> tuple[Tensor, Tensor]:
        """The best tags, int64 ``(batch, time)``, and the probability of each of them ``(batch, time)``.

        With a conditional random field they are the tags of the best path, and the share of all paths that have the tag
        there.
        """
        scores, lengths = self.scores(batch)
        if self.crf is None:
            confidence, tags = scores.softmax(-1).max(-1)
            return tags, confidence
        tags, _ = self.crf.decode(scores, lengths)
        return tags, self.crf.marginals(scores, lengths).gather(2, tags[..., None])[..., 0]
