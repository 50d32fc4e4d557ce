"""What a Transcriber's network is trained by, and judged by."""

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ostinato.data.audio_checks import unalignable
from ostinato.modalities import padded
from ostinato.modalities.modality import Reader, Steps
from ostinato.nn import ctc_loss
from ostinato.tasks.transcription.alphabet import Alphabet
from ostinato.tasks.transcription.error_rates import of_characters, plain_rate
from ostinato.tasks.transcription.network import TextBatch, TranscriptionNetwork
from ostinato.tasks.transcription.reading import LogProbabilities, log_probabilities
from ostinato.topologies import ctc_greedy
from ostinato.training import LossSum

SHARE_OF_LOSS = 0.01
"""Of the loss in nats a token, in the score by which training stops."""


def gathered(steps: Sequence[Steps], tokens: Sequence[Sequence[int]]) -> TextBatch:
    """A batch of the steps of some recordings, and the tokens of their texts."""
    lengths = np.array([len(own) for own in tokens], np.int64)
    targets = np.zeros((len(tokens), max(int(lengths.max()), 1)), np.int64)
    for row, own in zip(targets, tokens, strict=True):
        row[: len(own)] = own
    return TextBatch(*padded(steps), torch.from_numpy(targets), torch.from_numpy(lengths))


def gathering(
    read: Reader, tokens: Sequence[Sequence[int]], enough: Callable[[int, Sequence[int]], bool]
) -> Callable[[npt.NDArray[np.int64], np.random.Generator], TextBatch]:
    """What makes batches to train on.

    Args:
        read: Gives the steps of recordings.
        tokens: Of each.
        enough: Whether so many steps can be aligned with such tokens: a recording made faster may have too few, and is
            then read as it is.
    """

    def batch(rows: npt.NDArray[np.int64], rng: np.random.Generator) -> TextBatch:
        own = [tokens[row] for row in rows]
        steps = read(rows, rng)
        short = [place for place, each in enumerate(steps) if not enough(len(each), own[place])]
        for place in short:
            steps[place] = read([rows[place]])[0]
        return gathered(steps, own)

    return batch


def transcription_loss(model: nn.Module, batch: TextBatch) -> LossSum:
    """The negative log-likelihood of the texts of a batch, over all their tokens."""
    scores, steps = model(batch.x, batch.lengths)
    rows = ctc_loss(scores, batch.targets, steps, batch.target_lengths)
    return LossSum(rows.sum(), batch.target_lengths.sum())


def transcription_error(read: Reader, texts: Sequence[str], alphabet: Alphabet) -> Callable[[nn.Module], float]:
    """What scores a network by the share of characters that its greedy texts have wrong.

    A little of the loss is added: in the first epochs a network writes blanks alone, and only its loss tells that it
    learns.
    """
    tokens = [alphabet.encoded(text) for text in texts]

    def score(model: nn.Module) -> float:
        told = log_probabilities(cast(TranscriptionNetwork, model), read)
        wrong = plain_rate(of_characters(texts, [alphabet.written(_greedy(each)) for each in told]))
        return wrong + SHARE_OF_LOSS * _nats(told, tokens)

    return score


def _greedy(told: LogProbabilities) -> list[int]:
    return ctc_greedy(torch.from_numpy(told[None]))[0]


def _nats(told: Sequence[LogProbabilities], tokens: Sequence[Sequence[int]]) -> float:
    """The negative log-likelihood of each token, of the recordings that are long enough for theirs."""
    fitting = [row for row, own in enumerate(tokens) if not unalignable([len(told[row])], [own])]
    each = [
        ctc_loss(torch.from_numpy(told[row][None]), torch.tensor([tokens[row]], dtype=torch.int64)) for row in fitting
    ]
    return float(sum(nats.item() for nats in each)) / max(sum(len(tokens[row]) for row in fitting), 1)
