"""What fitting a LanguageModel leaves: everything that reads and writes, and that a bundle must hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor

from ostinato.bundle import Bundle
from ostinato.data.corpus import Corpus, Counted, Passage, PassageSource
from ostinato.data.tokenizers import Tokenizer
from ostinato.errors import OstinatoError
from ostinato.tasks.language.network import LanguageNetwork
from ostinato.tasks.language.ngrams import Ngrams
from ostinato.tasks.language.settings import LanguageSettings


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained network with all that belongs to it.

    Attributes:
        settings: The LanguageModel's.
        network: On the CPU, in evaluation mode.
        tokenizer: The vocabulary.
        ngrams: Counted on the training text.
        trained: How much text the network was trained on.
    """

    settings: LanguageSettings
    network: LanguageNetwork
    tokenizer: Tokenizer
    ngrams: Ngrams
    trained: Counted

    @property
    def first(self) -> int:
        """The unit before the first of any text: a line end."""
        return line_end(self.tokenizer)

    def cased(self, text: str) -> str:
        """A text as the units read it."""
        return text.lower() if self.settings.lowercase else text

    def read(self, data: PassageSource) -> Corpus:
        """A text in the units of training.

        Raises:
            OstinatoError: For a text that is not there, is not UTF-8, or is empty.
        """
        passage = Passage.of(data)
        corpus = Corpus.encode(cased(passage, self.settings), self.tokenizer, reverse=self.settings.reverse)
        if not len(corpus):
            raise OstinatoError(f"{passage.text.origin}: the text is empty")
        return corpus

    def tensors(self) -> dict[str, Tensor]:
        """Every number that was learned or counted, by name."""
        network = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        counts = {"single": self.ngrams.single, "pairs": self.ngrams.pairs, "double": self.ngrams.double}
        return network | {f"ngrams.{name}": tensor for name, tensor in counts.items()}

    def extras(self) -> dict[str, Any]:
        """Everything else, fit for JSON."""
        return {"tokenizer": self.tokenizer.to_json(), "trained": self.trained._asdict()}

    @classmethod
    def from_bundle(cls, bundle: Bundle, settings: LanguageSettings) -> Self:
        """What `tensors` and `extras` say."""
        tokenizer = Tokenizer.from_json(bundle.model["tokenizer"])
        network = LanguageNetwork(settings, len(tokenizer))
        bundle.load_into(network, prefix="network.")
        ngrams = Ngrams(*(bundle.tensors[f"ngrams.{name}"] for name in ("single", "pairs", "double")))
        return cls(settings, network.eval(), tokenizer, ngrams, Counted(**bundle.model["trained"]))


def cased(passage: Passage, settings: LanguageSettings) -> Iterator[str]:
    """The pieces of a passage as the units read them."""
    return (piece.lower() for piece in passage.pieces()) if settings.lowercase else passage.pieces()


def line_end(tokenizer: Tokenizer) -> int:
    """The number of the line end; that of what has none where training held none."""
    return int(tokenizer.encode("\n")[-1])
