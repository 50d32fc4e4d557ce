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
from ostinato.tasks.transcription.error_rates import of_characters, plain_rate
from ostinato.tasks.transcription.network import TextBatch, TranscriptionNetwork
from ostinato.tasks.transcription.reading import told_of
from ostinato.tasks.transcription.settings import TranscriberSettings
from ostinato.tasks.transcription.tokens import Ids, encoded, padded_tokens, steps_needed
from ostinato.training import LossSum

SHARE_OF_LOSS = 0.01
"""Of the loss in nats a token, in the score by which training stops."""


USUALLY_BLANK = 15
"""Epochs, within which a network that writes nothing is no wonder."""


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
    return LossSum(model(batch).sum(), batch.target_lengths.sum())


class TranscriptionError:
    """What scores a network by the share of characters that its greedy texts have wrong.

    A little of the loss is added: in the first epochs a network writes blanks alone, and only its loss tells that it
    learns.

    Args:
        read: Gives the frames of the validation recordings.
        texts: What is said in them.
        tokenizer: What it writes with.
        settings: The transcriber's.
    """

    def __init__(self, read: Reader, texts: Sequence[str], tokenizer: Tokenizer, settings: TranscriberSettings) -> None:
        self._read, self._texts, self._tokenizer = read, texts, tokenizer
        self._tokens = encoded(tokenizer, texts)
        self._needed = steps_needed(self._tokens, settings)
        self._written: list[str] = []
        self._scores = 0

    def __call__(self, model: nn.Module) -> float:
        network = cast(TranscriptionNetwork, model)
        self._written, nats = [""] * len(self._texts), 0.0
        for row, told in told_of(network, self._read):
            self._written[row] = self._tokenizer.decode(network.greedy(told))
            if len(told) >= self._needed[row]:
                nats += network.nats_of(told, self._tokens[row])
        self._scores += 1
        wrong = plain_rate(of_characters(self._texts, self._written))
        return wrong + SHARE_OF_LOSS * nats / max(sum(map(len, self._tokens)), 1)

    def verdict(self) -> str:
        """What the last score tells of the training."""
        if not any(map(len, self._tokens)):
            return "no letter of the validation texts is among those of training: are they of another language?"
        if any(text.strip() for text in self._written):
            return ""
        if self._scores <= USUALLY_BLANK:
            return "only blanks so far: usual in the first epochs"
        return (
            f"still only blanks after {self._scores} epochs: see whether the texts are those of the recordings; else "
            "try a higher learning_rate, a smaller batch_size or shorter recordings"
        )
