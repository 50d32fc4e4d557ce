"""What a transcriber has to beat: the commonest text, and that of the training recording that sounds most alike."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from ostinato.modalities.modality import Reader, Steps
from ostinato.tasks.sample import evenly

REMEMBERED = 5_000
"""Training recordings that the nearest is looked for among, at most."""


@dataclass(frozen=True, eq=False)
class Baselines:
    """Simple transcribers.

    Attributes:
        commonest: The text that is said most often in training.
        texts: Of the training recordings that are remembered.
        sounds: Mean and spread over time of each of their bands, float32 ``(recordings, 2 * bands)``.
    """

    commonest: str
    texts: tuple[str, ...]
    sounds: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        """Makes sure that each sound has its text."""
        if self.sounds.ndim != 2 or len(self.sounds) != len(self.texts):
            raise ValueError(f"{len(self.texts)} texts and sounds of shape {self.sounds.shape}")

    @classmethod
    def fit(cls, texts: Sequence[str], read: Reader) -> Self:
        """Those of some recordings."""
        rows = evenly(len(texts), REMEMBERED)
        sounds = np.stack([_sound(read([row])[0]) for row in rows])
        return cls(Counter(texts).most_common(1)[0][0], tuple(texts[row] for row in rows), sounds)

    def told(self, read: Reader) -> dict[str, list[str]]:
        """What each says of some recordings."""
        nearest = []
        for row in range(len(read.lengths)):
            away = np.square(self.sounds - _sound(read([row])[0])).sum(axis=1)
            nearest.append(self.texts[int(away.argmin())])
        return {"commonest text": [self.commonest] * len(nearest), "nearest recording": nearest}


def _sound(steps: Steps) -> npt.NDArray[np.float32]:
    steps = steps if len(steps) else np.zeros((1, *steps.shape[1:]), np.float32)
    flat = steps.reshape(len(steps), -1)
    return np.concatenate([flat.mean(axis=0), flat.std(axis=0)]).astype(np.float32)
