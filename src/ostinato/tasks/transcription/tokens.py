"""What a transcriber writes with, by its numbers; nothing at all is the blank."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from ostinato.data.tokenizers import TOKENIZERS, UNKNOWN, Tokenizer
from ostinato.nn import fewest_frames
from ostinato.tasks.transcription.settings import TranscriberSettings

BLANK = 0
"""The class that writes nothing, in place of tokens that are not known: those are never written."""

Ids = npt.NDArray[np.int64]


def learned_tokens(texts: Sequence[str], settings: TranscriberSettings) -> Tokenizer:
    """The tokens of some texts."""
    return TOKENIZERS[settings.tokenizer].learn(
        texts,
        specials=[UNKNOWN],
        size=settings.vocabulary_size,
        min_count=settings.min_count,
        split="whitespace",
    )


def encoded(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Ids]:
    """The tokens of each text, without those that are not known."""
    every = (tokenizer.encode(text).astype(np.int64) for text in texts)
    return [ids[ids != BLANK] for ids in every]


def unknown_in(tokenizer: Tokenizer, texts: Sequence[str]) -> list[str]:
    """The characters or words of texts that have no number, in the order of the alphabet."""
    parts = {part for text in texts for part in (text.split() if tokenizer.kind == "word" else text)}
    return sorted(part for part in parts if BLANK in tokenizer.encode(part))


def steps_needed(tokens: Sequence[Ids], settings: TranscriberSettings) -> list[int]:
    """How many steps each text needs: see `fewest_frames`; a transducer alone writes it all in one."""
    if settings.output == "transducer":
        return [min(len(own), 1) for own in tokens]
    targets, lengths = padded_tokens(tokens)
    needed: list[int] = fewest_frames(targets, lengths).tolist()
    return needed


def padded_tokens(tokens: Sequence[Ids]) -> tuple[torch.Tensor, torch.Tensor]:
    """Texts side by side, int64 ``(batch, tokens)``, one column at least, and their lengths ``(batch,)``."""
    lengths = [len(own) for own in tokens]
    targets = torch.full((len(tokens), max(*lengths, 1)), BLANK)
    for row, own in zip(targets, tokens, strict=True):
        row[: len(own)] = torch.from_numpy(own)
    return targets, torch.tensor(lengths)
