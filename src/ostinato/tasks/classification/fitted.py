"""What fitting a SequenceClassifier leaves: everything that predicts, and that a bundle must hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ostinato.bundle import Bundle
from ostinato.data.labelled import Item, Labelled, LabelledSpec
from ostinato.data.labelled_files import LabelledSource, read_labelled
from ostinato.tasks.classification.bag_of_words import BagOfWords, Grams
from ostinato.tasks.classification.baselines import Baselines
from ostinato.tasks.classification.calibration import Array, Mix
from ostinato.tasks.classification.inputs import Inputs, NumberInputs, TextInputs, gathered
from ostinato.tasks.classification.labels import numbered
from ostinato.tasks.classification.network import ClassifierNetwork
from ostinato.tasks.classification.settings import ClassifierSettings

BATCH = 256
"""Sequences read at once outside training."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained network with all that belongs to it.

    Attributes:
        settings: The classifier's, with the columns that were found.
        labels: In the order of the network's outputs.
        inputs: How items become steps.
        network: On the CPU, in evaluation mode.
        linear: The linear part beside it, where there is one.
        mix: How their scores become log-odds.
        baselines: Fitted on the training part.
    """

    settings: ClassifierSettings
    labels: tuple[str, ...]
    inputs: Inputs
    network: ClassifierNetwork
    linear: BagOfWords | None
    mix: Mix
    baselines: Baselines

    @property
    def spec(self) -> LabelledSpec:
        """How to read new data as the training data were read."""
        return self.settings.spec

    def read(self, data: LabelledSource, *, labels: bool) -> Labelled:
        """New data, read as the training data were.

        Raises:
            OstinatoError: For anything wrong with them, or another kind of sequence or other features.
        """
        read = read_labelled(data, self.spec, labels=labels, known=self.labels)
        if isinstance(self.inputs, TextInputs):
            _ = read.texts  # or an error
        elif isinstance(self.inputs, NumberInputs) and len(read.features) != len(self.inputs.features):
            _ = read.arrays
            raise read.error(f"{len(read.features)} features, where training had {len(self.inputs.features)}")
        if labels:
            numbered(read, self.labels)
        return read

    @torch.no_grad()
    def parts(self, items: Sequence[Item]) -> tuple[Array, Array | None]:
        """The scores ``(rows, labels)`` of the network, and of the linear part where there is one."""
        steps = [self.inputs.steps(item) for item in items]
        order = np.argsort([len(each) for each in steps], kind="stable")
        network = np.empty((len(items), len(self.labels)))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            batch = gathered([steps[row] for row in rows], np.zeros(len(rows), np.int64))
            network[rows] = self.network(batch).double().mean(0).numpy()
        linear = self.linear.logits([str(item) for item in items]) if self.linear is not None else None
        return network, linear

    def logits(self, items: Sequence[Item]) -> Array:
        """Log-odds ``(rows, labels)`` but for a constant in each row."""
        return self.mix.logits(*self.parts(items))

    def tensors(self) -> dict[str, Tensor]:
        """Every number that was learned, by name."""
        linear = {} if self.linear is None else self.linear.tensors()
        return {
            **{f"network.{name}": tensor for name, tensor in self.network.state_dict().items()},
            **{f"baselines.{name}": tensor for name, tensor in self.baselines.tensors().items()},
            **{f"linear.{name}": tensor for name, tensor in linear.items()},
        }

    def extras(self) -> dict[str, Any]:
        """Everything else, fit for JSON."""
        return {"labels": list(self.labels), "inputs": self.inputs.extras(), "mix": self.mix._asdict()}

    @classmethod
    def from_bundle(cls, bundle: Bundle, settings: ClassifierSettings) -> Self:
        """What `tensors` and `extras` say."""
        extras = bundle.extras
        inputs = Inputs.from_extras(extras["inputs"])
        labels = tuple(extras["labels"])
        network = ClassifierNetwork(settings, inputs.size, len(labels), text=isinstance(inputs, TextInputs))
        bundle.load_into(network, prefix="network.")
        linear = None
        if "linear.grams" in bundle.tensors:
            grams = Grams.from_tensor(bundle.tensors["linear.grams"], 2, settings.cut)
            linear = BagOfWords(grams, True, bundle.tensors["linear.weight"], bundle.tensors["linear.bias"])
        baselines = {
            name.removeprefix("baselines."): tensor
            for name, tensor in bundle.tensors.items()
            if name.startswith("baselines.")
        }
        return cls(
            settings,
            labels,
            inputs,
            network.eval(),
            linear,
            Mix(**extras["mix"]),
            Baselines.from_tensors(baselines, settings.cut),
        )
