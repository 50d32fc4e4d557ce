"""Ostinato: recurrent neural networks on PyTorch."""

import os
from typing import TYPE_CHECKING, Any

if os.name != "posix":
    raise ImportError("Ostinato runs on Linux, and needs file locks as POSIX has them; on Windows it runs in WSL")

from ostinato.errors import OstinatoError

if TYPE_CHECKING:
    from ostinato.tasks import (
        Assistant,
        Chatbot,
        Forecaster,
        LanguageModel,
        SequenceClassifier,
        SequenceTagger,
        Transcriber,
        Translator,
        load,
    )

__version__ = "0.1.0"
"""The version, in the one place where it stands."""

__all__ = [
    "Assistant",
    "Chatbot",
    "Forecaster",
    "LanguageModel",
    "OstinatoError",
    "SequenceClassifier",
    "SequenceTagger",
    "Transcriber",
    "Translator",
    "__version__",
    "load",
]


def __getattr__(name: str) -> Any:
    """Estimators are imported when first asked for: who only wants a layer waits for neither pandas nor matplotlib."""
    if name in __all__:
        from ostinato import tasks

        return getattr(tasks, name)
    raise AttributeError(f"module 'ostinato' has no attribute {name!r}")
