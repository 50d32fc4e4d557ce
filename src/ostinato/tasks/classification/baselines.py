"""The simple classifiers a network has to beat."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from ostinato.data.labelled import LabelledSequences, Numbers
from ostinato.tasks.classification.calibration import Array
from ostinato.tasks.classification.linear_text import Cut, LinearText
from ostinato.tasks.forecasting.ridge import Regression, Ridge, moments


@dataclass(frozen=True, eq=False)
class Baselines:
    """Fitted on the training part.

    Attributes:
        shares: Of each class in it: what "majority" goes by.
        machine: For texts: a linear support vector machine over TF-IDF of words and pairs of words.
        ridge: For sequences of numbers: a ridge regression of the classes on each feature's mean and standard
            deviation over time.
    """

    shares: Array
    machine: LinearText | None = None
    ridge: Ridge | None = None

    @classmethod
    def fit(cls, data: LabelledSequences, targets: npt.NDArray[np.int64], classes: int, cut: Cut) -> Self:
        """The baselines of a training part."""
        shares = np.bincount(targets, minlength=classes) / len(targets)
        if not data.features:
            machine = LinearText.fit(data.texts, targets, cut, characters=False, cost=1.0, classes=classes)
            return cls(shares, machine=machine)
        features = _means_and_spreads(data.arrays)
        regression = Regression(moments(features, np.eye(classes)[targets]), features.shape[1])
        return cls(shares, ridge=regression.best(np.zeros_like(regression.fitted_on)))

    def scores(self, data: LabelledSequences) -> dict[str, Array]:
        """What each says, ``(rows, classes)``, the higher the likelier, by name."""
        said = {"majority": np.repeat(self.shares[None], len(data), axis=0)}
        if self.machine is not None:
            said["TF-IDF + linear SVM"] = self.machine.logits(data.texts)
        if self.ridge is not None:
            features = _means_and_spreads(data.arrays)
            said["ridge on mean, spread"] = features @ self.ridge.weight + self.ridge.bias
        return said


def _means_and_spreads(arrays: list[Numbers]) -> Array:
    return np.array([np.concatenate([array.mean(axis=0), array.std(axis=0)]) for array in arrays])
