"""What a SequenceTagger's network is trained by, and judged by."""

from collections.abc import Callable
from typing import cast

from torch import nn

from ostinato.data import BucketBatches
from ostinato.tasks.tagging.encoding import Encoded, TagBatch
from ostinato.tasks.tagging.entities import Tags
from ostinato.tasks.tagging.model import decoded
from ostinato.tasks.tagging.network import TaggingNetwork
from ostinato.tasks.tagging.scores import error
from ostinato.tasks.tagging.settings import TaggerSettings
from ostinato.training import DistributedContext, LossSum


def training_batches(training: Encoded, settings: TaggerSettings) -> BucketBatches[TagBatch]:
    """Batches of sequences of like length, shuffled anew each epoch and shared out among processes."""
    context = DistributedContext.from_environment()
    return BucketBatches(
        training.lengths,
        settings.batch_size,
        training.gather,
        seed=settings.seed,
        rank=context.rank,
        world_size=context.world_size,
    )


def tagging_error(
    validating: Encoded, truth: list[Tags], tags: tuple[str, ...], settings: TaggerSettings
) -> Callable[[nn.Module], float]:
    """What scores a network by the errors it makes on other sequences.

    Args:
        validating: The sequences.
        truth: Their tags, also those that training has not seen.
        tags: All tags of training, by number.
        settings: Whether entities count, or tags.
    """

    def score(model: nn.Module) -> float:
        numbers, _ = decoded(cast(TaggingNetwork, model), validating)
        given = [[tags[number] for number in own] for own in numbers]
        return error(truth, given, by_entities=settings.scheme not in (None, "none"))

    return score


def tagging_loss(model: nn.Module, batch: TagBatch) -> LossSum:
    """The negative log-likelihood of the tags of a batch, over all its steps."""
    return LossSum(-model(batch).sum(), batch.lengths.sum())
