"""What the network of a task that reads one text and writes another is trained on, by what, and how it is judged."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import nn

from ostinato.tasks.model import Model
from ostinato.tasks.prepared import Prepared
from ostinato.tasks.seq2seq.batches import Pair, PairBatch, pair_batch, pair_batches
from ostinato.tasks.seq2seq.settings import Seq2SeqSettings
from ostinato.training import LossSum, moved

M = TypeVar("M", bound=Model[Any])

SCORED = 128
"""Validation pairs of a batch."""


def prepared(
    settings: Seq2SeqSettings,
    network: nn.Module,
    training: Sequence[Pair],
    validation: Sequence[Pair],
    make_model: Callable[[], M],
    notes: Sequence[str],
) -> Prepared[PairBatch, M]:
    """A network and what it is trained on: pairs of like length, and the cross-entropy of their targets.

    Args:
        settings: How to train it.
        network: An `Ensemble`, untrained.
        training: Units of sources and targets, without start and end.
        validation: Likewise.
        make_model: Makes the model, once the network is trained.
        notes: What a user should know of the data.
    """

    def loss(model: nn.Module, batch: PairBatch, state: None) -> LossSum:
        return pair_loss(model, batch, settings.label_smoothing)

    return Prepared(
        settings=settings,
        network=network,
        batches=pair_batches(training, settings),
        loss=loss,
        score=mean_loss(validation, settings.on_device),
        model=make_model,
        notes=tuple(notes),
    )


def mean_loss(pairs: Sequence[Pair], device: torch.device) -> Callable[[nn.Module], float]:
    """What scores a network by the cross-entropy of a unit of some targets.

    Args:
        pairs: Units of sources and targets, without start and end.
        device: The network's.
    """
    longest_last = sorted(pairs, key=lambda pair: (len(pair[1]), len(pair[0])))
    batches = [pair_batch(longest_last[first : first + SCORED]) for first in range(0, len(longest_last), SCORED)]

    def score(network: nn.Module) -> float:
        losses = [pair_loss(network, moved(batch, device)) for batch in batches]
        return sum(float(each.total) for each in losses) / sum(float(each.weight) for each in losses)

    return score


def pair_loss(network: nn.Module, batch: PairBatch, smoothing: float = 0.0) -> LossSum:
    """The cross-entropy of the targets of a batch, over all their units; see `Ensemble` for several networks."""
    return LossSum(network(batch, smoothing), batch.target_lengths.sum())
