"""What became of each label, as a table for people and for programs."""

import io
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ostinato.tasks.classification.calibration import Array, calibration_error
from ostinato.tasks.classification.scores import Numbers, confusion

MOST_LABELS = 12
"""A confusion matrix of more is not shown, as no terminal holds it; `ClassReport.confusion` has it."""


class LabelReport(ABC):
    """What became of each label.

    Attributes:
        labels: In the order of the model.
        error_before: Expected calibration error before the temperature was applied.
        error_after: And after.
        temperature: By which the network's scores are divided.
    """

    labels: tuple[str, ...]
    error_before: float
    error_after: float
    temperature: float

    @abstractmethod
    def counts(self) -> tuple[Numbers, Numbers, Numbers]:
        """How often each label was rightly told, was told, and was there, ``(labels,)`` each."""

    @property
    def table(self) -> pd.DataFrame:
        """Precision, recall, F1 and count of each label; NaN where there is nothing to divide by."""
        right, told, there = self.counts()
        return pd.DataFrame(
            {
                "precision": np.where(told > 0, right / np.maximum(told, 1), np.nan),
                "recall": np.where(there > 0, right / np.maximum(there, 1), np.nan),
                "f1": np.where(told + there > 0, 2 * right / np.maximum(told + there, 1), np.nan),
                "count": there,
            },
            index=pd.Index(self.labels, name="label"),
        )

    def more(self) -> Iterator[RenderableType]:
        """What stands below the table."""
        yield from ()

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
        return Group(each, Text(""), *self.more(), calibration)

    def __str__(self) -> str:
        """As plain text."""
        text = io.StringIO()
        Console(file=text, width=120, color_system=None).print(self.rich())
        return text.getvalue().rstrip("\n")


@dataclass(frozen=True, eq=False)
class ClassReport(LabelReport):
    """What became of each label, where each sequence has one.

    Attributes:
        confusion: ``(labels, labels)``: how often each label (rows) was told to be each (columns).
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

    def counts(self) -> tuple[Numbers, Numbers, Numbers]:
        return np.diagonal(self.confusion), self.confusion.sum(0), self.confusion.sum(1)

    def more(self) -> Iterator[RenderableType]:
        """The confusion matrix, where a terminal can hold it."""
        if len(self.labels) <= MOST_LABELS:
            matrix = _table("is \\ told", *self.labels)
            for label, row in zip(self.labels, self.confusion, strict=True):
                matrix.add_row(Text(label), *(f"{count:,}" for count in row))
            yield from (matrix, Text(""))


@dataclass(frozen=True, eq=False)
class SeveralReport(LabelReport):
    """What became of each label, where each sequence may have several.

    Attributes:
        found: ``(3, labels)``: how often each was rightly told, was told, and was there.
    """

    labels: tuple[str, ...]
    found: Numbers
    error_before: float
    error_after: float
    temperature: float

    def counts(self) -> tuple[Numbers, Numbers, Numbers]:
        right, told, there = self.found
        return right, told, there


def _table(first: str, *others: str) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(first)
    for heading in others:
        table.add_column(Text(heading), justify="right")
    return table


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f}"
