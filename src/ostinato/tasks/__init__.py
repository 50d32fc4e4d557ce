"""One file per verb: data, topology, training and decoding put together; each imported when it is first asked for."""

from typing import TYPE_CHECKING, Any

from ostinato.tasks.registry import kinds, load

if TYPE_CHECKING:
    from ostinato.tasks.assistant import Assistant
    from ostinato.tasks.chatbot import Chatbot
    from ostinato.tasks.estimator import Estimator
    from ostinato.tasks.forecaster import Forecaster
    from ostinato.tasks.language_model import LanguageModel
    from ostinato.tasks.sequence_classifier import SequenceClassifier
    from ostinato.tasks.sequence_tagger import SequenceTagger
    from ostinato.tasks.transcriber import Transcriber
    from ostinato.tasks.translator import Translator

__all__ = [
    "Assistant",
    "Chatbot",
    "Estimator",
    "Forecaster",
    "LanguageModel",
    "SequenceClassifier",
    "SequenceTagger",
    "Transcriber",
    "Translator",
    "load",
]


def __getattr__(name: str) -> Any:
    """The class of a verb, or what all are made of."""
    if name == "Estimator":
        from ostinato.tasks.estimator import Estimator

        return Estimator
    if (entry := kinds().get(name)) is not None:
        return entry.load()
    raise AttributeError(f"module 'ostinato.tasks' has no attribute {name!r}")
