"""The SequenceClassifier's network: sequences to one score for each label."""

import torch
from torch import Tensor, nn

from ostinato.nn import LockedDropout, Recurrent, TokenEmbedding
from ostinato.tasks.classification.inputs import PADDING, UNKNOWN_ID, Batch
from ostinato.tasks.classification.settings import ClassifierSettings
from ostinato.topologies import ManyToOne

FIRST_SPREAD = 0.1
"""Standard deviation of the vectors at first: small, so that what is learned of a rare word soon outweighs it."""


class Reader(nn.Module):
    """One network: embed, read, pool, score.

    Args:
        settings: The classifier's.
        size: Units of the vocabulary, or features.
        classes: Labels.
        text: Whether it reads texts.
    """

    def __init__(self, settings: ClassifierSettings, size: int, classes: int, *, text: bool) -> None:
        super().__init__()
        self.word_dropout = settings.word_dropout
        self.embedding: TokenEmbedding | None = None
        width = size
        if text:
            width = settings.embedding_size
            self.embedding = TokenEmbedding(size, width, PADDING, dropout=settings.embedding_dropout)
            with torch.no_grad():
                self.embedding.weight.mul_(FIRST_SPREAD)
            self.embedding.weight.requires_grad_(not settings.freeze_vectors)
        self.drop = LockedDropout(settings.dropout if text else 0.0)
        recurrent = Recurrent(
            settings.make_cell,
            width,
            settings.hidden_size,
            num_layers=settings.num_layers,
            bidirectional=settings.bidirectional,
            dropout=settings.dropout,
            backend=settings.backend,
        )
        self.summary = ManyToOne(recurrent, classes, pooling=settings.pooling, dropout=settings.dropout)

    def forward(self, batch: Batch) -> Tensor:
        """Scores ``(batch, classes)``."""
        if self.embedding is None:
            x = batch.x.to(self.summary.output.weight.dtype)
        else:
            x = self.drop(self.embedding(self._some_unknown(batch.x)))
        return self.summary(x, batch.lengths)  # type: ignore[no-any-return]

    def _some_unknown(self, ids: Tensor) -> Tensor:
        """Units replaced by the unknown one (Iyyer et al. 2015, "word dropout"), in training."""
        if not (self.training and self.word_dropout):
            return ids
        lost = torch.rand(ids.shape, device=ids.device) < self.word_dropout
        return ids.masked_fill(lost & (ids != PADDING), UNKNOWN_ID)


class ClassifierNetwork(nn.Module):
    """Networks side by side that differ in their first weights and their dropout; alone unless `ensemble` says more.

    Args:
        settings: The classifier's.
        size: Units of the vocabulary, or features.
        classes: Labels.
        text: Whether they read texts.
    """

    def __init__(self, settings: ClassifierSettings, size: int, classes: int, *, text: bool) -> None:
        super().__init__()
        self.readers = nn.ModuleList(Reader(settings, size, classes, text=text) for _ in range(settings.ensemble))

    def forward(self, batch: Batch) -> Tensor:
        """The scores of each network, ``(networks, batch, classes)``; their mean is the ensemble's."""
        return torch.stack([reader(batch) for reader in self.readers])

    @torch.no_grad()
    def set_vectors(self, weight: Tensor) -> None:
        """Begins with these vectors ``(units, features)`` in every network."""
        for reader in self.readers:
            assert isinstance(reader, Reader)
            assert reader.embedding is not None
            reader.embedding.weight.copy_(weight)
