"""The SequenceClassifier's network: sequences to one score for each label."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ostinato.modalities import Modality
from ostinato.nn import Recurrent
from ostinato.tasks.body import recurrent_body
from ostinato.tasks.classification.batches import Batch
from ostinato.tasks.classification.settings import SILENCE, UNKNOWN, ClassifierSettings
from ostinato.topologies import ManyToMany, ManyToOne


class HighestSteps(nn.Module):
    """Every step is scored, and of each label its highest step counts: a network that runs on over a stream.

    After Sun et al. 2016, "Max-pooling loss training of long short-term memory networks for small-footprint keyword
    spotting": where in a recording a word is told, the network finds out by itself. In a stream each step's softmax
    counts by itself, for which training has two more figures of each label, see `forward`.

    Args:
        recurrent: Layers in one direction.
        labels: With `UNKNOWN` and `SILENCE`.
        dropout: Probability of a zero before the output, in training.
    """

    def __init__(self, recurrent: Recurrent, labels: Sequence[str], *, dropout: float) -> None:
        super().__init__()
        self.steps = ManyToMany(recurrent, len(labels), dropout=dropout)
        self.output = self.steps.output
        self.empty = [labels.index(label) for label in (UNKNOWN, SILENCE)]

    def forward(self, x: Tensor, lengths: Tensor, begins: Tensor) -> Tensor:
        """Scores ``(batch, labels)``.

        In training ``(batch, 3, labels)``: the scores; the log-probability of the label at the step that says it best;
        and the mean one, over all steps, that a step says no keyword, or none but this label.

        Args:
            x: Steps ``(batch, time, features)``.
            lengths: Valid steps of each row.
            begins: The first step of each row that counts; those before only lead to its state.
        """
        scores, _ = self.steps(x, lengths=lengths)
        step = torch.arange(x.shape[1], device=x.device)
        counts = (step >= begins[:, None]) & (step < lengths[:, None])
        highest: Tensor = _highest(scores, counts)
        if not self.training:
            return highest
        said = scores.log_softmax(-1)
        none = said[..., self.empty].logsumexp(-1, keepdim=True)
        allowed = torch.logaddexp(none, said).index_copy(
            -1, torch.tensor(self.empty, device=x.device), none.expand(*none.shape[:-1], len(self.empty))
        )
        mean = allowed.masked_fill(~counts[..., None], 0).sum(1) / counts.sum(1, keepdim=True)
        return torch.stack([highest, _highest(said, counts), mean], dim=1)


def _highest(values: Tensor, counts: Tensor) -> Tensor:
    """The highest of the steps that count, ``(batch, labels)`` of ``(batch, time, labels)``."""
    return values.masked_fill(~counts[..., None], -torch.inf).amax(1)


class Reader(nn.Module):
    """One network: make features, read, pool, score.

    Args:
        settings: The classifier's.
        modality: What it reads.
        labels: What it tells apart.
    """

    def __init__(self, settings: ClassifierSettings, modality: Modality, labels: Sequence[str]) -> None:
        super().__init__()
        self.front_end = modality.front_end(settings)
        recurrent = recurrent_body(
            settings, self.front_end.width, dropout=settings.dropout, bidirectional=settings.bidirectional
        )
        self.summary: ManyToOne | HighestSteps = (
            HighestSteps(recurrent, labels, dropout=settings.dropout)
            if settings.streaming
            else ManyToOne(recurrent, len(labels), pooling=settings.pooling, dropout=settings.dropout)
        )

    def forward(self, batch: Batch) -> Tensor:
        """Scores ``(batch, labels)``; in training with more, where every step is scored."""
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
        labels: What it tells apart.
    """

    def __init__(self, settings: ClassifierSettings, modality: Modality, labels: Sequence[str]) -> None:
        super().__init__()
        self.readers = nn.ModuleList(Reader(settings, modality, labels) for _ in range(settings.ensemble))

    def forward(self, batch: Batch) -> Tensor:
        """The scores of each network, ``(networks, batch, classes)``; their mean is the ensemble's."""
        return torch.stack([reader(batch) for reader in self.readers])

    def begin_with(self, weights: Mapping[str, Tensor]) -> None:
        """Begins with these weights in the front end of every network; others stay as they are."""
        for reader in self.readers:
            assert isinstance(reader, Reader)
            reader.front_end.load_state_dict(dict(weights), strict=False)
