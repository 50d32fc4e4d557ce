"""What fitting a Translator leaves: everything that translates, and that a bundle must hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.errors import OstinatoError
from ostinato.tasks.model import Model
from ostinato.tasks.seq2seq.decode import search
from ostinato.tasks.seq2seq.ensemble import Ensemble
from ostinato.tasks.seq2seq.network import Seq2SeqNetwork
from ostinato.tasks.seq2seq.texts import END, SPECIALS, UNK
from ostinato.tasks.translation.attention import Attention
from ostinato.tasks.translation.nearest import NearestSource
from ostinato.tasks.translation.settings import TranslatorSettings
from ostinato.tasks.translation.vocabularies import Vocabularies
from ostinato.topologies import Hypothesis


class Translation(NamedTuple):
    """One translation of a text.

    Attributes:
        source: The text.
        language: What it is translated to; None where the model knows no names of languages.
        text: The translation.
        score: Its log-probability over the length penalty; higher is better.
        units: Those that were written, by number, without the end.
        weights: How much of its attention each of them, and the end, gave to each that was read,
            ``(units + 1, source units + 1)``; None for a model without attention.
    """

    source: str
    language: str | None
    text: str
    score: float
    units: tuple[int, ...]
    weights: npt.NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class TranslatorModel(Model[TranslatorSettings]):
    """A trained network with all that belongs to it.

    Attributes:
        settings: The Translator's.
        network: In evaluation mode.
        vocabularies: Of both sides.
        nearest: The baseline, fitted on the training part.
    """

    settings: TranslatorSettings
    network: Ensemble
    vocabularies: Vocabularies
    nearest: NearestSource

    def __post_init__(self) -> None:
        """Makes sure that the vocabularies are those that the settings speak of."""
        if self.vocabularies.shared != self.settings.shared_vocabulary:
            raise ValueError(f"the vocabularies are not those of shared_vocabulary={self.settings.shared_vocabulary}")

    @classmethod
    def build(cls, settings: TranslatorSettings, parts: Mapping[str, Any]) -> Ensemble:
        vocabularies: Vocabularies = parts["vocabularies"]
        sizes = len(vocabularies.source), len(vocabularies.target)
        return Ensemble(lambda: Seq2SeqNetwork(settings, *sizes, specials=vocabularies.unwritten), settings.ensemble)

    def translations(
        self, texts: Sequence[str], languages: Sequence[str | None], beam_size: int, n_best: int
    ) -> list[list[Translation]]:
        """Up to `n_best` translations of each text, best first; that of a blank text is blank."""
        every = list(zip(texts, languages, strict=True))
        asked = [(text, language) for text, language in every if text.strip()]
        if not asked:
            return [[self._blank(*each)] for each in every]
        found = search(
            self.network,
            [self.vocabularies.source_ids(text, language) for text, language in asked],
            beam_size=beam_size,
            n_best=n_best,
            length_penalty=self.settings.length_penalty,
            max_length=self.settings.max_length,
        )
        best = iter(found)
        return [
            [self._translation(text, language, each) for each in next(best)]
            if text.strip()
            else [self._blank(text, language)]
            for text, language in every
        ]

    @staticmethod
    def _blank(source: str, language: str | None) -> Translation:
        return Translation(source, language, "", 0.0, (), None)

    def _translation(self, source: str, language: str | None, written: Hypothesis) -> Translation:
        ids = written.ids
        weights = None if written.attention is None else written.attention.double().cpu().numpy()
        copied: Sequence[str | None] = [None] * len(ids)
        if UNK in ids and self.settings.copy_unknown and weights is not None:
            copied = self.vocabularies.copies(ids, source, weights)
        return Translation(source, language, self.vocabularies.text(ids, copied), written.score, ids, weights)

    def attention(self, translation: Translation) -> Attention:
        """What the units of a translation looked at.

        Raises:
            OstinatoError: The model has no attention, or the text is blank.
        """
        if not translation.source.strip():
            raise OstinatoError("the text is blank: there is nothing to look at")
        if translation.weights is None:
            raise OstinatoError("this model was trained with attention=None: there is nothing to look at")
        tag = [] if translation.language is None else [f"<to {translation.language}>"]
        read = [*tag, *self.vocabularies.source.parts(translation.source), SPECIALS[END]]
        written = [*self.vocabularies.target.tokens(translation.units), SPECIALS[END]]
        return Attention(read, written, translation.weights)
