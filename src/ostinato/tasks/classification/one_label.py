"""Sequences that have one label each."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ostinato.data.labelled import LabelledSequences
from ostinato.tasks.classification import calibration
from ostinato.tasks.classification import labels as numbers
from ostinato.tasks.classification import scores as figures
from ostinato.tasks.classification.batches import Targets
from ostinato.tasks.classification.calibration import Array, Mix
from ostinato.tasks.classification.report import ClassReport
from ostinato.tasks.classification.settings import ClassifierSettings
from ostinato.tasks.classification.targets import Labelling
from ostinato.tasks.classification.train import classifier_loss
from ostinato.training import LossSum


class OneLabel(Labelling):
    """One of the labels is right; their probabilities sum to one."""

    prior_name: ClassVar = "majority"

    def ordered(self, data: LabelledSequences, separator: str | None) -> tuple[str, ...]:
        return numbers.ordered_labels(data)

    def encoded(self, data: LabelledSequences, labels: tuple[str, ...]) -> Targets:
        return numbers.numbered(data, labels)

    def weights(self, settings: ClassifierSettings, labels: tuple[str, ...], targets: Targets) -> Array:
        return numbers.weights_of(settings, labels, targets)

    def loss(self, scores: Tensor, target: Tensor, weights: Tensor, smoothing: float) -> LossSum:
        return classifier_loss(scores, target, weights, smoothing)

    def logits(self, mix: Mix, network: Array, linear: Array | None) -> Array:
        return mix.logits(network, linear)

    def fitted_mix(self, network: Array, linear: Array | None, targets: Targets, *, temperature: bool = True) -> Mix:
        return calibration.fitted_mix(network, linear, targets, temperature=temperature)

    def probabilities(self, logits: Array) -> Array:
        return calibration.probabilities(logits)

    def log_odds(self, logits: Array, of: int) -> Array:
        return calibration.log_odds(logits, of)

    def losses(self, logits: Array, targets: Targets) -> Array:
        return F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(targets), reduction="none").numpy()

    def told(self, shares: Array, labels: Sequence[str], separator: str | None) -> list[str]:
        return ["" if np.isnan(row).any() else labels[row.argmax()] for row in shares]

    def confidence(self, shares: Array) -> Array:
        return np.asarray(shares.max(axis=1))

    def prior(self, targets: Targets, labels: int) -> Array:
        return np.bincount(targets, minlength=labels) / len(targets)

    def indicators(self, targets: Targets, labels: int) -> Array:
        return np.eye(labels)[targets]

    def of_distances(self, distances: Array) -> Array:
        return distances

    def scores(self, shares: Array, targets: Targets) -> dict[str, float]:
        return figures.scores_of(shares, targets)

    def report(
        self, labels: tuple[str, ...], targets: Targets, before: Array, after: Array, temperature: float
    ) -> ClassReport:
        return ClassReport.of(labels, targets, before, after, temperature)
