"""What fitting a SequenceTagger leaves: everything that tags, and that a bundle must hold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.data.tagged import TaggedSequences
from ostinato.modalities import Numbers
from ostinato.tasks.model import Model
from ostinato.tasks.tagging.baselines import Baselines
from ostinato.tasks.tagging.encoding import Encoded, TagBatch, WordEncoding, encoded_by, tag_numbers
from ostinato.tasks.tagging.entities import allowed
from ostinato.tasks.tagging.network import Sizes, TaggingNetwork
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
        encoding: How sequences become numbers.
        network: In evaluation mode.
        baselines: Fitted on the training part.
    """

    settings: TaggerSettings
    network: TaggingNetwork
    tags: tuple[str, ...]
    constrained: bool
    encoding: WordEncoding | Numbers
    baselines: Baselines

    def __post_init__(self) -> None:
        """Makes sure that all parts are of the same tags and the same inputs."""
        if self.baselines.tags != self.tags:
            raise ValueError("the baselines are of other tags")
        if isinstance(self.encoding, Numbers) != (self.settings.inputs == "numbers"):
            raise ValueError(f"the inputs are {self.settings.inputs}, and what was learned is of others")

    @classmethod
    def build(cls, settings: TaggerSettings, parts: Mapping[str, Any]) -> TaggingNetwork:
        scheme, tags, encoding = settings.scheme, parts["tags"], parts["encoding"]
        if isinstance(encoding, Numbers):
            sizes = Sizes(0, 0, len(encoding.features), len(tags))
        else:
            sizes = Sizes(len(encoding.words), len(encoding.characters or ()), 0, len(tags))
        follow = None
        if parts["constrained"] and scheme is not None and scheme != "none":
            follow = allowed(tags, scheme)
        return TaggingNetwork(settings, sizes, follow)

    def encoded(self, sequences: TaggedSequences) -> Encoded:
        """Sequences in numbers, without their tags."""
        return encoded_by(self.encoding, sequences)

    def give(self, encoded: Encoded) -> Given:
        """Tags some sequences."""
        with self.settings.on_threads():
            tags, confidence = decoded(self.network, encoded)
        return Given([[self.tags[tag] for tag in own] for own in tags], confidence)


def with_tags(encoded: Encoded, sequences: TaggedSequences, tags: tuple[str, ...]) -> Encoded:
    """Encoded sequences with the numbers of their tags."""
    return replace(encoded, tags=tag_numbers(sequences, tags))


def decoded(network: TaggingNetwork, encoded: Encoded) -> tuple[list[list[int]], list[npt.NDArray[np.float64]]]:
    """The tags of each sequence by their numbers, and the probability of each."""
    tags: list[list[int]] = [[] for _ in range(len(encoded))]
    confidence = [np.zeros(0) for _ in range(len(encoded))]
    device = next(network.parameters()).device
    for rows, batch in _batches(encoded):
        best, probability = (tensor.cpu() for tensor in network.decode(moved(batch, device)))
        for row, own, sure, length in zip(rows, best, probability.double(), batch.lengths.tolist(), strict=True):
            tags[row], confidence[row] = own[:length].tolist(), sure[:length].numpy()
    return tags, confidence


def _batches(encoded: Encoded) -> Iterator[tuple[list[int], TagBatch]]:
    """All sequences that have a step, those of like length together."""
    rows: list[int] = []
    for row in np.argsort(encoded.lengths, kind="stable").tolist():
        length = int(encoded.lengths[row])
        if rows and (len(rows) + 1) * length > STEPS:
            yield rows, encoded.gather(np.array(rows))
            rows = []
        if length:
            rows.append(row)
    if rows:
        yield rows, encoded.gather(np.array(rows))
