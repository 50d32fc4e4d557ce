"""What fitting a SequenceClassifier leaves: everything that tells labels, and that a bundle must hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from ostinato.data.audio_parts import TEST
from ostinato.data.labelled import Item, LabelledSequences, LabelledSpec
from ostinato.data.labelled_files import LabelledSource, read_labelled
from ostinato.modalities import Modality
from ostinato.tasks.classification.baselines import Baselines
from ostinato.tasks.classification.batches import gathered
from ostinato.tasks.classification.calibration import Array, Mix
from ostinato.tasks.classification.labels import folded
from ostinato.tasks.classification.linear_text import LinearText
from ostinato.tasks.classification.network import ClassifierNetwork
from ostinato.tasks.classification.one_label import OneLabel
from ostinato.tasks.classification.settings import ClassifierSettings
from ostinato.tasks.classification.several_labels import SeveralLabels
from ostinato.tasks.classification.targets import Labelling
from ostinato.tasks.model import Model
from ostinato.training import moved

BATCH = 256
"""Sequences read at once outside training."""


def labelling_of(several: bool) -> Labelling:
    """What labels are where each sequence may have several, or has one."""
    return SeveralLabels() if several else OneLabel()


@dataclass(frozen=True, eq=False)
class ClassifierModel(Model[ClassifierSettings]):
    """A trained network with all that belongs to it.

    Attributes:
        settings: The classifier's, with the columns that were found.
        network: In evaluation mode.
        labels: In the order of the network's outputs.
        modality: How items become steps.
        linear: The linear part beside the network, where there is one.
        mix: How their scores become log-odds.
        baselines: Fitted on the training part.
    """

    settings: ClassifierSettings
    network: ClassifierNetwork
    labels: tuple[str, ...]
    modality: Modality
    linear: LinearText | None
    mix: Mix
    baselines: Baselines

    def __post_init__(self) -> None:
        """Makes sure that all parts tell the same labels apart."""
        told = {len(self.labels), len(self.baselines.shares)}
        told |= {len(each.bias) for each in (self.linear, self.baselines.machine) if each is not None}
        if len(told) > 1:
            raise ValueError(f"parts tell {' and '.join(map(str, sorted(told)))} labels apart")

    @classmethod
    def build(cls, settings: ClassifierSettings, parts: Mapping[str, Any]) -> ClassifierNetwork:
        return ClassifierNetwork(settings, parts["modality"], parts["labels"])

    @property
    def labelling(self) -> Labelling:
        """What its labels are: one of each sequence, or several."""
        return labelling_of(self.spec.several)

    @property
    def spec(self) -> LabelledSpec:
        """How to read new data as the training data were read."""
        return self.settings.spec

    def read(self, data: LabelledSource, *, labels: bool) -> LabelledSequences:
        """New data, read as the training data were; with labels, of recordings the test part that a manifest names.

        Raises:
            OstinatoError: For anything wrong with them, or another kind of sequence or other features.
        """
        read = folded(read_labelled(data, self.spec, labels=labels, known=self.labels), self.settings.unknown)
        if labels and (tested := read.part(*TEST)) is not None:
            read = tested
        self.modality.check(read)
        if labels:
            self.labelling.encoded(read, self.labels)
        return read

    @torch.no_grad()
    def parts(self, items: Sequence[Item]) -> tuple[Array, Array | None]:
        """The scores ``(rows, labels)`` of the network, and of the linear part where there is one."""
        read = self.modality.reader(items)
        order = np.argsort(read.lengths, kind="stable")
        network = np.empty((len(items), len(self.labels)))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            batch = gathered(read(rows), np.zeros(len(rows), np.int64))
            scores = self.network(moved(batch, self.settings.on_device))
            network[rows] = scores.double().mean(0).cpu().numpy()
        linear = self.linear.logits([str(item) for item in items]) if self.linear is not None else None
        return network, linear

    def logits(self, items: Sequence[Item]) -> Array:
        """Log-odds ``(rows, labels)`` but for a constant in each row."""
        return self.labelling.logits(self.mix, *self.parts(items))

    def named(self, read: LabelledSequences) -> str:
        """What a table calls the column of the sequences' names."""
        return {"numbers": self.spec.id or "id", "text": "text", "audio": "file"}[read.modality]

    def losses(self, data: LabelledSource) -> pd.DataFrame:
        """Of each sequence what it is, what is true, what is told, and how unlikely the truth seemed."""
        read = self.read(data, labels=True)
        targets, logits = self.labelling.encoded(read, self.labels), self.logits(read.items)
        shares = self.labelling.probabilities(logits)
        true = self.labelling.indicators(targets, len(self.labels))
        label, told = (self.labelling.told(each, self.labels, self.settings.label_separator) for each in (true, shares))
        return pd.DataFrame(
            {
                "place": list(read.places),
                self.named(read): list(read.names),
                "label": label,
                "told": told,
                "confidence": self.labelling.confidence(shares),
                "loss": self.labelling.losses(logits, targets),
            }
        )
