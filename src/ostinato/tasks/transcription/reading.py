"""From recordings to what texts are searched in."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.modalities import padded
from ostinato.modalities.modality import Reader
from ostinato.tasks.transcription.network import TranscriptionNetwork

STEPS = 20_000
"""Steps, padding included, that are read at a time."""


@torch.no_grad()
def told_of(network: TranscriptionNetwork, read: Reader) -> Iterator[tuple[int, Tensor]]:
    """What a network makes of each recording, ``(steps, ...)``, see `TranscriptionNetwork.read`, with its number.

    Recordings of like length come together; one without a step does not come.
    """
    device = next(network.parameters()).device
    for rows in _of_like_length(read.lengths):
        x, lengths = padded(read(rows))
        features, steps = network.front_end(x.to(device), lengths.to(device))
        told, _ = network.read(features, None, steps)
        for row, own, count in zip(rows, told, steps.tolist(), strict=True):
            yield row, own[:count]


def _of_like_length(lengths: npt.NDArray[np.int64]) -> list[list[int]]:
    parts: list[list[int]] = [[]]
    for row in np.argsort(lengths, kind="stable").tolist():
        if not lengths[row]:
            continue
        if parts[-1] and (len(parts[-1]) + 1) * lengths[row] > STEPS:
            parts.append([])
        parts[-1].append(row)
    return [part for part in parts if part]
