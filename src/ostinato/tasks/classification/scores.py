"""How well labels were told: shares, ranks, and the confusion of each label with each other."""

import io
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ostinato.tasks.classification.calibration import Array, calibration_error

Numbers = npt.NDArray[np.int64]

MOST_LABELS = 12
"""A confusion matrix of more is not shown, as no terminal holds it; `ClassReport.confusion` has it."""


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


@dataclass(frozen=True, eq=False)
class ClassReport:
    """What became of each label.

    Attributes:
        labels: In the order of the rows and columns of `confusion`.
        confusion: ``(labels, labels)``: how often each label (rows) was told to be each (columns).
        error_before: Expected calibration error before the temperature was applied.
        error_after: And after.
        temperature: By which the network's scores are divided.
    """

    labels: tuple[str, ...]
    confusion: Numbers
    error_before: float
    error_after: float
    temperature: float

    @classmethod
    def of(
        cls, labels: tuple[str, ...], targets: Numbers, before: Array, after: Array, temperature: float
    ) -> "ClassReport":
        """The report on probabilities ``(rows, labels)`` before and after calibration."""
        return cls(
            labels,
            confusion(targets, after.argmax(axis=1), len(labels)),
            calibration_error(before, targets),
            calibration_error(after, targets),
            temperature,
        )

    @property
    def table(self) -> pd.DataFrame:
        """Precision, recall, F1 and count of each label; NaN where there is nothing to divide by."""
        right, told, there = np.diagonal(self.confusion), self.confusion.sum(0), self.confusion.sum(1)
        return pd.DataFrame(
            {
                "precision": np.where(told > 0, right / np.maximum(told, 1), np.nan),
                "recall": np.where(there > 0, right / np.maximum(there, 1), np.nan),
                "f1": np.where(told + there > 0, 2 * right / np.maximum(told + there, 1), np.nan),
                "count": there,
            },
            index=pd.Index(self.labels, name="label"),
        )

    def rich(self) -> RenderableType:
        """For a terminal."""
        each = _table("label", "precision %", "recall %", "F1 %", "count")
        for label, *shares, count in self.table.itertuples():
            each.add_row(Text(str(label)), *(_percent(share) for share in shares), f"{count:,}")
        calibration = Text(f"Expected calibration error: {100 * self.error_after:.1f} %")
        if self.temperature != 1:
            calibration.append(
                f" ({100 * self.error_before:.1f} % before the network's scores were divided by {self.temperature:.2f})"
            )
        parts: list[RenderableType] = [each, Text("")]
        if len(self.labels) <= MOST_LABELS:
            matrix = _table("is \\ told", *self.labels)
            for label, row in zip(self.labels, self.confusion, strict=True):
                matrix.add_row(Text(label), *(f"{count:,}" for count in row))
            parts += [matrix, Text("")]
        return Group(*parts, calibration)

    def __str__(self) -> str:
        """As plain text."""
        text = io.StringIO()
        Console(file=text, width=120, color_system=None).print(self.rich())
        return text.getvalue().rstrip("\n")


def _table(first: str, *others: str) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(first)
    for heading in others:
        table.add_column(Text(heading), justify="right")
    return table


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f}"
