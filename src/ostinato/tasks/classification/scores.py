"""How well labels were told: shares, ranks, and the confusion of each label with each other."""

import math

import numpy as np
import numpy.typing as npt

from ostinato.tasks.classification.calibration import Array

Numbers = npt.NDArray[np.int64]


def confusion(targets: Numbers, told: Numbers, classes: int) -> Numbers:
    """How often each label (rows) was told to be each (columns)."""
    return np.bincount(targets * classes + told, minlength=classes**2).reshape(classes, classes)


def scores_of(scores: Array, targets: Numbers) -> dict[str, float]:
    """Accuracy, macro F1 and ROC AUC of scores ``(rows, classes)``, the higher the likelier.

    F1 is the mean over the labels that are there or were told; the area under the curve is that of the second of two
    labels, or of more the mean of each that is there against the rest; NaN where all rows are of one label.
    """
    from sklearn.metrics import f1_score, roc_auc_score  # not before: it takes a second to import

    classes, told = scores.shape[1], scores.argmax(axis=1)
    there = np.bincount(targets, minlength=classes)
    judged = [number for number in range(classes) if 0 < there[number] < len(targets)]
    if classes == 2:
        judged = judged[1:]
    areas = [roc_auc_score(targets == number, scores[:, number]) for number in judged]
    return {
        "accuracy": float((told == targets).mean()),
        "f1": float(f1_score(targets, told, average="macro")),
        "auc": float(np.mean(areas)) if areas else math.nan,
    }
