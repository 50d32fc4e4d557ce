"""What a tagger must beat: tags chosen without a look at the neighbours, and a field over features made by hand."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from ostinato.data.tagged import TaggedSequences
from ostinato.modalities.modality import Steps
from ostinato.tasks.tagging.batches import TagNumbers
from ostinato.tasks.tagging.hand_made import HandMade, installed

Array = npt.NDArray[np.float64]

RIDGE = 1e-4
"""Weight of the squared weights in the logistic regression's loss."""


@dataclass(frozen=True, eq=False)
class Baselines:
    """Fitted on the training part.

    Attributes:
        tags: All tags, by number.
        majority: The most frequent one.
        words: Of sentences, the most frequent tag of each word; of those that are not in it, `majority`.
        hand_made: Of sentences, a conditional random field; None where the library that fits it was not installed.
        logistic: Of numbers, a logistic regression of the step alone, float64 ``(features + 1, tags)``.
    """

    tags: tuple[str, ...]
    majority: int
    words: dict[str, int] | None = None
    hand_made: HandMade | None = None
    logistic: Array | None = None

    def __post_init__(self) -> None:
        """Makes sure that every tag is there."""
        numbers = {self.majority, *(self.words or {}).values()}
        if not 0 <= min(numbers) <= max(numbers) < len(self.tags):
            raise ValueError(f"a baseline gives a tag that is not among the {len(self.tags)} there are")
        if self.logistic is not None and self.logistic.shape[1:] != (len(self.tags),):
            raise ValueError(f"a regression of shape {self.logistic.shape} for {len(self.tags)} tags")
        if (self.words is None) == (self.logistic is None):
            raise ValueError("either words have tags, or numbers a regression")
        if self.hand_made is not None and len(self.hand_made.seen) != len(self.tags):
            raise ValueError(f"a field of {len(self.hand_made.seen)} tags where there are {len(self.tags)}")

    @classmethod
    def fit(
        cls, training: TaggedSequences, steps: Sequence[Steps], numbers: Sequence[TagNumbers], tags: Sequence[str]
    ) -> Self:
        """The baselines for some sequences; of tags equally frequent the first.

        Args:
            training: The sequences.
            steps: Of each.
            numbers: Of the tags of each.
            tags: All tags, by number.
        """
        every = torch.from_numpy(np.concatenate(numbers))
        majority = int(torch.bincount(every, minlength=len(tags)).argmax())
        if training.features:
            inputs = torch.from_numpy(np.concatenate(steps))
            return cls(tuple(tags), majority, logistic=_logistic(inputs, every, len(tags)))
        counts: dict[str, Counter[int]] = {}
        for words, own in zip(training.sentences, numbers, strict=True):
            for word, tag in zip(words, own.tolist(), strict=True):
                counts.setdefault(word, Counter())[tag] += 1
        most = {word: min(seen, key=lambda tag, seen=seen: (-seen[tag], tag)) for word, seen in counts.items()}  # type: ignore[misc]
        field = HandMade.fit(training.sentences, numbers, len(tags)) if installed() else None
        rare = {word: tag for word, tag in most.items() if tag != majority}
        return cls(tuple(tags), majority, words=rare, hand_made=field)

    def predict(self, sequences: TaggedSequences, steps: Sequence[Steps]) -> dict[str, list[list[str]]]:
        """The tags that each baseline gives, by its name."""
        always = [[self.tags[self.majority]] * len(item) for item in sequences.items]
        if self.words is not None:
            each = [[self.tags[self.words.get(word, self.majority)] for word in words] for words in sequences.sentences]
            given = {"each word's tag": each, "commonest tag": always}
            if self.hand_made is not None:
                paths = self.hand_made.predict(sequences.sentences)
                given = {"CRF, hand-made features": [[self.tags[tag] for tag in path] for path in paths]} | given
            return given
        assert self.logistic is not None
        scores = [_with_one(torch.from_numpy(own)) @ torch.from_numpy(self.logistic) for own in steps]
        alone = [[self.tags[tag] for tag in own.argmax(1).tolist()] for own in scores]
        return {"step alone": alone, "commonest tag": always}


def _with_one(features: Tensor) -> Tensor:
    return F.pad(features.double(), (0, 1), value=1.0)


def _logistic(features: Tensor, tags: Tensor, count: int) -> Array:
    """A multinomial logistic regression, fitted to the end by L-BFGS."""
    inputs = _with_one(features)
    weights = torch.zeros(inputs.shape[1], count, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimizer.zero_grad()
        value = F.cross_entropy(inputs @ weights, tags) + RIDGE * weights.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value  # type: ignore[return-value]

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return weights.detach().numpy()
