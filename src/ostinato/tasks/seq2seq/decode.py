"""Using a trained network: writing the likeliest texts, and looking at what it looked at."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.data.tokenizers import Ids
from ostinato.tasks.seq2seq.batches import Pair, pair_batch, source_batch
from ostinato.tasks.seq2seq.ensemble import DecoderStates, EncoderOutputs, Ensemble
from ostinato.tasks.seq2seq.texts import END, START
from ostinato.topologies import Hypothesis, SearchLimits, beam_search

ROWS = 64
"""Texts read together."""

Alignment = npt.NDArray[np.float64]


@torch.no_grad()
def search(
    network: Ensemble,
    sources: Sequence[Ids],
    *,
    beam_size: int,
    n_best: int = 1,
    length_penalty: float = 0.0,
    max_length: int = 100,
    min_length: int = 0,
    no_repeat: int = 0,
) -> list[list[Hypothesis]]:
    """The likeliest texts for some sources.

    Args:
        network: In evaluation mode.
        sources: Units of each, without start and end.
        beam_size: Beginnings kept; 1 is greedy.
        n_best: Texts for each source.
        length_penalty: As in `SearchLimits`, likewise the next three.
        max_length: Units at most.
        min_length: Units at least.
        no_repeat: Units of a run that must not come twice.

    Returns:
        For each source its texts as units without the end, best first.
    """
    limits = SearchLimits(END, max_length, min_length, length_penalty, no_repeat)
    device = network.device

    def step(ids: Tensor, memory: EncoderOutputs, carry: DecoderStates | None) -> tuple[Tensor, DecoderStates]:
        log_probabilities, carry, _ = network.step(ids, memory, carry)
        return log_probabilities, carry

    found: dict[int, list[Hypothesis]] = {}
    for rows in _by_length(list(map(len, sources))):
        ids, lengths = (tensor.to(device) for tensor in source_batch([sources[row] for row in rows]))
        first = torch.full((len(rows),), START, device=device)
        memory = network.encode(ids, lengths)
        best = beam_search(step, memory, first, limits, beam_size=beam_size, n_best=n_best)
        found |= dict(zip(rows, best, strict=True))
    return [found[row] for row in range(len(sources))]


@torch.no_grad()
def align(network: Ensemble, pairs: Sequence[Pair]) -> list[Alignment]:
    """Where attention looks as the targets of some pairs are written.

    Args:
        network: With attention, in evaluation mode.
        pairs: Units of sources and targets, without start and end.

    Returns:
        For each pair weights ``(target units + 1, source units + 1)``, the end units included; rows sum to 1.
    """
    found: dict[int, Alignment] = {}
    for rows in _by_length([len(pair[1]) for pair in pairs]):
        batch = pair_batch([pairs[row] for row in rows]).to(network.device)
        memory, carry, steps = network.encode(batch.source, batch.source_lengths), None, []
        for ids in batch.target_in.unbind(1):
            _, carry, weights = network.step(ids, memory, carry)
            assert weights is not None
            steps.append(weights)
        every = torch.stack(steps, dim=1).double().cpu().numpy()
        found |= {
            row: every[place, : len(pairs[row][1]) + 1, : len(pairs[row][0]) + 1] for place, row in enumerate(rows)
        }
    return [found[row] for row in range(len(pairs))]


def _by_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows to take together, those of like length, so that little is padded."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return (order[first : first + ROWS] for first in range(0, len(order), ROWS))
