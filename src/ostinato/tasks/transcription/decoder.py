"""What has an opinion of the texts that are written, beside the network: language model, lexicon, hot words."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ostinato.data import NgramModel
from ostinato.data.text import Text
from ostinato.data.tokenizers import Tokenizer
from ostinato.errors import OstinatoError
from ostinato.tasks.transcription.network import TranscriptionNetwork
from ostinato.tasks.transcription.settings import TranscriberSettings
from ostinato.tasks.transcription.tokens import BLANK, encoded, unknown_in
from ostinato.topologies import (
    CTCSearch,
    CTCStream,
    HotWords,
    Hypothesis,
    LengthBonus,
    Lexicon,
    Scorer,
    SymbolScorer,
    TransducerSearch,
    TransducerStream,
    WordScorer,
)

CTC_BEAM, TRANSDUCER_BEAM = 16, 4
"""Beginnings of texts that are kept at a time unless told otherwise."""

NGRAM, TRAINING = "ngram", "training"
"""What stands for the training texts in place of a file."""


@dataclass(frozen=True, eq=False)
class Decoder:
    """How texts are searched for.

    Attributes:
        language: Of words where a tokenizer writes characters, else of tokens; None for none.
        lm_weight: Of its nats.
        length_bonus: Nats for each word, or token.
        lexicon: Words that alone may be written; none for any.
        hot_words: Words or phrases to listen for.
        hot_word_bonus: Nats for each of their tokens.
        beam_size: Beginnings of texts that are kept at a time.
    """

    language: NgramModel | None = None
    lm_weight: float = 0.0
    length_bonus: float = 0.0
    lexicon: tuple[str, ...] = ()
    hot_words: tuple[str, ...] = ()
    hot_word_bonus: float = 1.0
    beam_size: int = CTC_BEAM

    @classmethod
    def of(cls, settings: TranscriberSettings, tokenizer: Tokenizer, texts: Sequence[str]) -> "Decoder":
        """As settings have it; weights that these leave open are 0.

        Args:
            settings: The transcriber's.
            tokenizer: What it writes with.
            texts: Of training.

        Raises:
            OstinatoError: For a file that cannot be read, or words that cannot be written.
        """
        beam = settings.beam_size or (CTC_BEAM if settings.output == "ctc" else TRANSDUCER_BEAM)
        decoder = cls(
            language=_language(settings, tokenizer, texts),
            lm_weight=settings.lm_weight or 0.0,
            length_bonus=settings.length_bonus or 0.0,
            lexicon=_lexicon(settings, tokenizer, texts),
            hot_words=tuple(settings.hot_words),
            hot_word_bonus=settings.hot_word_bonus,
            beam_size=beam,
        )
        _refuse_unwritable(decoder.hot_words, tokenizer, "hot_words")
        return decoder

    def search(self, network: TranscriptionNetwork, tokenizer: Tokenizer) -> "Search":
        """What finds the likeliest texts."""
        scorers = list(self._scorers(tokenizer))
        if network.transducer is None:
            return CTCSearch(beam_size=self.beam_size, blank=BLANK, scorers=scorers)
        return TransducerSearch(network.transducer, beam_size=self.beam_size, scorers=scorers)

    def _scorers(self, tokenizer: Tokenizer) -> "list[tuple[Scorer[Any], float]]":
        classes, space = len(tokenizer), separators(tokenizer)
        scorers: list[tuple[Scorer[Any], float]] = []
        if self.language is not None:
            if tokenizer.kind == "char":
                words = WordScorer(self.language, tokenizer.tokens, separator=space[0] if space else BLANK)
                scorers.append((words, self.lm_weight))
            else:
                scorers.append((SymbolScorer(self.language, tokenizer.tokens), self.lm_weight))
        if self.length_bonus:
            scorers.append((LengthBonus(classes, space), self.length_bonus))
        if self.lexicon:
            scorers.append((Lexicon(_numbers(self.lexicon, tokenizer), classes, space), 1.0))
        if self.hot_words:
            scorers.append((HotWords(_numbers(self.hot_words, tokenizer), classes, space), self.hot_word_bonus))
        return scorers


Search = CTCSearch | TransducerSearch


def searched(stream: CTCStream | TransducerStream, n_best: int, space: Sequence[int] = ()) -> list[Hypothesis]:
    """The likeliest texts of what a search was fed, best first; one at least.

    Where none of the beginnings that were kept may end, as all stand within a word of a lexicon, it is the whole words
    of the best of them.

    Args:
        stream: The search.
        n_best: Texts.
        space: Tokens between words.
    """
    if found := stream.finish(n_best):
        return found
    for best in stream.best():
        ends = [place for place, token in enumerate(best.ids) if token in space]
        return [best._replace(ids=best.ids[: ends[-1]] if ends else ())]
    return [Hypothesis((), float("-inf"), float("-inf"))]


def found_in(search: Search, told: Tensor, n_best: int = 1, space: Sequence[int] = ()) -> list[Hypothesis]:
    """The likeliest texts of one recording, as `searched`; `told` is a row of what the network's `read` gives."""
    stream = search.stream()
    stream.feed(told)
    return searched(stream, n_best, space)


def separators(tokenizer: Tokenizer) -> tuple[int, ...]:
    """The token between words, where there is one."""
    return (tokenizer.tokens.index(" "),) if tokenizer.kind == "char" and " " in tokenizer.tokens else ()


def _numbers(words: Sequence[str], tokenizer: Tokenizer) -> list[list[int]]:
    return [ids.tolist() for ids in encoded(tokenizer, words)]


def _symbols(text: str, tokenizer: Tokenizer) -> list[str]:
    """What a language model counts of a text."""
    if tokenizer.kind == "char":
        return text.split()
    return [tokenizer.tokens[number] for number in encoded(tokenizer, [text])[0]]


def _language(settings: TranscriberSettings, tokenizer: Tokenizer, texts: Sequence[str]) -> NgramModel | None:
    if settings.language_model is None:
        return None
    counted = (_symbols(text, tokenizer) for text in texts)
    if settings.language_model == NGRAM:
        return NgramModel.estimate(counted, settings.ngram_order)
    model = NgramModel.read(settings.language_model)
    if not any((symbol,) in model.entries for text in counted for symbol in text):
        of = "words" if tokenizer.kind == "char" else "tokens"
        raise OstinatoError(
            f"language_model {settings.language_model}: it has none of the {of} of the training texts: is it in "
            "capital letters, or of another language?"
        )
    return model


def _lexicon(settings: TranscriberSettings, tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[str, ...]:
    if settings.lexicon is None:
        return ()
    if tokenizer.kind not in ("char", "word"):
        raise OstinatoError("lexicon: words are kept to by tokenizers of characters or words alone: leave one out")
    if settings.lexicon == TRAINING:
        return tuple(sorted({word for text in texts for word in text.split()}))
    lines = (line.strip() for line in Text.of(Path(settings.lexicon)).lines())
    words = tuple(dict.fromkeys(filter(None, lines)))
    if not words:
        raise OstinatoError(f"lexicon {settings.lexicon}: no words: write one in each line")
    _refuse_unwritable(words, tokenizer, f"lexicon {settings.lexicon}")
    return words


def _refuse_unwritable(words: Sequence[str], tokenizer: Tokenizer, where: str) -> None:
    for word in words:
        if unknown := unknown_in(tokenizer, [word]):
            raise OstinatoError(
                f"{where}: {word!r} holds {', '.join(map(repr, unknown))}, which the training texts have not: it can "
                "never be written; leave it out"
            )
