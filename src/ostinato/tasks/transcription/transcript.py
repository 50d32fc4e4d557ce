"""What a recording is heard as: its text, its words with their times, and how sure all that is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ostinato.data.tokenizers import Tokenizer
from ostinato.tasks.transcription.network import TranscriptionNetwork
from ostinato.tasks.transcription.sureness import Sureness
from ostinato.topologies import AlignedLabel, Hypothesis, ctc_align, transducer_align


class Word(NamedTuple):
    """A word, and when it is said.

    Attributes:
        text: The word.
        start: Second at which it begins.
        end: And ends, both as far as its tokens tell: a network may write one a little after it was said.
        confidence: The probability that it is right, calibrated on the validation part.

    Example:
        >>> from ostinato.tasks.transcription.transcript import Word
        >>> Word("hello", 0.42, 0.8, 0.97).end
        0.8
    """

    text: str
    start: float
    end: float
    confidence: float


class Transcript(NamedTuple):
    """What a recording is heard as.

    Attributes:
        text: What is said.
        confidence: The probability that it is right from the first letter to the last, calibrated on the validation
            part.
        words: Its words.

    Example:
        >>> from ostinato.tasks.transcription.transcript import Transcript
        >>> Transcript("hello", 0.93).words
        ()
    """

    text: str
    confidence: float
    words: tuple[Word, ...] = ()


def aligned(network: TranscriptionNetwork, told: Tensor, ids: Sequence[int]) -> list[AlignedLabel]:
    """The steps that tokens come from; `told` is a row of what the network's `read` gives."""
    if network.transducer is None:
        return ctc_align(told, ids)
    return transducer_align(network.transducer, told, ids)


def words_of(labels: Sequence[AlignedLabel], tokenizer: Tokenizer) -> list[tuple[str, list[AlignedLabel]]]:
    """The words that tokens spell, each with its tokens."""
    found: dict[int, list[AlignedLabel]] = {}
    for count, label in enumerate(labels, 1):
        text = tokenizer.decode([each.label for each in labels[:count]])
        if text.split() and not text[-1].isspace():
            found.setdefault(len(text.split()) - 1, []).append(label)
    words = tokenizer.decode([each.label for each in labels]).split()
    return [(words[place], own) for place, own in found.items()]


def doubt_of(labels: Sequence[AlignedLabel]) -> float:
    """How unsure a network is of a word, before calibration: the log-odds of its tokens' mean probability."""
    mean = float(np.mean([each.confidence for each in labels]))
    return float(np.log(max(mean, 1e-9)) - np.log(max(1 - mean, 1e-9)))


def transcript(
    network: TranscriptionNetwork,
    tokenizer: Tokenizer,
    sureness: Sureness,
    told: Tensor,
    best: Hypothesis,
    step_seconds: float,
    since: float = 0.0,
) -> Transcript:
    """A text that was found, with the times of its words.

    Args:
        network: Whose it is.
        tokenizer: What it is written with.
        sureness: How sure it is.
        told: What it was found in, a row of what the network's `read` gives.
        best: The text.
        step_seconds: From one step to the next.
        since: Second at which the first step is.
    """
    with torch.no_grad():
        spelled = words_of(aligned(network, told, best.ids), tokenizer) if best.ids else []
    words = [
        Word(
            text,
            round(since + own[0].start * step_seconds, 3),
            round(since + own[-1].end * step_seconds, 3),
            sureness.of_word(doubt_of(own)),
        )
        for text, own in spelled
    ]
    return Transcript(tokenizer.decode(best.ids), sureness.of_text(best.log_probability), tuple(words))
