"""Linear models of which words, and pairs of words, a text holds: naive Bayes and its weighted successor."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple, Self, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from ostinato.data.tokenizers import WordTokenizer
from ostinato.parts import lines_of, lines_tensor

Targets = npt.NDArray[np.int64]
Split = Literal["punctuation", "whitespace"]

SMOOTHING = 1.0
"""Added to every count (Laplace)."""

PENALTY = 1.0
"""Of the squared weights; with it and `INTERPOLATION` of the size that Wang & Manning use."""

INTERPOLATION = 0.25
"""How much of a weight is its own; the rest is the mean size of all (Wang & Manning 2012, eq. 3)."""

STEPS = 50
"""Of L-BFGS, at most."""


class Cut(NamedTuple):
    """How a text is cut into words.

    Attributes:
        split: See `WordTokenizer`.
        lowercase: Whether it is read in lower case.
    """

    split: Split
    lowercase: bool

    def grams(self, text: str, longest: int) -> Iterator[str]:
        """The words of a text, and the pairs of neighbours where `longest` is 2."""
        cut = WordTokenizer((), (), self.split).words(text.lower() if self.lowercase else text)
        words = [word for word in cut if word != "\n"]
        yield from words
        if longest > 1:
            yield from (f"{first} {second}" for first, second in pairwise(words))


@dataclass(frozen=True, eq=False)
class Grams:
    """The words, or words and pairs of neighbours, of training texts, numbered.

    Attributes:
        numbers: Of each; a pair is its words with a space between.
        longest: 1 for words, 2 for pairs too.
        cut: How a text is cut into words.
    """

    numbers: dict[str, int]
    longest: int
    cut: Cut

    @classmethod
    def learn(cls, texts: Sequence[str], longest: int, cut: Cut) -> Self:
        """Those of some texts."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(cut.grams(text, longest))
        return cls({gram: number for number, gram in enumerate(sorted(counts))}, longest, cut)

    def rows(self, texts: Sequence[str], *, once: bool) -> tuple[Tensor, Tensor]:
        """The numbers of the grams of each text, one text after another, and where each begins.

        Args:
            texts: Grams that are not known are passed over.
            once: Whether each counts once in a text.
        """
        found = [
            [self.numbers[gram] for gram in self.cut.grams(text, self.longest) if gram in self.numbers]
            for text in texts
        ]
        if once:
            found = [sorted(set(row)) for row in found]
        starts = np.cumsum([0, *map(len, found)])[:-1]
        flat = np.fromiter((number for row in found for number in row), np.int64)
        return torch.from_numpy(flat), torch.from_numpy(starts.astype(np.int64))

    def saved(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All of them as UTF-8 bytes, a line each; and how a text is cut."""
        return {"": lines_tensor(tuple(self.numbers))}, {"longest": self.longest, "cut": self.cut._asdict()}

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor], content: dict[str, Any]) -> Self:
        """What `saved` gave."""
        longest, cut = content["longest"], Cut(**content["cut"])
        if cut.split not in get_args(Split) or longest not in (1, 2) or not isinstance(cut.lowercase, bool):
            raise ValueError("this is no way to cut a text into words")
        return cls({gram: number for number, gram in enumerate(lines_of(tensors[""]))}, longest, cut)


@dataclass(frozen=True, eq=False)
class BagOfWords:
    """Scores that add up over the grams of a text.

    Attributes:
        grams: Those it knows.
        once: Whether each counts once in a text.
        weight: float64 ``(grams, classes)``.
        bias: float64 ``(classes,)``.
    """

    grams: Grams
    once: bool
    weight: Tensor
    bias: Tensor

    def logits(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Scores ``(texts, classes)``."""
        flat, starts = self.grams.rows(texts, once=self.once)
        return (_summed(flat, starts, self.weight) + self.bias).numpy()

    def __post_init__(self) -> None:
        """Makes sure that each gram has its weights."""
        if self.weight.shape != (len(self.grams.numbers), len(self.bias)):
            raise ValueError(f"{len(self.grams.numbers)} grams have weights of shape {tuple(self.weight.shape)}")


def naive_bayes(texts: Sequence[str], targets: Targets, classes: int, cut: Cut) -> BagOfWords:
    """Multinomial naive Bayes over words, every count one larger (McCallum & Nigam 1998).

    Args:
        texts: Of the training part.
        targets: The number of each text's class.
        classes: How many there are.
        cut: How a text is cut into words.
    """
    grams = Grams.learn(texts, 1, cut)
    flat, starts = grams.rows(texts, once=False)
    counts = _class_counts(flat, starts, targets, len(grams.numbers), classes) + SMOOTHING
    prior = np.bincount(targets, minlength=classes) + SMOOTHING
    weight = (counts / counts.sum(0)).log()
    return BagOfWords(grams, False, weight, torch.from_numpy(np.log(prior / prior.sum())))


def weighted_bayes(
    texts: Sequence[str], targets: Targets, classes: int, cut: Cut, weights: npt.NDArray[np.float64]
) -> BagOfWords:
    """NBSVM over words and pairs (Wang & Manning 2012), with the logistic in place of the hinge loss.

    A gram that a text holds counts as its log-count ratio for a class against all others (eq. 1-2). On these a
    penalised logistic regression is fitted, and its weights are drawn towards their mean size (eq. 3).

    Args:
        texts: Of the training part.
        targets: The number of each text's class.
        classes: How many there are.
        cut: How a text is cut into words.
        weights: Of each class in the loss, ``(classes,)``.
    """
    grams = Grams.learn(texts, 2, cut)
    flat, starts = grams.rows(texts, once=True)
    mine = _class_counts(flat, starts, targets, len(grams.numbers), classes)
    others = mine.sum(1, keepdim=True) - mine
    mine, others = mine + SMOOTHING, others + SMOOTHING
    ratio = (mine / mine.sum(0)).log() - (others / others.sum(0)).log()
    goal, importance = torch.from_numpy(targets), torch.from_numpy(weights)
    own = torch.zeros_like(ratio, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([own, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        scores = _summed(flat, starts, own * ratio) + bias
        loss = F.cross_entropy(scores, goal, importance, reduction="sum") + PENALTY / 2 * own.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    learned = own.detach()
    drawn = INTERPOLATION * learned + (1 - INTERPOLATION) * learned.abs().mean(0)
    return BagOfWords(grams, True, drawn * ratio, bias.detach())


def _summed(flat: Tensor, starts: Tensor, weight: Tensor) -> Tensor:
    """The sums ``(texts, classes)`` of the rows of `weight` that each text has."""
    return F.embedding_bag(flat, weight, starts, mode="sum")


def _class_counts(flat: Tensor, starts: Tensor, targets: Targets, grams: int, classes: int) -> Tensor:
    """How often each gram stands in texts of each class, float64 ``(grams, classes)``."""
    lengths = np.diff(starts.numpy(), append=len(flat))
    of_class = np.repeat(targets, lengths)
    counts = np.bincount(flat.numpy() * classes + of_class, minlength=grams * classes)
    return torch.from_numpy(counts.reshape(grams, classes).astype(np.float64))
