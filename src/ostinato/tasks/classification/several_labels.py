"""Sequences that have any number of labels each, or none."""

import math
from collections.abc import Sequence
from itertools import compress
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ostinato.data.labelled import LabelledSequences
from ostinato.errors import OstinatoError
from ostinato.tasks.classification.batches import Targets
from ostinato.tasks.classification.calibration import Array, Mix, gap, likeliest
from ostinato.tasks.classification.labels import unknown
from ostinato.tasks.classification.report import SeveralReport
from ostinato.tasks.classification.settings import ClassifierSettings
from ostinato.tasks.classification.targets import Labelling
from ostinato.training import LossSum

BORDER = 0.5
"""A label is told where its calibrated probability is at least this."""


class SeveralLabels(Labelling):
    """Each label is right or not, whatever the others are."""

    prior_name: ClassVar = "each label's share"

    def ordered(self, data: LabelledSequences, separator: str | None) -> tuple[str, ...]:
        if not data.kinds:
            raise data.error("no sequence has a label: a classifier needs at least one to tell")
        for label in data.kinds:
            if separator and separator in label:
                raise data.error(f"the label {label!r} holds {separator!r}: set label_separator to another mark")
        return data.kinds

    def encoded(self, data: LabelledSequences, labels: tuple[str, ...]) -> Targets:
        numbers = {label: number for number, label in enumerate(labels)}
        targets = np.zeros((len(data), len(labels)), np.float32)
        for row, own in enumerate(data.require_labels()):
            if isinstance(own, str):
                raise data.error("one label each, where training had several: give label_separator, or lists of labels")
            for label in own:
                if label not in numbers:
                    raise unknown(data, row, label, labels)
                targets[row, numbers[label]] = 1
        return targets

    def weights(self, settings: ClassifierSettings, labels: tuple[str, ...], targets: Targets) -> Array:
        if settings.class_weights != "none":
            raise OstinatoError(
                "class_weights: for sequences of one label each. Of several, each is told where its calibrated "
                "probability is at least a half, which weights would not move: leave it out, and choose borders of "
                "predict_proba yourself"
            )
        return np.ones(len(labels))

    def loss(self, scores: Tensor, target: Tensor, weights: Tensor, smoothing: float) -> LossSum:
        """The binary cross-entropy of each label, added up over the labels of a row; the mean is over the rows.

        Weights are those of the rows that have a label, and smoothing gives either answer half of its share.
        """
        goal = (target * (1 - smoothing) + smoothing / 2).to(scores.dtype).expand_as(scores)
        total = F.binary_cross_entropy_with_logits(scores, goal, pos_weight=weights.to(scores.dtype), reduction="sum")
        return LossSum(total, torch.tensor(float(len(target)), device=scores.device))

    def logits(self, mix: Mix, network: Array, linear: Array | None) -> Array:
        """The log-odds of each label: those of the network and of the linear part add up."""
        alone = network / mix.temperature
        return alone if linear is None else alone + mix.slope * linear + mix.offset

    def fitted_mix(self, network: Array, linear: Array | None, targets: Targets, *, temperature: bool = True) -> Mix:
        """As of one label, with one more row of which each label has a half."""
        goal = torch.from_numpy((targets * len(targets) + 0.5) / (len(targets) + 1.0)).double()

        def loss(own: Tensor, beside: Tensor | None) -> Tensor:
            return F.binary_cross_entropy_with_logits(own if beside is None else own + beside, goal)

        def errors(mix: Mix) -> tuple[float, float]:
            logits = self.logits(mix, network, linear)
            return float(self.losses(logits, targets).mean()), calibration_error(self.probabilities(logits), targets)

        plain = likeliest(network, linear, loss, temperature=False)
        if not temperature:
            return plain
        mix = likeliest(network, linear, loss, temperature=True)
        return plain if any(after > before for after, before in zip(errors(mix), errors(plain), strict=True)) else mix

    def probabilities(self, logits: Array) -> Array:
        return np.asarray(np.exp(-np.logaddexp(0, -logits)))

    def log_odds(self, logits: Array, of: int) -> Array:
        return np.asarray(logits[:, of])

    def losses(self, logits: Array, targets: Targets) -> Array:
        return np.asarray((np.logaddexp(0, logits) - logits * targets).sum(axis=1))

    def told(self, shares: Array, labels: Sequence[str], separator: str | None) -> list[str]:
        assert separator is not None
        return [separator.join(compress(labels, row >= BORDER)) for row in shares]

    def confidence(self, shares: Array) -> Array:
        """That all labels told are right, and no other is: the product over the labels."""
        return np.asarray(np.where(shares >= BORDER, shares, 1 - shares).prod(axis=1))

    def prior(self, targets: Targets, labels: int) -> Array:
        return np.asarray(targets.mean(axis=0, dtype=np.float64))

    def indicators(self, targets: Targets, labels: int) -> Array:
        return targets.astype(np.float64)

    def of_distances(self, distances: Array) -> Array:
        return self.probabilities(distances)

    def scores(self, shares: Array, targets: Targets) -> dict[str, float]:
        """Micro and macro F1, the share of rows that are told exactly, and the mean ROC AUC of the labels.

        Macro F1 is over the labels that are there or were told, the AUC over those that some rows have and some not.
        """
        from sklearn.metrics import accuracy_score, f1_score, roc_auc_score  # not before: it takes a second to import

        told, there = (shares >= BORDER).astype(np.int64), targets.astype(np.int64)
        judged = np.flatnonzero(there.any(axis=0) & ~there.all(axis=0))
        areas = [roc_auc_score(there[:, label], shares[:, label]) for label in judged]
        micro, macro = (f1_score(there, told, average=way, zero_division=np.nan) for way in ("micro", "macro"))
        return {
            "f1_micro": float(micro),
            "f1_macro": float(macro),
            "exact": float(accuracy_score(there, told)),
            "auc": float(np.mean(areas)) if areas else math.nan,
        }

    def report(
        self, labels: tuple[str, ...], targets: Targets, before: Array, after: Array, temperature: float
    ) -> SeveralReport:
        told, there = after >= BORDER, targets == 1
        return SeveralReport(
            labels,
            np.stack([(told & there).sum(axis=0), told.sum(axis=0), there.sum(axis=0)]),
            calibration_error(before, targets),
            calibration_error(after, targets),
            temperature,
        )


def calibration_error(shares: Array, targets: Targets) -> float:
    """How far the probabilities of labels are from their frequency, mean over 15 bins of like probability.

    Args:
        shares: Probabilities ``(rows, labels)``.
        targets: 0 and 1, ``(rows, labels)``.
    """
    return gap(shares.ravel(), targets.ravel())
