"""The SequenceClassifier's network: sequences to one score for each label."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ostinato.modalities import Modality
from ostinato.tasks.body import recurrent_body
from ostinato.tasks.classification.batches import Batch
from ostinato.tasks.classification.settings import ClassifierSettings
from ostinato.topologies import ManyToOne


class Reader(nn.Module):
    """One network: make features, read, pool, score.

    Args:
        settings: The classifier's.
        modality: What it reads.
        classes: Labels.
    """

    def __init__(self, settings: ClassifierSettings, modality: Modality, classes: int) -> None:
        super().__init__()
        self.front_end = modality.front_end(settings)
        recurrent = recurrent_body(
            settings, self.front_end.width, dropout=settings.dropout, bidirectional=settings.bidirectional
        )
        self.summary = ManyToOne(recurrent, classes, pooling=settings.pooling, dropout=settings.dropout)

    def forward(self, batch: Batch) -> Tensor:
        """Scores ``(batch, classes)``."""
        x, lengths = self.front_end(batch.x, batch.lengths)
        return self.summary(x.to(self.summary.output.weight.dtype), lengths)  # type: ignore[no-any-return]


class ClassifierNetwork(nn.Module):
    """Networks side by side that differ in their first weights and their dropout; alone unless `ensemble` says more.

    Args:
        settings: The classifier's.
        modality: What they read.
        classes: Labels.
    """

    def __init__(self, settings: ClassifierSettings, modality: Modality, classes: int) -> None:
        super().__init__()
        self.readers = nn.ModuleList(Reader(settings, modality, classes) for _ in range(settings.ensemble))

    def forward(self, batch: Batch) -> Tensor:
        """The scores of each network, ``(networks, batch, classes)``; their mean is the ensemble's."""
        return torch.stack([reader(batch) for reader in self.readers])

    def begin_with(self, weights: Mapping[str, Tensor]) -> None:
        """Begins with these weights in the front end of every network; others stay as they are."""
        for reader in self.readers:
            assert isinstance(reader, Reader)
            reader.front_end.load_state_dict(dict(weights), strict=False)
