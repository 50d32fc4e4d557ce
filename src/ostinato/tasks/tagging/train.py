"""What a SequenceTagger's network is trained by, and judged by."""

from collections.abc import Callable, Sequence
from typing import cast

from torch import nn

from ostinato.modalities.modality import Steps
from ostinato.tasks.tagging.batches import TagBatch
from ostinato.tasks.tagging.entities import Tags
from ostinato.tasks.tagging.model import decoded
from ostinato.tasks.tagging.network import TaggingNetwork
from ostinato.tasks.tagging.scores import error
from ostinato.tasks.tagging.settings import TaggerSettings
from ostinato.training import LossSum


def tagging_error(
    validating: Sequence[Steps], truth: list[Tags], tags: tuple[str, ...], settings: TaggerSettings
) -> Callable[[nn.Module], float]:
    """What scores a network by the errors it makes on other sequences.

    Args:
        validating: The sequences' steps.
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
