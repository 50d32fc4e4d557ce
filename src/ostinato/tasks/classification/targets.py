"""What a sequence's labels are to training: one of them all, or any number. One interface for both."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from ostinato.data.labelled import LabelledSequences
from ostinato.tasks.classification.batches import Targets
from ostinato.tasks.classification.calibration import Array, Mix
from ostinato.tasks.classification.report import LabelReport
from ostinato.tasks.classification.settings import ClassifierSettings
from ostinato.training import LossSum


class Labelling(ABC):
    """How labels become targets, scores probabilities, and both a loss and figures.

    Targets are int64 numbers of labels ``(rows,)`` where each sequence has one, and float32 0 and 1 ``(rows, labels)``
    where it may have several.

    Attributes:
        prior_name: What the baseline that goes by the labels' frequency is called.
    """

    prior_name: ClassVar[str]

    @abstractmethod
    def ordered(self, data: LabelledSequences, separator: str | None) -> tuple[str, ...]:
        """The labels of a training part, in the order of the network's outputs.

        Raises:
            OstinatoError: There are too few, or one holds the separator that is to stand between them.
        """

    @abstractmethod
    def encoded(self, data: LabelledSequences, labels: tuple[str, ...]) -> Targets:
        """The targets.

        Raises:
            OstinatoError: A label is not one of these, with its row; or the data are of the other kind.
        """

    @abstractmethod
    def weights(self, settings: ClassifierSettings, labels: tuple[str, ...], targets: Targets) -> Array:
        """What each label's examples weigh, ``(labels,)``.

        Raises:
            OstinatoError: The setting does not fit the labels.
        """

    @abstractmethod
    def loss(self, scores: Tensor, target: Tensor, weights: Tensor, smoothing: float) -> LossSum:
        """The loss of each network, added up over them, so that each learns as it would alone.

        Args:
            scores: ``(networks, batch, labels)``.
            target: Of the batch.
            weights: Of each label's examples, ``(labels,)``.
            smoothing: Share of the target spread over all that could be.
        """

    @abstractmethod
    def logits(self, mix: Mix, network: Array, linear: Array | None) -> Array:
        """The scores of both parts as one, ``(rows, labels)``."""

    @abstractmethod
    def fitted_mix(self, network: Array, linear: Array | None, targets: Targets, *, temperature: bool = True) -> Mix:
        """The mix with the least negative log-likelihood on validation data.

        Args:
            network: Scores ``(rows, labels)``.
            linear: Those of the linear part, or None.
            targets: Of the rows.
            temperature: Whether to fit it too; else it is 1.
        """

    @abstractmethod
    def probabilities(self, logits: Array) -> Array:
        """Of each label, ``(rows, labels)``."""

    @abstractmethod
    def log_odds(self, logits: Array, of: int) -> Array:
        """The log of a label's probability over that of its absence, ``(rows,)``."""

    @abstractmethod
    def losses(self, logits: Array, targets: Targets) -> Array:
        """The negative log-likelihood of each row's labels, ``(rows,)``."""

    @abstractmethod
    def told(self, shares: Array, labels: Sequence[str], separator: str | None) -> list[str]:
        """What is told of each row, in words; "" where there is nothing to tell.

        Args:
            shares: Probabilities ``(rows, labels)``, NaN in rows with nothing to read.
            labels: Their names.
            separator: Stands between several.
        """

    @abstractmethod
    def confidence(self, shares: Array) -> Array:
        """The probability that what is told of a row is right, ``(rows,)``; NaN stays."""

    @abstractmethod
    def prior(self, targets: Targets, labels: int) -> Array:
        """The share of rows that each label has, ``(labels,)``."""

    @abstractmethod
    def indicators(self, targets: Targets, labels: int) -> Array:
        """Whether each row has each label, 0 or 1, ``(rows, labels)``."""

    @abstractmethod
    def of_distances(self, distances: Array) -> Array:
        """What `scores` takes, of the distances from each label's border."""

    @abstractmethod
    def scores(self, shares: Array, targets: Targets) -> dict[str, float]:
        """The figures of a table of scores, of probabilities ``(rows, labels)``, or what ranks and parts as they do."""

    @abstractmethod
    def report(
        self, labels: tuple[str, ...], targets: Targets, before: Array, after: Array, temperature: float
    ) -> LabelReport:
        """What became of each label, by probabilities ``(rows, labels)`` before and after calibration."""
