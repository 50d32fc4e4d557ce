"""Replies: drawn unit by unit, and how likely they are."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ostinato.data.tokenizers import Ids
from ostinato.tasks.dialogue.settings import ChatbotSettings
from ostinato.tasks.seq2seq.batches import Pair, pair_batch, source_batch
from ostinato.tasks.seq2seq.decode import search
from ostinato.tasks.seq2seq.ensemble import Ensemble
from ostinato.tasks.seq2seq.texts import END, START
from ostinato.topologies import no_repeat_ngram, repetition_penalty, sample, top_k_top_p_filter
from ostinato.training import moved, num_threads

SCORED = 64
"""Pairs whose likelihood is found at a time."""


@torch.no_grad()
def written(
    network: Ensemble, contexts: Sequence[Ids], settings: ChatbotSettings, generator: torch.Generator
) -> Iterator[Tensor]:
    """Writes a reply to each context.

    Args:
        network: In evaluation mode.
        contexts: What was said, as units.
        settings: How units are drawn.
        generator: Draws them.

    Yields:
        At each step the unit written in each row, int64 ``(batch,)``; the end unit in rows that are done.
    """
    device = network.device
    memory, carry = network.encode(*moved(source_batch(contexts), device)), None
    last = torch.full((len(contexts),), START)
    so_far = last.new_empty(len(contexts), 0)
    over = torch.zeros_like(last, dtype=torch.bool)
    while so_far.shape[1] < settings.max_length and not over.all():
        with num_threads(1):  # in steps of a few rows, more of them only wait for each other
            scores, carry, _ = network.step(last.to(device), memory, carry)
            scores = allowed(scores.cpu(), so_far, settings)
            likely = top_k_top_p_filter(
                scores, temperature=settings.temperature, top_k=settings.top_k, top_p=settings.top_p
            )
            last = sample(likely, generator).masked_fill(over, END)
        over = over | (last == END)
        so_far = torch.cat([so_far, last[:, None]], dim=1)
        yield last


def allowed(scores: Tensor, so_far: Tensor, settings: ChatbotSettings) -> Tensor:
    """Log-probabilities with what the settings forbid at minus infinity.

    Args:
        scores: Of the next unit ``(batch, units)``.
        so_far: What each row has, ``(batch, steps)``.
        settings: Repetition and length.

    Returns:
        Scores ``(batch, units)``, the end alone where nothing else is left.
    """
    scores = repetition_penalty(scores, so_far, settings.repetition_penalty)
    scores = no_repeat_ngram(scores, so_far, settings.no_repeat_ngram)
    end = torch.arange(scores.shape[1], device=scores.device) == END
    if so_far.shape[1] < settings.min_length:
        scores = scores.masked_fill(end, -torch.inf)
    stuck = scores.isneginf().all(-1, keepdim=True)
    return scores.masked_fill(stuck & end, 0.0)


def candidates(network: Ensemble, context: Ids, settings: ChatbotSettings, generator: torch.Generator) -> list[Ids]:
    """As many replies to a context as the settings ask for, each without its end."""
    if settings.decoding == "beam":
        (found,) = search(
            network,
            [context],
            beam_size=settings.beam_size,
            n_best=settings.candidates,
            length_penalty=settings.length_penalty,
            max_length=settings.max_length,
            min_length=settings.min_length,
            no_repeat=settings.no_repeat_ngram,
        )
        return [np.array(hypothesis.ids, np.int32) for hypothesis in found]
    steps = list(written(network, [context] * settings.candidates, settings, generator))
    return [until_end(row) for row in torch.stack(steps, dim=1).numpy()]


def until_end(ids: np.ndarray) -> Ids:
    """Units before the first end, int32."""
    ends = np.flatnonzero(ids == END)
    return ids[: ends[0] if ends.size else len(ids)].astype(np.int32)


@torch.no_grad()
def log_likelihoods(network: Ensemble, pairs: Sequence[Pair]) -> tuple[Tensor, Tensor]:
    """How likely replies are to contexts.

    Args:
        network: In evaluation mode.
        pairs: Contexts and replies.

    Returns:
        The log-probability of each whole reply, its end included, in nats, float64 ``(pairs,)``, and the number of its
        units, end included, int64 ``(pairs,)``.
    """
    order = np.argsort([len(reply) for _, reply in pairs], kind="stable")
    sums = torch.zeros(len(pairs), dtype=torch.float64)
    for start in range(0, len(pairs), SCORED):
        rows = torch.from_numpy(order[start : start + SCORED])
        batch = pair_batch([pairs[row] for row in rows])
        owners, units = rows.repeat_interleave(batch.target_lengths), batch.target_out[batch.valid]
        likely = network(moved(batch, network.device)).log_softmax(-1).cpu()
        sums.index_add_(0, owners, likely.gather(-1, units[:, None])[:, 0].double())
    return sums, torch.tensor([len(reply) + 1 for _, reply in pairs])
