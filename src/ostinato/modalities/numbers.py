"""Numbers over time, each feature at unit scale."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ostinato.data.labelled import LabelledSequences
from ostinato.data.tagged import TaggedSequences
from ostinato.errors import OstinatoError
from ostinato.modalities.modality import FrontEnd, Modality, Steps


class NumbersFrontEnd(FrontEnd):
    """Features as they are.

    Args:
        width: Features of a step.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return x, lengths


@dataclass(frozen=True, eq=False)
class Numbers(Modality):
    """Sequences of numbers, each feature with mean 0 and standard deviation 1 on the training part.

    Attributes:
        features: Their names.
        mean: Of each feature, float64 ``(features,)``.
        spread: Standard deviation, 1 for a feature that never changes, float64 ``(features,)``.
        max_length: Steps read of each sequence, the first ones; None for all.

    Example:
        >>> from ostinato.data import LabelledSequences
        >>> from ostinato.modalities import Numbers
        >>> records = LabelledSequences.of_arrays([[1.0, 3.0], [5.0, 7.0]])
        >>> Numbers.learn(records, None).steps(records.arrays[0]).ravel().tolist()
        [-1.34..., -0.44...]
    """

    name: ClassVar[str] = "numbers"
    kinds: ClassVar[str] = "sequences of numbers"
    features: tuple[str, ...]
    mean: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]
    max_length: int | None = None

    def __post_init__(self) -> None:
        """Makes sure that each feature has its mean and spread."""
        if not (len(self.features),) == self.mean.shape == self.spread.shape:
            raise ValueError(f"{len(self.features)} features, means {self.mean.shape}, spreads {self.spread.shape}")

    @classmethod
    def learn(cls, records: LabelledSequences | TaggedSequences, settings: Any) -> Self:
        rows = np.concatenate(records.arrays)
        spread = rows.std(axis=0)
        spread[spread == 0] = 1.0  # a constant feature stays 0
        return cls(records.features, rows.mean(axis=0), spread, getattr(settings, "max_length", None))

    def whole(self, item: npt.NDArray[np.float64]) -> Steps:
        steps: Steps = ((item - self.mean) / self.spread).astype(np.float32)
        return steps

    def plain(self, item: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return item

    def check(self, records: LabelledSequences | TaggedSequences) -> None:
        _ = records.arrays  # or an error
        if (found := len(records.features)) != len(self.features):
            raise OstinatoError(f"{records.origin}: {found} features, where training had {len(self.features)}")

    def front_end(self, settings: Any) -> NumbersFrontEnd:
        return NumbersFrontEnd(len(self.features))

    def summary(self, settings: Any) -> str:
        return f"{len(self.features):,} feature{'s' if len(self.features) > 1 else ''}"
