"""Training a SequenceTagger's network."""

from pathlib import Path
from typing import cast

from torch import nn

from ostinato.data import BucketBatches
from ostinato.tasks.fitting import fit_network
from ostinato.tasks.tagging.encoding import Encoded, TagBatch
from ostinato.tasks.tagging.entities import Tags
from ostinato.tasks.tagging.fitted import decoded
from ostinato.tasks.tagging.network import TaggingNetwork
from ostinato.tasks.tagging.scores import error
from ostinato.tasks.tagging.settings import TaggerSettings
from ostinato.training import DistributedContext, LossSum, TrainingLogger


def train(
    network: TaggingNetwork,
    settings: TaggerSettings,
    training: Encoded,
    validating: Encoded,
    truth: list[Tags],
    tags: tuple[str, ...],
    folder: str | Path | None,
    resume: bool,
    logger: TrainingLogger | None,
) -> None:
    """Trains a network; it ends with the weights that tag the validation part best.

    Args:
        network: To train, in place.
        settings: How.
        training: With tags.
        validating: Its tags stand in `truth`.
        truth: The tags of the validation part, also those that training has not seen.
        tags: All tags of training, by number.
        folder: Where ``checkpoints/`` are written; None for nowhere.
        resume: Go on from the newest of them.
        logger: Shows progress; None for silence.
    """
    process = DistributedContext.from_environment()
    network.to(process.device)
    order = BucketBatches(
        training.lengths,
        settings.batch_size,
        training.gather,
        seed=settings.seed,
        rank=process.rank,
        world_size=process.world_size,
    )

    def loss(model: nn.Module, batch: TagBatch, state: None) -> LossSum:
        return tagging_loss(model, batch.to(process.device))

    def score(model: nn.Module) -> float:
        numbers, _ = decoded(cast(TaggingNetwork, model), validating)
        given = [[tags[number] for number in own] for own in numbers]
        return error(truth, given, by_entities=settings.scheme not in (None, "none"))

    fit_network(network, loss, order, score, settings, folder, resume, logger)


def tagging_loss(model: nn.Module, batch: TagBatch) -> LossSum:
    """The negative log-likelihood of the tags of a batch, over all its steps."""
    return LossSum(-model(batch).sum(), batch.lengths.sum())
