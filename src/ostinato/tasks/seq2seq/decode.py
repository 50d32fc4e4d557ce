"""Using a trained network: writing the likeliest texts."""

from collections.abc import Iterator, Sequence

import torch

from ostinato.data.tokenizers import Ids
from ostinato.tasks.seq2seq.batches import source_batch
from ostinato.tasks.seq2seq.ensemble import Ensemble
from ostinato.tasks.seq2seq.texts import END, START
from ostinato.topologies import Hypothesis, SearchLimits, beam_search
from ostinato.training import moved

ROWS = 64
"""Texts read together."""


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
        For each source its texts as units without the end, best first. What each looked at, where there is attention,
        is ``(units + 1, source units + 1)``, the end units included; rows sum to 1.
    """
    limits = SearchLimits(END, max_length, min_length, length_penalty, no_repeat)
    device = network.device
    found: dict[int, list[Hypothesis]] = {}
    for rows in _by_length(list(map(len, sources))):
        memory = network.encode(*moved(source_batch([sources[row] for row in rows]), device))
        first = torch.full((len(rows),), START, device=device)
        every = beam_search(network.step, memory, first, limits, beam_size=beam_size, n_best=n_best)
        found |= {row: [_unpadded(one, sources[row]) for one in best] for row, best in zip(rows, every, strict=True)}
    return [found[row] for row in range(len(sources))]


def _unpadded(hypothesis: Hypothesis, source: Ids) -> Hypothesis:
    """A text with its attention on the source and the source's end alone."""
    weights = hypothesis.attention
    return hypothesis if weights is None else hypothesis._replace(attention=weights[:, : len(source) + 1])


def _by_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows to take together, those of like length, so that little is padded."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return (order[first : first + ROWS] for first in range(0, len(order), ROWS))
