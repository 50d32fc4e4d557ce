"""What an element of a sequence is. One file each: what is learned of it, its steps, the network's front end."""

from collections.abc import Collection
from typing import Any

from ostinato.modalities.audio import Audio, AudioFrontEnd, AudioSettings, AudioStream
from ostinato.modalities.log_mel import FeatureStream, LogMel
from ostinato.modalities.modality import FrontEnd, Modality, Pretrained, Reader, padded
from ostinato.modalities.numbers import Numbers
from ostinato.modalities.text import (
    EmbeddingSettings,
    Text,
    TokenizerSettings,
    TokenVectorSettings,
    VocabularySettings,
    WordSplitSettings,
)
from ostinato.modalities.words import SpellingSettings, Words

MODALITIES: tuple[type[Modality], ...] = (Text, Words, Numbers, Audio)
"""All there are."""


def modality_named(name: str) -> type[Modality]:
    """The modality that records say they are of.

    Example:
        >>> from ostinato.modalities import modality_named
        >>> modality_named("numbers").kinds
        'sequences of numbers'
    """
    return next(kind for kind in MODALITIES if kind.name == name)


def learned(records: Any, settings: Any, before: Modality | None = None) -> Modality:
    """What is to be known of records, learned from them unless it was before.

    Args:
        records: Of the training part alone.
        settings: With the modality's block of settings.
        before: Known already; the records must be of its kind. None for nothing.

    Raises:
        OstinatoError: There is too little to learn from, or they are of another kind.

    Example:
        >>> from ostinato.data import LabelledSequences
        >>> from ostinato.modalities import learned
        >>> learned(LabelledSequences.of_arrays([[1.0, 3.0], [5.0, 7.0]]), None).summary(None)
        '1 feature'
    """
    if before is None:
        return modality_named(records.modality).learn(records, settings)
    before.check(records)
    return before


def foreign_settings(modality: type[Modality], given: Collection[str]) -> list[str]:
    """Those of the settings that were given which only another modality reads.

    Example:
        >>> from ostinato.modalities import Numbers, foreign_settings
        >>> foreign_settings(Numbers, {"hidden_size", "word_dropout"})
        ['word_dropout']
    """
    others = {name for kind in MODALITIES for name in kind.setting_names()}
    return sorted(set(given) & (others - modality.setting_names()))


__all__ = [
    "MODALITIES",
    "Audio",
    "AudioFrontEnd",
    "AudioSettings",
    "AudioStream",
    "EmbeddingSettings",
    "FeatureStream",
    "FrontEnd",
    "LogMel",
    "Modality",
    "Numbers",
    "Pretrained",
    "Reader",
    "SpellingSettings",
    "Text",
    "TokenVectorSettings",
    "TokenizerSettings",
    "VocabularySettings",
    "WordSplitSettings",
    "Words",
    "foreign_settings",
    "learned",
    "modality_named",
    "padded",
]
