"""What a network reads: the numbers of a text's units, or standardised sequences of numbers."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.data.labelled import Item, LabelledSequences
from ostinato.data.tokenizers import TOKENIZERS, UNKNOWN, Tokenizer
from ostinato.errors import OstinatoError
from ostinato.tasks.classification.settings import ClassifierSettings

PAD, PADDING, UNKNOWN_ID = "<pad>", 0, 1
Steps = npt.NDArray[Any]


class Batch(NamedTuple):
    """Sequences of one batch.

    Attributes:
        x: int64 ``(batch, time)`` for texts, float32 ``(batch, time, features)`` for numbers; padded with zeros.
        lengths: int64 ``(batch,)``.
        target: int64 ``(batch,)``, the number of the label.
    """

    x: Tensor
    lengths: Tensor
    target: Tensor


class Inputs(ABC):
    """How items become steps for the network."""

    max_length: int | None

    @abstractmethod
    def whole(self, item: Item) -> Steps:
        """All the steps of an item, ``(time,)`` or ``(time, features)``."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Units of the vocabulary, or features."""

    def steps(self, item: Item) -> Steps:
        """The steps that are read of an item."""
        return self.whole(item)[: self.max_length]

    def cut(self, items: Sequence[Item]) -> int:
        """How many items are longer than what is read of them."""
        return 0 if self.max_length is None else sum(len(self.whole(item)) > self.max_length for item in items)


@dataclass(frozen=True, eq=False)
class TextInputs(Inputs):
    """Texts as the numbers of their units, learned from the training part alone."""

    tokenizer: Tokenizer
    lowercase: bool
    max_length: int | None

    @classmethod
    def learn(cls, texts: Sequence[str], settings: ClassifierSettings) -> Self:
        """The vocabulary of some texts."""
        read = (text.lower() if settings.lowercase else text for text in texts)
        tokenizer = TOKENIZERS[settings.tokenizer].learn(
            read,
            specials=(PAD, UNKNOWN),
            size=settings.vocabulary_size,
            min_count=settings.min_count,
            split=settings.split,
        )
        return cls(tokenizer, settings.lowercase, settings.max_length)

    def whole(self, item: Item) -> Steps:
        assert isinstance(item, str)
        return self.tokenizer.encode(item.lower() if self.lowercase else item)

    @property
    def size(self) -> int:
        return len(self.tokenizer)


@dataclass(frozen=True, eq=False)
class NumberInputs(Inputs):
    """Sequences of numbers, each feature with mean 0 and standard deviation 1 on the training part."""

    features: tuple[str, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    max_length: int | None

    @classmethod
    def learn(cls, data: LabelledSequences, settings: ClassifierSettings) -> Self:
        """The means and spreads of some sequences."""
        rows = np.concatenate(data.arrays)
        spread = rows.std(axis=0)
        spread[spread == 0] = 1.0  # a constant feature stays 0
        return cls(data.features, tuple(rows.mean(axis=0).tolist()), tuple(spread.tolist()), settings.max_length)

    def whole(self, item: Item) -> Steps:
        assert not isinstance(item, str)
        steps: Steps = ((item - np.array(self.mean)) / np.array(self.spread)).astype(np.float32)
        return steps

    @property
    def size(self) -> int:
        return len(self.features)

    def __post_init__(self) -> None:
        """Makes sure that each feature has its mean and spread."""
        if not len(self.features) == len(self.mean) == len(self.spread):
            raise ValueError(f"{len(self.features)} features, {len(self.mean)} means, {len(self.spread)} spreads")


def learn_inputs(data: LabelledSequences, settings: ClassifierSettings) -> TextInputs | NumberInputs:
    """The inputs of a training part."""
    if data.features:
        return NumberInputs.learn(data, settings)
    inputs = TextInputs.learn(data.texts, settings)
    if inputs.size == 2:
        raise OstinatoError(
            f"{data.origin}: no unit is seen {settings.min_count} times or more: lower min_count, or give more texts"
        )
    return inputs


def gathered(steps: Sequence[Steps], targets: npt.NDArray[np.int64]) -> Batch:
    """A batch of the steps of some items, padded with zeros."""
    lengths = np.array([len(each) for each in steps], np.int64)
    first = steps[0]
    kind = np.int64 if first.ndim == 1 else np.float32
    x = np.zeros((len(steps), int(lengths.max()), *first.shape[1:]), kind)
    for row, each in zip(x, steps, strict=True):
        row[: len(each)] = each
    return Batch(torch.from_numpy(x), torch.from_numpy(lengths), torch.from_numpy(targets))


def found_in(training: LabelledSequences, inputs: Inputs) -> list[str]:
    """What a user should know of the training data."""
    notes = []
    labels = training.require_labels()
    if cut := inputs.cut(training.items):
        notes.append(f"{cut:,} of {len(training):,} training sequences are longer than max_length={inputs.max_length}")
    rare = [label for label, count in Counter(labels).items() if count < 2]
    if rare:
        notes.append(f"label {rare[0]!r} has one training example only: it cannot be learned")
    if training.features:
        return notes
    by_text: dict[str, set[str]] = {}
    for text, label in zip(training.texts, labels, strict=True):
        by_text.setdefault(text, set()).add(label)
    if twice := len(training) - len(by_text):
        notes.append(f"{twice:,} training texts are copies of others")
    if torn := sum(len(found) > 1 for found in by_text.values()):
        notes.append(f"{torn:,} training texts stand under more than one label")
    return notes
