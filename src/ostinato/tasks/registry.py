"""Every verb by name. The class of one is imported when it is asked for, and no other."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ostinato.cells import Cell
    from ostinato.tasks.estimator import Estimator


class Entry(NamedTuple):
    """A verb, before its class is imported.

    Attributes:
        name: On the command line: ``ostinato fit NAME``.
        place: Its class, as ``module:Class``.
        about: One line for those who choose among verbs.
    """

    name: str
    place: str
    about: str

    @property
    def kind(self) -> str:
        """The name of the class, which a saved model carries."""
        return self.place.partition(":")[2]

    def load(self) -> "type[Estimator[Any, Any, Any]]":
        """The class."""
        module, _, kind = self.place.partition(":")
        return getattr(import_module(module), kind)  # type: ignore[no-any-return]


REGISTRY: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry("forecaster", "ostinato.tasks.forecaster:Forecaster", "The next steps of one series, or of thousands."),
        Entry(
            "classifier",
            "ostinato.tasks.sequence_classifier:SequenceClassifier",
            "Which label a text, a sequence of numbers, or a recording has.",
        ),
        Entry(
            "tagger",
            "ostinato.tasks.sequence_tagger:SequenceTagger",
            "A tag for every word of a sentence, or every step of a sequence of numbers.",
        ),
        Entry("language-model", "ostinato.tasks.language_model:LanguageModel", "What comes next in a text."),
        Entry("chatbot", "ostinato.tasks.chatbot:Chatbot", "Replies, learned from recorded dialogues."),
        Entry(
            "translator",
            "ostinato.tasks.translator:Translator",
            "Reads a text and writes another, learned from pairs of texts.",
        ),
        Entry("transcriber", "ostinato.tasks.transcriber:Transcriber", "What is said in recordings."),
        Entry(
            "assistant",
            "ostinato.tasks.assistant:Assistant",
            "What is asked for in recordings, and a reply, by a grammar of what may be said.",
        ),
    )
}
"""Name on the command line -> verb, in the order of the help."""


def kinds() -> dict[str, Entry]:
    """Name of the class -> verb."""
    return {entry.kind: entry for entry in REGISTRY.values()}


def load(
    folder: str | Path,
    *,
    cell: "type[Cell[Any]] | None" = None,
    device: str = "auto",
    **files: str | None,
) -> Any:
    """The estimator that was saved in a folder, whichever it is.

    Args:
        folder: A bundle, as `Estimator.save` writes it.
        cell: Your own Cell class, where the model was trained with one: a bundle holds weights, never code.
        device: Where it predicts: auto (a CUDA device where there is one, else the CPU), cpu, cuda, cuda:1, mps.
        files: How files it is used on are written, where not as the training data: `encoding`, `quoting`, `decimal`,
            `thousands`, as in the settings.

    Raises:
        OstinatoError: For a folder that is no bundle, a damaged one, or one that needs `cell`; for a device that is not
            there.

    Example:
        >>> import ostinato
        >>> from ostinato.demos.data import load_embedded
        >>> sunspots = load_embedded("sunspots")
        >>> ostinato.Forecaster(horizon=11, window=33, hidden_size=16, epochs=1).fit(sunspots).save("model")
        >>> type(ostinato.load("model")).__name__
        'Forecaster'
    """
    from ostinato.manifest import kind_in  # not before: it brings pydantic

    known = kinds()
    verb = known[kind_in(Path(folder), known)].load()
    return verb.load(folder, cell=cell, device=device, **files)
