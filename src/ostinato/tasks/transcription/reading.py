"""From recordings to the probability of each token at each step."""

import numpy as np
import numpy.typing as npt
import torch

from ostinato.modalities import padded
from ostinato.modalities.modality import Reader
from ostinato.tasks.transcription.network import TranscriptionNetwork

STEPS = 20_000
"""Steps, padding included, that are read at a time."""

LogProbabilities = npt.NDArray[np.float32]
"""Of the blank and of each token at each step, ``(steps, 1 + tokens)``."""


@torch.no_grad()
def log_probabilities(network: TranscriptionNetwork, read: Reader) -> list[LogProbabilities]:
    """What a network makes of each recording; nothing of one without a step."""
    device = next(network.parameters()).device
    classes = network.wiring.output.out_features
    found: list[LogProbabilities] = [np.zeros((0, classes), np.float32) for _ in read.lengths]
    for rows in _of_like_length(read.lengths):
        x, lengths = padded(read(rows))
        scores, steps = network(x.to(device), lengths.to(device))
        told = scores.float().log_softmax(-1).cpu().numpy()
        for row, own, count in zip(rows, told, steps.tolist(), strict=True):
            found[row] = own[:count].copy()
    return found


def _of_like_length(lengths: npt.NDArray[np.int64]) -> list[list[int]]:
    parts: list[list[int]] = [[]]
    for row in np.argsort(lengths, kind="stable").tolist():
        if not lengths[row]:
            continue
        if parts[-1] and (len(parts[-1]) + 1) * lengths[row] > STEPS:
            parts.append([])
        parts[-1].append(row)
    return [part for part in parts if part]
