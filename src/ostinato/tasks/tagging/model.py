"""What fitting a SequenceTagger leaves: everything that tags, and that a bundle must hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from ostinato.data.tagged import TaggedSequences
from ostinato.modalities import Modality, padded
from ostinato.modalities.modality import Steps
from ostinato.tasks.model import Model
from ostinato.tasks.tagging.baselines import Baselines
from ostinato.tasks.tagging.batches import ABSENT, TagBatch, gathered, numbered
from ostinato.tasks.tagging.entities import allowed
from ostinato.tasks.tagging.network import TaggingNetwork
from ostinato.tasks.tagging.settings import TaggerSettings
from ostinato.training import moved

STEPS = 4096
"""Steps, padding included, that are tagged at a time."""


class Given(NamedTuple):
    """What a network gives for some sequences.

    Attributes:
        tags: Of each sequence.
        confidence: The probability of each tag, float64 ``(time,)`` of each sequence.
    """

    tags: list[list[str]]
    confidence: list[npt.NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class TaggerModel(Model[TaggerSettings]):
    """A trained network with all that belongs to it.

    Attributes:
        settings: The tagger's, with what fitting found in place of None.
        tags: By their number.
        constrained: Whether tags that the scheme does not allow after each other are never given.
        modality: How sequences become steps.
        network: In evaluation mode.
        baselines: Fitted on the training part.
    """

    settings: TaggerSettings
    network: TaggingNetwork
    tags: tuple[str, ...]
    constrained: bool
    modality: Modality
    baselines: Baselines

    def __post_init__(self) -> None:
        """Makes sure that all parts are of the same tags and the same inputs."""
        if self.baselines.tags != self.tags:
            raise ValueError("the baselines are of other tags")
        if self.modality.name != self.settings.inputs:
            raise ValueError(f"the inputs are {self.settings.inputs}, and what was learned is of others")

    @classmethod
    def build(cls, settings: TaggerSettings, parts: Mapping[str, Any]) -> TaggingNetwork:
        scheme, tags = settings.scheme, parts["tags"]
        follow = None
        if parts["constrained"] and scheme is not None and scheme != "none":
            follow = allowed(tags, scheme)
        return TaggingNetwork(settings, parts["modality"], len(tags), follow)

    def steps(self, sequences: TaggedSequences) -> list[Steps]:
        """The steps of each sequence.

        Raises:
            OstinatoError: They are of another kind than in training, or have other features.
        """
        self.modality.check(sequences)
        return [self.modality.steps(item) for item in sequences.items]

    def give(self, steps: Sequence[Steps]) -> Given:
        """Tags some sequences."""
        with self.settings.on_threads():
            tags, confidence = decoded(self.network, steps)
        return Given([[self.tags[tag] for tag in own] for own in tags], confidence)

    @torch.no_grad()
    def losses(self, sequences: TaggedSequences) -> npt.NDArray[np.float64]:
        """The negative log-likelihood of each sequence's tags; infinite with a tag that training has not seen."""
        steps, tags = self.steps(sequences), numbered(sequences, self.tags)
        losses = np.zeros(len(steps))
        device = next(self.network.parameters()).device
        for rows, batch in _batches(steps):
            own = padded([np.maximum(tags[row], 0) for row in rows])[0]
            losses[rows] = -self.network(moved(batch._replace(tags=own), device)).double().cpu().numpy()
        losses[[ABSENT in own for own in tags]] = np.inf
        return losses


def decoded(network: TaggingNetwork, steps: Sequence[Steps]) -> tuple[list[list[int]], list[npt.NDArray[np.float64]]]:
    """The tags of each sequence by their numbers, and the probability of each."""
    tags: list[list[int]] = [[] for _ in steps]
    confidence = [np.zeros(0) for _ in steps]
    device = next(network.parameters()).device
    for rows, batch in _batches(steps):
        best, probability = (tensor.cpu() for tensor in network.decode(moved(batch, device)))
        for row, own, sure, length in zip(rows, best, probability.double(), batch.lengths.tolist(), strict=True):
            tags[row], confidence[row] = own[:length].tolist(), sure[:length].numpy()
    return tags, confidence


def _batches(steps: Sequence[Steps]) -> Iterator[tuple[list[int], TagBatch]]:
    """All sequences that have a step, those of like length together."""
    rows: list[int] = []
    for row in np.argsort([len(own) for own in steps], kind="stable").tolist():
        length = len(steps[row])
        if rows and (len(rows) + 1) * length > STEPS:
            yield rows, gathered([steps[row] for row in rows])
            rows = []
        if length:
            rows.append(row)
    if rows:
        yield rows, gathered([steps[row] for row in rows])
