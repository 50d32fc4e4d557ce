"""Recordings to train on as they come in a running stream: after others, with quiet between and behind."""

from collections.abc import Sequence

import numpy as np
import torch

from ostinato.data.clip import Clip
from ostinato.modalities import Audio
from ostinato.modalities.modality import Steps
from ostinato.tasks.classification.batches import Batch, Targets, gathered
from ostinato.tasks.classification.distractors import noise

GAP, TAIL = 0.6, 0.3
"""Seconds of quiet before a recording, and behind it, at most."""


def gathered_in_streams(steps: Sequence[Steps], targets: Targets, audio: Audio, rng: np.random.Generator) -> Batch:
    """A batch of recordings, half of which come after another one of it, and half before a little quiet.

    Args:
        steps: Of the recordings.
        targets: Of their labels.
        audio: Makes steps of quiet.
        rng: To draw with.
    """
    nothing = steps[0][:0]
    before, behind = [], []
    for other in rng.permutation(len(steps)):
        late, early = rng.integers(0, 2, 2)
        before.append(np.concatenate([steps[other], _quiet(audio, GAP, rng)]) if late else nothing)
        behind.append(_quiet(audio, TAIL, rng) if early else nothing)
    rows = [np.concatenate(parts) for parts in zip(before, steps, behind, strict=True)]
    return gathered(rows, targets)._replace(begins=torch.tensor([len(each) for each in before]))


def _quiet(audio: Audio, longest: float, rng: np.random.Generator) -> Steps:
    count = int(rng.uniform(0, longest) * audio.rate) + 1
    return audio.steps(Clip.of_wave(noise(count, rng), audio.rate))
