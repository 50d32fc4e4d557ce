"""The simple classifiers a network has to beat."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from ostinato.data.labelled import LabelledSequences
from ostinato.modalities import Modality
from ostinato.tasks.classification.batches import Targets
from ostinato.tasks.classification.calibration import Array
from ostinato.tasks.classification.linear_text import Cut, LinearText
from ostinato.tasks.classification.targets import Labelling
from ostinato.tasks.forecasting.ridge import Regression, Ridge, moments


@dataclass(frozen=True, eq=False)
class Baselines:
    """Fitted on the training part.

    Attributes:
        shares: Of each class in it, which "majority" or "each label's share" goes by.
        machine: For texts: linear support vector machines over TF-IDF of words and pairs of words.
        ridge: For sequences of numbers, and the bands of recordings: a ridge regression of the classes on each
            feature's mean and standard deviation over time.
    """

    shares: Array
    machine: LinearText | None = None
    ridge: Ridge | None = None

    @classmethod
    def fit(
        cls,
        data: LabelledSequences,
        targets: Targets,
        classes: int,
        labelling: Labelling,
        cut: Cut,
        modality: Modality,
    ) -> Self:
        """The baselines of a training part."""
        shares = labelling.prior(targets, classes)
        if data.modality == "text":
            machine = LinearText.fit(data.texts, targets, cut, characters=False, cost=1.0, classes=classes)
            return cls(shares, machine=machine)
        features = _means_and_spreads(data, modality)
        regression = Regression(moments(features, labelling.indicators(targets, classes)), features.shape[1])
        return cls(shares, ridge=regression.best(np.zeros_like(regression.fitted_on)))

    def scores(self, data: LabelledSequences, labelling: Labelling, modality: Modality) -> dict[str, Array]:
        """What each says, ``(rows, classes)``, the higher the likelier, as `Labelling.scores` takes it, by name."""
        said = {labelling.prior_name: np.repeat(self.shares[None], len(data), axis=0)}
        if self.machine is not None:
            said["TF-IDF + linear SVM"] = labelling.of_distances(self.machine.logits(data.texts))
        if self.ridge is not None:
            features = _means_and_spreads(data, modality)
            said["ridge on mean, spread"] = features @ self.ridge.weight + self.ridge.bias
        return said


def _means_and_spreads(data: LabelledSequences, modality: Modality) -> Array:
    arrays = (modality.plain(item) for item in data.items)
    return np.array([np.concatenate([array.mean(axis=0), array.std(axis=0)]) for array in arrays if array is not None])
