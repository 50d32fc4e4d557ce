"""A linear model of the words, pairs of words and runs of characters that a text holds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, NamedTuple, Self, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.data.tokenizers import WordTokenizer
from ostinato.parts import lines_of, lines_tensor

Targets = npt.NDArray[Any]
Split = Literal["punctuation", "whitespace"]
Kind = Literal["words", "characters"]
Weights = Sequence[float] | npt.NDArray[np.float64]
Sparse = Any
"""A scipy.sparse matrix in rows."""

MOST = 200_000
"""Grams of a kind that are read, the most frequent ones: what bounds memory, and the size of a saved model."""

RUNS = (2, 5)
"""Characters of the shortest and of the longest run."""

COST = 0.3
"""Of an error, beside the squared weights, of the linear part: chosen on the validation parts of three public sets."""

ROUNDS = 10_000
"""Of coordinate descent, at most."""


class Cut(NamedTuple):
    """How a text is cut into words.

    Attributes:
        split: See `WordTokenizer`.
        lowercase: Whether it is read in lower case.
    """

    split: Split
    lowercase: bool

    def grams(self, text: str) -> Iterator[str]:
        """The words of a text, and the pairs of neighbours."""
        cut = WordTokenizer((), (), self.split).words(text.lower() if self.lowercase else text)
        words = [word for word in cut if word != "\n"]
        yield from words
        yield from (f"{first} {second}" for first, second in pairwise(words))


@dataclass(frozen=True, eq=False)
class Grams:
    """What of training texts is counted, and what a count of it weighs: TF-IDF.

    Attributes:
        kind: Words and pairs of neighbours, or runs of characters within words.
        cut: How a text is cut into words.
        listed: Each once.
        rarity: What each weighs, float64 ``(grams,)``.
    """

    kind: Kind
    cut: Cut
    listed: tuple[str, ...]
    rarity: npt.NDArray[np.float64]

    @classmethod
    def learn(cls, texts: Sequence[str], kind: Kind, cut: Cut) -> tuple[Self, Sparse]:
        """Those of training texts, and the texts' rows, ``(texts, grams)``."""
        vectorizer = _vectorizer(kind, cut, max_features=MOST)
        rows = vectorizer.fit_transform(texts)
        return cls(kind, cut, tuple(vectorizer.get_feature_names_out()), vectorizer.idf_), rows

    def rows(self, texts: Sequence[str]) -> Sparse:
        """Of each text the weighed counts of its grams, of length 1 together, ``(texts, grams)``.

        A gram that comes n times is counted as 1 + log n; what training did not have is passed over.
        """
        return self._fitted.transform(texts)

    @cached_property
    def _fitted(self) -> Any:
        places = {gram: place for place, gram in enumerate(self.listed)}
        vectorizer = _vectorizer(self.kind, self.cut, vocabulary=places)
        vectorizer.idf_ = self.rarity
        return vectorizer

    def saved(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All of them as UTF-8 bytes, a line each, and their weights; and how a text is cut."""
        tensors = {"listed": lines_tensor(self.listed), "rarity": torch.from_numpy(self.rarity)}
        return tensors, {"kind": self.kind, "cut": self.cut._asdict()}

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor], content: dict[str, Any]) -> Self:
        """What `saved` gave.

        Raises:
            ValueError, KeyError, TypeError: It came from nothing of the kind.
        """
        kind, cut = content["kind"], Cut(**content["cut"])
        if kind not in get_args(Kind) or cut.split not in get_args(Split) or not isinstance(cut.lowercase, bool):
            raise ValueError("this is no way to cut a text into words")
        listed, rarity = lines_of(tensors["listed"]), tensors["rarity"]
        if rarity.dtype != torch.float64 or tensors.keys() != {"listed", "rarity"}:
            raise ValueError("there should be grams, and float64 weights of them")
        if rarity.shape != (len(set(listed)),):
            raise ValueError(f"{len(set(listed))} different grams have weights of shape {tuple(rarity.shape)}")
        return cls(kind, cut, listed, rarity.numpy())


def _vectorizer(kind: Kind, cut: Cut, **settings: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer  # not before: it takes a second to import

    settings["sublinear_tf"] = True
    if kind == "words":
        return TfidfVectorizer(analyzer=cut.grams, **settings)
    return TfidfVectorizer(analyzer="char_wb", ngram_range=RUNS, lowercase=cut.lowercase, **settings)


@dataclass(frozen=True, eq=False)
class LinearText:
    """A linear support vector machine for each label against all others, over TF-IDF.

    Attributes:
        words: Words, and pairs of neighbours.
        characters: Runs of characters, where they are read.
        weight: float32 ``(grams, classes)``, those of characters behind those of words.
        bias: float64 ``(classes,)``.
    """

    words: Grams
    characters: Grams | None
    weight: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        """Makes sure that each gram has its weights."""
        if self.weight.shape != (len(self), len(self.bias)):
            raise ValueError(f"{len(self)} grams have weights of shape {self.weight.shape}")

    def __len__(self) -> int:
        return sum(len(grams.listed) for grams in self._kinds)

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        targets: Targets,
        cut: Cut,
        *,
        characters: bool,
        cost: float,
        weights: Weights | None = None,
        classes: int | None = None,
    ) -> Self:
        """The model of some texts.

        Args:
            texts: Of the training part.
            targets: The number of each text's class, ``(texts,)``, of two different ones at least; or whether a text is
                of each class, 0 and 1, ``(texts, classes)``.
            cut: How a text is cut into words.
            characters: Whether runs of characters are read, too.
            cost: Of an error, beside the squared weights (LinearSVC's C).
            weights: Of each class's errors, ``(classes,)``; None: all alike.
            classes: How many there are; one without a text is never told. None: up to the last that has one.
        """
        from scipy.sparse import hstack

        kinds: tuple[Kind, ...] = ("words", "characters") if characters else ("words",)
        grams, rows = zip(*(Grams.learn(texts, kind, cut) for kind in kinds), strict=True)
        if targets.ndim == 2:
            weight, bias = _of_several(hstack(rows, "csr"), targets, cost, weights)
        else:
            every = classes or int(targets.max()) + 1
            weight, bias = _of_one(hstack(rows, "csr"), targets, every, cost, weights)
        return cls(grams[0], grams[1] if characters else None, weight, bias)

    def logits(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Scores ``(texts, classes)``, the distances from each class's border."""
        scores, first = np.repeat(self.bias[None], len(texts), axis=0), 0
        for grams in self._kinds:
            last = first + len(grams.listed)
            scores, first = scores + grams.rows(texts) @ self.weight[first:last], last
        return scores

    @property
    def _kinds(self) -> tuple[Grams, ...]:
        return (self.words,) if self.characters is None else (self.words, self.characters)


def _machine(cost: float, weights: dict[int, float] | None) -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=cost, class_weight=weights, max_iter=ROUNDS, random_state=0)


def _of_one(
    rows: Sparse, targets: Targets, classes: int, cost: float, weights: Weights | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Weights ``(grams, classes)`` and biases ``(classes,)`` for texts of one class each."""
    machine = _machine(cost, None if weights is None else {label: weights[label] for label in np.unique(targets)})
    machine.fit(rows, targets)
    weight, bias = machine.coef_.T.astype(np.float32), machine.intercept_
    if len(bias) == 1:  # of two classes, sklearn tells the second from the first
        weight, bias = np.hstack([-weight, weight]) / 2, np.array([-bias[0], bias[0]]) / 2
    whole, biases = np.zeros((len(weight), classes), np.float32), np.full(classes, -1.0)
    whole[:, machine.classes_], biases[machine.classes_] = weight, bias
    return whole, biases


def _of_several(
    rows: Sparse, targets: Targets, cost: float, weights: Weights | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Likewise for texts that may be of several; of a class of all texts or of none, that is always told."""
    weight = np.zeros((rows.shape[1], targets.shape[1]), np.float32)
    bias = np.where(targets.all(axis=0), 1.0, -1.0)
    for label in np.flatnonzero(targets.any(axis=0) & ~targets.all(axis=0)).tolist():
        machine = _machine(cost, None if weights is None else {0: 1.0, 1: weights[label]})
        machine.fit(rows, targets[:, label].astype(np.int64))
        weight[:, label], bias[label] = machine.coef_[0], machine.intercept_[0]
    return weight, bias
