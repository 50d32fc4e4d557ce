"""What fitting a Translator leaves: everything that translates, and that a bundle must hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from ostinato.bundle import Bundle
from ostinato.tasks.seq2seq.decode import align, search
from ostinato.tasks.seq2seq.ensemble import Ensemble
from ostinato.tasks.seq2seq.network import Seq2SeqNetwork
from ostinato.tasks.seq2seq.texts import UNK
from ostinato.tasks.translation.nearest import NearestSource
from ostinato.tasks.translation.settings import TranslatorSettings
from ostinato.tasks.translation.vocabularies import Vocabularies
from ostinato.topologies import Hypothesis

REMEMBERED = ("sources", "targets", "languages")
"""What the baseline remembers."""


class Translation(NamedTuple):
    """One translation of a text.

    Attributes:
        text: It.
        score: Its log-probability over the length penalty; higher is better.
    """

    text: str
    score: float


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained network with all that belongs to it.

    Attributes:
        settings: The Translator's.
        network: On the CPU, in evaluation mode.
        vocabularies: Of both sides.
        nearest: The baseline, fitted on the training part.
    """

    settings: TranslatorSettings
    network: Ensemble
    vocabularies: Vocabularies
    nearest: NearestSource

    @staticmethod
    def make_network(settings: TranslatorSettings, vocabularies: Vocabularies) -> Ensemble:
        """An untrained network for these vocabularies."""
        sizes = len(vocabularies.source), len(vocabularies.target)
        return Ensemble(lambda: Seq2SeqNetwork(settings, *sizes, specials=vocabularies.unwritten), settings.ensemble)

    def translate(
        self, texts: Sequence[str], languages: Sequence[str | None], beam_size: int, n_best: int
    ) -> list[list[Translation]]:
        """Up to `n_best` translations of each text, best first."""
        vocabularies, settings = self.vocabularies, self.settings
        sources = [vocabularies.source_ids(text, language) for text, language in zip(texts, languages, strict=True)]
        found = search(
            self.network,
            sources,
            beam_size=beam_size,
            n_best=n_best,
            length_penalty=settings.length_penalty,
            max_length=settings.max_length,
        )
        return [
            [Translation(vocabularies.text(each.ids, self._copied(each, text, ids)), each.score) for each in best]
            for text, ids, best in zip(texts, sources, found, strict=True)
        ]

    def _copied(self, hypothesis: Hypothesis, text: str, source: np.ndarray) -> list[str | None]:
        """What of the source stands for the unknown units of a translation."""
        if UNK not in hypothesis.ids or not self.settings.copy_unknown or self.settings.attention is None:
            return [None] * len(hypothesis.ids)
        (weights,) = align(self.network, [(source, np.array(hypothesis.ids, np.int32))])
        return self.vocabularies.copies(hypothesis.ids, text, weights)

    def tensors(self) -> dict[str, Tensor]:
        """Every number that was learned, by name, and the baseline's texts as bytes."""
        network = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        return network | {f"nearest.{name}": _as_bytes(getattr(self.nearest, name)) for name in REMEMBERED}

    def extras(self) -> dict[str, Any]:
        """Everything else, fit for JSON."""
        return {"vocabularies": self.vocabularies.to_json()}

    @classmethod
    def from_bundle(cls, bundle: Bundle, settings: TranslatorSettings) -> Self:
        """What `tensors` and `extras` say."""
        vocabularies = Vocabularies.from_json(bundle.model["vocabularies"])
        network = cls.make_network(settings, vocabularies)
        bundle.load_into(network, prefix="network.")
        texts = (_as_texts(bundle.tensors[f"nearest.{name}"]) for name in REMEMBERED)
        return cls(settings, network.eval(), vocabularies, NearestSource(*texts))


def _as_bytes(texts: Sequence[str]) -> Tensor:
    """Texts without line ends, joined by those."""
    return torch.from_numpy(np.frombuffer("\n".join(texts).encode(), np.uint8).copy())


def _as_texts(joined: Tensor) -> tuple[str, ...]:
    return tuple(joined.numpy().tobytes().decode().split("\n"))
