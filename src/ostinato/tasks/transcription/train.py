"""What a Transcriber's network is trained by, and judged by."""

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ostinato.data.tokenizers import Tokenizer
from ostinato.modalities import padded
from ostinato.modalities.modality import Reader, Steps
from ostinato.nn import ctc_loss
from ostinato.tasks.transcription.error_rates import of_characters, plain_rate
from ostinato.tasks.transcription.network import TextBatch, TranscriptionNetwork
from ostinato.tasks.transcription.reading import LogProbabilities, log_probabilities
from ostinato.tasks.transcription.tokens import Ids, encoded, padded_tokens, steps_needed
from ostinato.topologies import ctc_greedy
from ostinato.training import LossSum

SHARE_OF_LOSS = 0.01
"""Of the loss in nats a token, in the score by which training stops."""


def gathered(steps: Sequence[Steps], tokens: Sequence[Ids]) -> TextBatch:
    """A batch of the steps of some recordings, and the tokens of their texts."""
    return TextBatch(*padded(steps), *padded_tokens(tokens))


def gathering(
    read: Reader, tokens: Sequence[Ids], needed: Sequence[int], steps_of: Callable[[Tensor], Tensor]
) -> Callable[[npt.NDArray[np.int64], np.random.Generator], TextBatch]:
    """What makes batches to train on.

    Args:
        read: Gives the frames of recordings.
        tokens: Of each.
        needed: Steps that the text of each needs: a recording made faster may have fewer, and is then read as it is.
        steps_of: Tells how many steps so many frames become.
    """

    def batch(rows: npt.NDArray[np.int64], rng: np.random.Generator) -> TextBatch:
        frames = read(rows, rng)
        steps = steps_of(torch.tensor([len(each) for each in frames])).tolist()
        for place, row in enumerate(rows):
            if steps[place] < needed[row]:
                frames[place] = read([row])[0]
        return gathered(frames, [tokens[row] for row in rows])

    return batch


def transcription_loss(model: nn.Module, batch: TextBatch) -> LossSum:
    """The negative log-likelihood of the texts of a batch, over all their tokens."""
    scores, steps = model(batch.x, batch.lengths)
    rows = ctc_loss(scores, batch.targets, steps, batch.target_lengths)
    return LossSum(rows.sum(), batch.target_lengths.sum())


def transcription_error(read: Reader, texts: Sequence[str], tokenizer: Tokenizer) -> Callable[[nn.Module], float]:
    """What scores a network by the share of characters that its greedy texts have wrong.

    A little of the loss is added: in the first epochs a network writes blanks alone, and only its loss tells that it
    learns.
    """
    tokens = encoded(tokenizer, texts)
    needed = steps_needed(tokens)

    def score(model: nn.Module) -> float:
        told = log_probabilities(cast(TranscriptionNetwork, model), read)
        wrong = plain_rate(of_characters(texts, [tokenizer.decode(_greedy(each)) for each in told]))
        fitting = [row for row, each in enumerate(told) if len(each) >= needed[row]]
        return wrong + SHARE_OF_LOSS * _nats([told[row] for row in fitting], [tokens[row] for row in fitting])

    return score


def _greedy(told: LogProbabilities) -> list[int]:
    return ctc_greedy(torch.from_numpy(told[None]))[0]


def _nats(told: Sequence[LogProbabilities], tokens: Sequence[Ids]) -> float:
    """The negative log-likelihood of each token, of recordings that are long enough for theirs."""
    each = (
        ctc_loss(torch.from_numpy(own)[None], torch.from_numpy(ids)[None])
        for own, ids in zip(told, tokens, strict=True)
    )
    return sum(nats.item() for nats in each) / max(sum(map(len, tokens)), 1)
