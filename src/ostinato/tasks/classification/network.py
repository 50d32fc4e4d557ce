"""The SequenceClassifier's network: sequences to one score for each label."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ostinato.modalities import Modality
from ostinato.nn import Recurrent
from ostinato.tasks.body import recurrent_body
from ostinato.tasks.classification.batches import Batch
from ostinato.tasks.classification.settings import ClassifierSettings
from ostinato.topologies import ManyToMany, ManyToOne


class HighestSteps(nn.Module):
    """Every step is scored, and of each label its highest step counts: a network that runs on over a stream.

    After Sun et al. 2016, "Max-pooling loss training of long short-term memory networks for small-footprint keyword
    spotting": where in a recording a word is told, the network finds out by itself, and all others are held down at
    every step.

    Args:
        recurrent: Layers in one direction.
        classes: Labels.
        dropout: Probability of a zero before the output, in training.
    """

    def __init__(self, recurrent: Recurrent, classes: int, *, dropout: float) -> None:
        super().__init__()
        self.steps = ManyToMany(recurrent, classes, dropout=dropout)
        self.output = self.steps.output

    def forward(self, x: Tensor, lengths: Tensor, begins: Tensor) -> Tensor:
        """Scores ``(batch, classes)``.

        Args:
            x: Steps ``(batch, time, features)``.
            lengths: Valid steps of each row.
            begins: The first step of each row that counts; those before only lead to its state.
        """
        scores, _ = self.steps(x, lengths=lengths)
        step = torch.arange(x.shape[1], device=x.device)
        counts = (step >= begins[:, None]) & (step < lengths[:, None])
        highest: Tensor = scores.masked_fill(~counts[..., None], -torch.inf).amax(1)
        return highest


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
        self.summary: ManyToOne | HighestSteps = (
            HighestSteps(recurrent, classes, dropout=settings.dropout)
            if settings.streaming
            else ManyToOne(recurrent, classes, pooling=settings.pooling, dropout=settings.dropout)
        )

    def forward(self, batch: Batch) -> Tensor:
        """Scores ``(batch, classes)``."""
        x, lengths = self.front_end(batch.x, batch.lengths)
        x = x.to(self.summary.output.weight.dtype)
        if isinstance(self.summary, HighestSteps):
            return self.summary(x, lengths, self.front_end.steps_of(batch.begins))  # type: ignore[no-any-return]
        return self.summary(x, lengths)  # type: ignore[no-any-return]


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
