"""What fitting a SequenceTagger leaves: everything that tags, and that a bundle must hold."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ostinato.bundle import Bundle
from ostinato.data.tagged import TaggedSequences
from ostinato.tasks.tagging.baselines import Baselines
from ostinato.tasks.tagging.encoding import Encoded, NumberEncoding, TagBatch, WordEncoding, tag_numbers
from ostinato.tasks.tagging.entities import allowed
from ostinato.tasks.tagging.network import Sizes, TaggingNetwork
from ostinato.tasks.tagging.settings import TaggerSettings

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
class Fitted:
    """A trained network with all that belongs to it.

    Attributes:
        settings: The tagger's, with what fitting found in place of None.
        tags: By their number.
        constrained: Whether tags that the scheme does not allow after each other are never given.
        encoding: How sequences become numbers.
        network: On the CPU, in evaluation mode.
        baselines: Fitted on the training part.
    """

    settings: TaggerSettings
    tags: tuple[str, ...]
    constrained: bool
    encoding: WordEncoding | NumberEncoding
    network: TaggingNetwork
    baselines: Baselines

    def encoded(self, sequences: TaggedSequences) -> Encoded:
        """Sequences in numbers, without their tags."""
        return self.encoding.encode(sequences)

    def give(self, encoded: Encoded) -> Given:
        """Tags some sequences."""
        with self.settings.on_threads():
            tags, confidence = decoded(self.network, encoded)
        return Given([[self.tags[tag] for tag in own] for own in tags], confidence)

    def tensors(self) -> dict[str, Tensor]:
        """Every number that was learned, by name."""
        weights = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        return weights | self.encoding.tensors() | self.baselines.tensors()

    def extras(self) -> dict[str, Any]:
        """Everything else, fit for JSON."""
        return {
            "tags": list(self.tags),
            "constrained": self.constrained,
            "sizes": self.network.sizes._asdict(),
            "encoding": self.encoding.extras(),
            "baselines": self.baselines.extras(),
        }

    @classmethod
    def from_bundle(cls, bundle: Bundle, settings: TaggerSettings) -> Self:
        """What `tensors` and `extras` say."""
        extras, tensors = bundle.model, bundle.tensors
        network = make_network(settings, Sizes(**extras["sizes"]), extras["tags"], extras["constrained"])
        bundle.load_into(network, prefix="network.")
        words = settings.inputs == "words"
        return cls(
            settings,
            tuple(extras["tags"]),
            extras["constrained"],
            WordEncoding.from_saved(extras["encoding"]) if words else NumberEncoding.from_saved(tensors),
            network.eval(),
            Baselines.from_saved(extras["tags"], tensors, extras["baselines"]),
        )


def make_network(
    settings: TaggerSettings, sizes: Sizes, tags: list[str] | tuple[str, ...], constrained: bool
) -> TaggingNetwork:
    """A network, untrained."""
    scheme = settings.scheme
    steps = allowed(tags, scheme) if constrained and scheme is not None and scheme != "none" else None
    return TaggingNetwork(settings, sizes, steps)


def with_tags(encoded: Encoded, sequences: TaggedSequences, tags: tuple[str, ...]) -> Encoded:
    """Encoded sequences with the numbers of their tags."""
    return replace(encoded, tags=tag_numbers(sequences, tags))


def decoded(network: TaggingNetwork, encoded: Encoded) -> tuple[list[list[int]], list[npt.NDArray[np.float64]]]:
    """The tags of each sequence by their numbers, and the probability of each."""
    tags: list[list[int]] = [[] for _ in range(len(encoded))]
    confidence = [np.zeros(0) for _ in range(len(encoded))]
    device = next(network.parameters()).device
    for rows, batch in _batches(encoded):
        best, probability = (tensor.cpu() for tensor in network.decode(batch.to(device)))
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
