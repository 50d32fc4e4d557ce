"""The tagger that people built before networks: a conditional random field over features made by hand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.nn import CRF
from ostinato.parts import lines_of, lines_tensor

Words = Sequence[str]
Numbers = npt.NDArray[np.int64]

SETTINGS = {"c1": 0.1, "c2": 0.01, "max_iterations": 100, "feature.possible_transitions": True}
"""Of CRFsuite: L1 and L2 penalties, rounds of L-BFGS, and weights for tags that never follow each other, too."""

KINDS = {
    "feature": torch.int64,
    "tag": torch.int64,
    "weight": torch.float64,
    "transition": torch.float64,
    "seen": torch.bool,
}
"""What is kept beside the names of the features."""

BATCH = 64
"""Sentences that are tagged at a time."""


def installed() -> bool:
    """Whether there is what fits it: CRFsuite."""
    return find_spec("pycrfsuite") is not None


def features(words: Words) -> Iterator[list[str]]:
    """What is said of each word: itself, its ends, its shape, and its neighbours; a mark for either end."""
    plain = [word.replace("\n", " ") for word in words]  # a list may hold a word with a line end: names are lines
    looks = [_look(word) for word in plain]
    for place, word in enumerate(plain):
        low = word.lower()
        said = ["any", f"word={low}", f"shape={_shape(word)}", f"digits={any(map(str.isdigit, word))}"]
        said += [f"begins={low[:size]}" for size in (1, 2, 3)] + [f"ends={low[-size:]}" for size in (1, 2, 3)]
        for step in (-2, -1, 1, 2):
            if 0 <= place + step < len(plain):
                said += [f"{step}:{look}" for look in looks[place + step]]
            elif abs(step) == 1:
                said.append(f"{step}:end")
        yield said


def _look(word: str) -> tuple[str, str]:
    return f"word={word.lower()}", f"shape={_shape(word)}"


def _shape(word: str) -> str:
    """Capitals as X, other letters as x, digits as 9, each run once: "McDonald-2" is XxXx-9."""
    shape = ""
    for letter in word:
        kind = "9" if letter.isdigit() else letter if not letter.isalpha() else "x" if letter.islower() else "X"
        shape += kind if not shape.endswith(kind) else ""
    return shape


@dataclass(frozen=True, eq=False)
class HandMade:
    """A linear-chain conditional random field (Lafferty et al. 2001) over `features`, fitted by CRFsuite.

    Attributes:
        listed: The features that have a weight, each once.
        feature: Of each weight, the number of its feature, int64 ``(weights,)``.
        tag: And that of its tag.
        weight: float64 ``(weights,)``.
        transition: float64 ``(tags, tags)``, the weight of a tag (column) after another (row).
        seen: Whether training had a tag, booleans ``(tags,)``; others are never given.
    """

    listed: tuple[str, ...]
    feature: Numbers
    tag: Numbers
    weight: npt.NDArray[np.float64]
    transition: npt.NDArray[np.float64]
    seen: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Makes sure that all features and tags are there that weights are of."""
        tags = len(self.transition)
        if self.transition.shape != (tags, tags) or self.seen.shape != (tags,):
            raise ValueError("transitions and tags are not of one number")
        if not self.feature.shape == self.tag.shape == self.weight.shape:
            raise ValueError("weights, features and tags are not of one number")
        for numbers, count in ((self.feature, len(set(self.listed))), (self.tag, tags)):
            if np.any((numbers < 0) | (numbers >= count)):
                raise ValueError(f"there are {count} features or tags, and others are named")

    @classmethod
    def fit(cls, sentences: Sequence[Words], tags: Sequence[Numbers], count: int) -> Self:
        """The field for some sentences.

        Args:
            sentences: The words of each.
            tags: The number of each word's tag.
            count: How many tags there are.
        """
        import pycrfsuite

        numbers: dict[str, int] = {}
        trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=SETTINGS, verbose=False)
        for words, own in zip(sentences, tags, strict=True):
            if not len(words):
                continue
            rows = [[str(numbers.setdefault(name, len(numbers))) for name in said] for said in features(words)]
            trainer.append(rows, [str(number) for number in own.tolist()])
        with TemporaryDirectory() as folder:
            trainer.train(str(Path(folder) / "field"))
            tagger = pycrfsuite.Tagger()
            tagger.open(str(Path(folder) / "field"))
            found = tagger.info()
            tagger.close()
        transition = np.zeros((count, count))
        for (before, after), weight in found.transitions.items():
            transition[int(before), int(after)] = weight
        kept = {name: place for place, name in enumerate(dict.fromkeys(name for name, _ in found.state_features))}
        listed = list(numbers)
        return cls(
            tuple(listed[int(name)] for name in kept),
            np.array([kept[name] for name, _ in found.state_features], np.int64),
            np.array([int(tag) for _, tag in found.state_features], np.int64),
            np.array(list(found.state_features.values()), np.float64),
            transition,
            np.bincount(np.concatenate(tags), minlength=count) > 0,
        )

    def predict(self, sentences: Sequence[Words]) -> list[list[int]]:
        """The number of each word's tag: of those on the best path."""
        found: list[list[int]] = []
        for start in range(0, len(sentences), BATCH):
            own = sentences[start : start + BATCH]
            lengths = torch.tensor([len(words) for words in own])
            scores = self._scores([said for words in own for said in features(words)]).split(lengths.tolist())  # type: ignore[no-untyped-call]
            paths, _ = self._field.decode(torch.nn.utils.rnn.pad_sequence(scores, batch_first=True), lengths)
            found += [path[:length].tolist() for path, length in zip(paths, lengths.tolist(), strict=True)]
        return found

    def _scores(self, rows: Sequence[Sequence[str]]) -> Tensor:
        """The scores of each tag for words of which `rows` says something, ``(words, tags)``."""
        from scipy.sparse import csr_matrix

        known = [[self._places[name] for name in said if name in self._places] for said in rows]
        owners = np.repeat(np.arange(len(known)), [len(own) for own in known])
        places = np.fromiter((place for own in known for place in own), np.int64, len(owners))
        counts = csr_matrix((np.ones(len(owners)), (owners, places)), (len(known), len(self.listed)))
        scores = torch.from_numpy((counts @ self._weights).toarray())
        return scores.masked_fill(~torch.from_numpy(self.seen), -torch.inf)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.listed)}

    @cached_property
    def _weights(self) -> Any:
        """A sparse matrix ``(features, tags)``."""
        from scipy.sparse import csr_matrix

        return csr_matrix((self.weight, (self.feature, self.tag)), (len(self.listed), len(self.transition)))

    @cached_property
    def _field(self) -> CRF:
        field = CRF(len(self.transition)).double()
        field.transition.data = torch.from_numpy(self.transition)
        return field

    def saved(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The features as UTF-8 bytes, a line each, and the weights."""
        arrays = {name: getattr(self, name) for name in KINDS}
        return {"listed": lines_tensor(self.listed)} | {name: torch.from_numpy(own) for name, own in arrays.items()}, {}

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor], content: dict[str, Any]) -> Self:
        """What `saved` gave.

        Raises:
            ValueError, KeyError: It came from nothing of the kind.
        """
        if content or tensors.keys() != KINDS.keys() | {"listed"}:
            raise ValueError(f"there should be features and {', '.join(KINDS)}")
        if wrong := [name for name, kind in KINDS.items() if tensors[name].dtype != kind]:
            raise ValueError(f"{wrong[0]} is of {tensors[wrong[0]].dtype}")
        return cls(lines_of(tensors["listed"]), *(tensors[name].numpy() for name in KINDS))
