"""One file per estimator: data, topology, training and decoding put together."""

from pathlib import Path
from typing import Any

from ostinato.bundle import load_bundle
from ostinato.cells import Cell
from ostinato.tasks.chatbot import Chatbot
from ostinato.tasks.estimator import Estimator
from ostinato.tasks.forecaster import Forecaster
from ostinato.tasks.language_model import LanguageModel
from ostinato.tasks.sequence_classifier import SequenceClassifier
from ostinato.tasks.sequence_tagger import SequenceTagger
from ostinato.tasks.translator import Translator

ESTIMATORS: dict[str, Any] = {
    kind.__name__: kind for kind in (Chatbot, Forecaster, LanguageModel, SequenceClassifier, SequenceTagger, Translator)
}
"""The classes a bundle may name."""


def load(folder: str | Path, *, cell: type[Cell[Any]] | None = None) -> Any:
    """The estimator that was saved in a folder, whichever it is.

    Args:
        folder: A bundle, as `Estimator.save` writes it.
        cell: Your own Cell class, where the model was trained with one: a bundle holds weights, never code.

    Raises:
        OstinatoError: For a folder that is no bundle, a damaged one, or one that needs `cell`.

    Example:
        >>> import ostinato
        >>> from ostinato.data import load_embedded
        >>> sunspots = load_embedded("sunspots")
        >>> ostinato.Forecaster(horizon=11, window=33, hidden_size=16, epochs=1).fit(sunspots).save("model")
        >>> type(ostinato.load("model")).__name__
        'Forecaster'
    """
    return ESTIMATORS[load_bundle(Path(folder), ESTIMATORS).kind].load(folder, cell=cell)


__all__ = [
    "ESTIMATORS",
    "Chatbot",
    "Estimator",
    "Forecaster",
    "LanguageModel",
    "SequenceClassifier",
    "SequenceTagger",
    "Translator",
    "load",
]
