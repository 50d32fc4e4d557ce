"""What is chosen on the validation part once a network is trained: weights of the decoder, and how sure it may be."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from torch import Tensor

from ostinato.data.tokenizers import Tokenizer
from ostinato.modalities.modality import Reader
from ostinato.tasks.sample import evenly
from ostinato.tasks.transcription.decoder import Decoder, found_in, separators
from ostinato.tasks.transcription.error_rates import of_characters, of_words, plain_rate
from ostinato.tasks.transcription.network import TranscriptionNetwork
from ostinato.tasks.transcription.reading import told_of
from ostinato.tasks.transcription.settings import TranscriberSettings
from ostinato.tasks.transcription.sureness import Sureness, calibrated, odds_of
from ostinato.tasks.transcription.transcript import aligned, doubt_of, words_of
from ostinato.topologies import Hypothesis

TUNED_ON, CALIBRATED_ON = 100, 1_000
"""Recordings of the validation part, evenly spread, that weights are tried on, and that tell how sure to be."""

WEIGHTS = (0.25, 0.5, 0.75, 1.0, 1.5)
"""Of a language model, that are tried..."""

BONUSES = (0.0, 1.0, 2.0, 3.0, 5.0)
"""...each with each of these for every word: the more a model weighs, the more it takes from long texts."""


class Judged(NamedTuple):
    """A recording as the network reads it, and what is said in it."""

    told: Tensor
    text: str


class Tuner:
    """Chooses on validation recordings.

    Args:
        network: Trained, in evaluation mode.
        tokenizer: What it writes with.
        read: Gives the frames of the recordings.
        texts: What is said in them.
    """

    def __init__(self, network: TranscriptionNetwork, tokenizer: Tokenizer, read: Reader, texts: Sequence[str]) -> None:
        self._network, self._tokenizer = network, tokenizer
        wanted = set(evenly(len(texts), CALIBRATED_ON))
        self._judged = [Judged(told, texts[row]) for row, told in told_of(network, read) if row in wanted]

    def decoder(self, decoder: Decoder, settings: TranscriberSettings) -> Decoder:
        """The weights of a language model that settings leave open, those with the fewest wrong words."""
        if decoder.language is None:
            return decoder
        weights = WEIGHTS if settings.lm_weight is None else (settings.lm_weight,)
        bonuses = BONUSES if settings.length_bonus is None else (settings.length_bonus,)
        few = [self._judged[at] for at in evenly(len(self._judged), TUNED_ON)]
        ways = [replace(decoder, lm_weight=weight, length_bonus=bonus) for weight in weights for bonus in bonuses]
        return ways[0] if len(ways) == 1 else min(ways, key=lambda each: self._wrong(each, few))

    def _wrong(self, decoder: Decoder, judged: Sequence[Judged]) -> tuple[float, float]:
        """The shares of words and of characters that a decoder has wrong."""
        told = [self._tokenizer.decode(best.ids) for best in self._best(decoder, judged)]
        said = [each.text for each in judged]
        return plain_rate(of_words(said, told)), plain_rate(of_characters(said, told))

    def _best(self, decoder: Decoder, judged: Sequence[Judged]) -> list[Hypothesis]:
        search = decoder.search(self._network, self._tokenizer)
        return [found_in(search, each.told, 1, separators(self._tokenizer))[0] for each in judged]

    def sureness(self, decoder: Decoder) -> Sureness:
        """How sure a decoder may be of words and texts."""
        of_word: list[float] = []
        right: list[bool] = []
        of_text, exact = [], []
        for best, (told, text) in zip(self._best(decoder, self._judged), self._judged, strict=True):
            written = self._tokenizer.decode(best.ids)
            of_text.append(odds_of(best.log_probability))
            exact.append(written == text)
            spelled = words_of(aligned(self._network, told, best.ids), self._tokenizer)
            of_word += [doubt_of(own) for _, own in spelled]
            (found,) = of_words([text], [written])
            right += [one == other for one, other in found.pairs if other is not None]
        return Sureness(calibrated(of_word, right), calibrated(of_text, exact))
