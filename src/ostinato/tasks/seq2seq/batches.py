"""Padded batches of pairs of texts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ostinato.data.batches import BucketBatches
from ostinato.data.tokenizers import Ids
from ostinato.nn import sequence_mask
from ostinato.tasks.prepared import bucketed
from ostinato.tasks.seq2seq.settings import Seq2SeqSettings
from ostinato.tasks.seq2seq.texts import END, PAD, START

Pair = tuple[Ids, Ids]

MULTIPLE = 4
"""Rows are padded to a multiple of so many units: libraries compile products in low precision anew for every shape."""


class PairBatch(NamedTuple):
    """Pairs side by side, padded. A source ends with the end unit; a target is read from the start, written to the end.

    Attributes:
        source: Units to read, int64 ``(batch, time)``.
        source_lengths: Of each row, int64 ``(batch,)``.
        target_in: What the decoder is fed, int64 ``(batch, steps)``.
        target_out: What it is to write, likewise.
        target_lengths: Of each row, int64 ``(batch,)``.
    """

    source: Tensor
    source_lengths: Tensor
    target_in: Tensor
    target_out: Tensor
    target_lengths: Tensor

    @property
    def valid(self) -> Tensor:
        """Which steps of the targets are valid, booleans ``(batch, steps)``."""
        return sequence_mask(self.target_lengths, self.target_in.shape[1])


def padded(rows: Sequence[Ids]) -> tuple[Tensor, Tensor]:
    """Rows of units side by side, int64 ``(batch, time)``, and their lengths, int64 ``(batch,)``."""
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    longest = int(lengths.max(initial=0))
    ids = np.full((len(rows), longest + -longest % MULTIPLE), PAD, np.int64)
    ids[np.arange(ids.shape[1]) < lengths[:, None]] = np.concatenate(rows) if len(rows) else []
    return torch.from_numpy(ids), torch.from_numpy(lengths)


def source_batch(sources: Sequence[Ids]) -> tuple[Tensor, Tensor]:
    """Sources, each with its end unit, as an encoder reads them: units ``(batch, time)`` and lengths ``(batch,)``."""
    return padded([np.append(ids, END) for ids in sources])


def pair_batch(pairs: Sequence[Pair]) -> PairBatch:
    """Pairs as a batch."""
    source, source_lengths = source_batch([pair[0] for pair in pairs])
    target_in, target_lengths = padded([np.append(START, pair[1]) for pair in pairs])
    target_out, _ = padded([np.append(pair[1], END) for pair in pairs])
    return PairBatch(source, source_lengths, target_in, target_out, target_lengths)


def pair_batches(pairs: Sequence[Pair], settings: Seq2SeqSettings) -> BucketBatches[PairBatch]:
    """Training batches of pairs of like length."""
    sources, targets = (np.array([len(pair[side]) for pair in pairs], np.int64) for side in (0, 1))
    order = targets * (sources.max(initial=0) + 1) + sources  # by target, those of equal length by source
    return bucketed(order, lambda rows: pair_batch([pairs[row] for row in rows]), settings)
