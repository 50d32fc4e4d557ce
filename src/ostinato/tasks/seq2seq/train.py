"""Training the network of a task that reads one text and writes another."""

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import nn

from ostinato.tasks.fitting import fit_network
from ostinato.tasks.seq2seq.batches import Pair, PairBatch, pair_batch, pair_batches
from ostinato.tasks.seq2seq.ensemble import Ensemble
from ostinato.tasks.seq2seq.settings import Seq2SeqSettings
from ostinato.training import DistributedContext, LossSum, TrainingLogger, seed_everything

SCORED = 128
"""Validation pairs of a batch."""


def train(
    make: Callable[[], Ensemble],
    settings: Seq2SeqSettings,
    training: Sequence[Pair],
    validating: Sequence[Pair],
    folder: str | Path | None,
    resume: bool,
    logger: TrainingLogger | None,
) -> Ensemble:
    """A network trained on some pairs, with the weights that predict others best: least cross-entropy per unit.

    Args:
        make: Makes the network; called after seeding.
        settings: How to train it.
        training: Units of sources and targets, without start and end.
        validating: Likewise; they choose when to stop.
        folder: Where checkpoints are written while training goes on; None for nowhere.
        resume: Go on from the newest checkpoint there.
        logger: Shows progress; None for silence.

    Returns:
        The network, on the CPU and in evaluation mode.
    """
    device = DistributedContext.from_environment().device
    seed_everything(settings.seed)
    network = make().to(device)
    longest_last = sorted(validating, key=lambda pair: (len(pair[1]), len(pair[0])))
    scored = [pair_batch(longest_last[first : first + SCORED]) for first in range(0, len(longest_last), SCORED)]

    def loss(model: nn.Module, batch: PairBatch, state: None) -> LossSum:
        return pair_loss(model, batch.to(device), settings.label_smoothing)

    def score(model: nn.Module) -> float:
        losses = [pair_loss(model, batch.to(device)) for batch in scored]
        return sum(float(each.total) for each in losses) / sum(float(each.weight) for each in losses)

    order = pair_batches(training, settings.batch_size, settings.seed)
    fit_network(network, loss, order, score, settings, folder, resume, logger)
    return network


def pair_loss(model: nn.Module, batch: PairBatch, smoothing: float = 0.0) -> LossSum:
    """The cross-entropy of the targets of a batch, over all their units; see `Ensemble` for several networks."""
    return LossSum(model(batch, smoothing), batch.target_lengths.sum())
