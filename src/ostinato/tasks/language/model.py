"""What fitting a LanguageModel leaves: everything that reads and writes, and that a bundle must hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostinato.data.corpus import Corpus, Counted, Passage, PassageSource
from ostinato.data.tokenizers import Tokenizer
from ostinato.errors import OstinatoError
from ostinato.modalities import Text
from ostinato.tasks.language.network import LanguageNetwork
from ostinato.tasks.language.ngrams import Ngrams
from ostinato.tasks.language.settings import LanguageSettings
from ostinato.tasks.model import Model


@dataclass(frozen=True, eq=False)
class LanguageParts(Model[LanguageSettings]):
    """A trained network with all that belongs to it.

    Attributes:
        settings: The LanguageModel's.
        network: In evaluation mode.
        text: How a text is cut into units.
        ngrams: Counted on the training text.
        trained: How much text the network was trained on.
    """

    settings: LanguageSettings
    network: LanguageNetwork
    text: Text
    ngrams: Ngrams
    trained: Counted

    def __post_init__(self) -> None:
        """Makes sure that the counts are of the vocabulary."""
        if len(self.ngrams.single) != len(self.tokenizer):
            raise ValueError(f"{len(self.ngrams.single)} counts for {len(self.tokenizer)} tokens")

    @classmethod
    def build(cls, settings: LanguageSettings, parts: Mapping[str, Any]) -> LanguageNetwork:
        return LanguageNetwork(settings, len(parts["text"].tokenizer))

    @property
    def tokenizer(self) -> Tokenizer:
        """The vocabulary."""
        return self.text.tokenizer

    @property
    def first(self) -> int:
        """The unit before the first of any text: a line end."""
        return line_end(self.tokenizer)

    def read(self, data: PassageSource) -> Corpus:
        """A text in the units of training.

        Raises:
            OstinatoError: For a text that is not there, is of another encoding, or is empty.
        """
        passage = Passage.of(data, self.settings.form)
        corpus = encoded(passage, self.text, self.settings)
        if not len(corpus):
            raise OstinatoError(f"{passage.text.origin}: the text is empty")
        return corpus


def encoded(passage: Passage, text: Text, settings: LanguageSettings, folder: Path | None = None) -> Corpus:
    """A passage in units; in a file of `folder`, where one is given."""
    pieces = map(text.cased, passage.pieces())
    return Corpus.encode(pieces, text.tokenizer, reverse=settings.reverse, folder=folder)


def line_end(tokenizer: Tokenizer) -> int:
    """The number of the line end; that of what has none where training held none."""
    return int(tokenizer.encode("\n")[-1])
