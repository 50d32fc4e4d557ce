"""Language modelling: from a text to a model of what comes next, which scores, writes and suggests."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from ostinato.cells import State
from ostinato.data.corpus import Corpus, Counted, Passage, PassageSource, numbers, spelled_bytes
from ostinato.data.tokenizers import Tokenizer
from ostinato.errors import OstinatoError
from ostinato.modalities import Text
from ostinato.tasks.estimator import Estimator, NextStep
from ostinato.tasks.language.generate import Sampling, pieces, random_of, stops_of, texts
from ostinato.tasks.language.model import LanguageParts, encoded, line_end
from ostinato.tasks.language.network import FEWEST
from ostinato.tasks.language.ngrams import RUNS, Ngrams
from ostinato.tasks.language.reading import ADAPTING_STEPS, STEPS, AdaptingReader, Read, Reader, in_chunks
from ostinato.tasks.language.scorer import LanguageScorer
from ostinato.tasks.language.settings import LanguageSettings
from ostinato.tasks.language.suggest import Suggester, Suggestion
from ostinato.tasks.language.train import language_loss, mean_nats, training_batches
from ostinato.tasks.prepared import Prepared
from ostinato.tasks.sample import evenly
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.settings import cell_name
from ostinato.training import DistributedContext, LossSum

EXAMINED = 4
"""Chunks that the doctor reads at a time: gradients are followed back beyond the truncation of training."""


class LanguageModel(Estimator[LanguageSettings, Passage, LanguageParts]):
    """Models a text: how likely each next character, byte, word or piece of a word is.

    Reads UTF-8 text, one file or a folder of them, of any size. Trained by truncated backpropagation through time over
    parallel streams, the state carried from chunk to chunk (Mikolov et al. 2010; Merity et al. 2018, "AWD-LSTM").

    Args:
        settings: See `LanguageSettings`.

    Attributes:
        settings: As given.
        metrics: The last evaluation's scores, None before.
        notes: What was found when the training text was read.

    Raises:
        OstinatoError: For an unknown setting or a value out of range.

    Example:
        >>> from ostinato import LanguageModel
        >>> text = "a rose is a rose is a rose. " * 200  # the path of a file will do as well
        >>> model = LanguageModel(tokenizer="char", hidden_size=16, epochs=1).fit([text])
        >>> model.perplexity(["a rose is a rose."]) < 20
        True
        >>> len("".join(model.generate("a ro", length=30, seed=0)))
        30
    """

    settings_class: ClassVar = LanguageSettings
    model_class: ClassVar = LanguageParts
    data_help: ClassVar = "Text file of any size, or a folder of such files."
    fit_help: ClassVar = """Train a language model: what comes next in a text.

    It scores texts, writes them, and suggests words. Prints its scores on the held-out end of the text next to those of
    simple baselines, and saves it.

    Example:
      ostinato fit language-model shakespeare.txt --out model/
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._suggester: Suggester | None = None

    def read(self, data: PassageSource) -> Passage:
        """A text, as `fit` reads it.

        Args:
            data: A file or folder of text, a list of strings, or a `Passage`.

        Raises:
            OstinatoError: For a path where nothing is.
        """
        return Passage.of(data, self._given.form)

    def read_test(self, data: PassageSource, training: Passage, start: LanguageParts | None = None) -> Passage:
        """Text to score on, which is looked at to its end.

        Raises:
            OstinatoError: It is not there, of another encoding, or empty.
        """
        read = self.read_validation(data, training)
        if not sum(map(len, read.pieces())):
            raise OstinatoError(f"{read.text.origin}: the text is empty")
        return read

    def split(self, records: Passage, share: float) -> tuple[Passage, Passage]:
        return records.split(share)

    def prepare(
        self, training: Passage, validation: Passage, *, folder: Path | None, start: LanguageParts | None
    ) -> Prepared[tuple[Tensor, ...], LanguageParts]:
        settings = self._given
        text = Text.of(training.pieces(), settings, specials=()) if start is None else start.text
        tokenizer = text.tokenizer
        if settings.softmax == "adaptive" and len(tokenizer) < FEWEST:
            raise OstinatoError(f"softmax='adaptive' needs at least {FEWEST} units, and the text has {len(tokenizer)}")
        corpus, other = (encoded(passage, text, settings, folder) for passage in (training, validation))
        settings = self._fitting(training, corpus, validation, other)
        longest = RUNS[settings.tokenizer]
        ngrams = Ngrams.count(corpus.ids, len(tokenizer), longest=longest, first=line_end(tokenizer))
        network = LanguageParts.build(settings, {"text": text})
        network.begin_with(ngrams.frequency)

        def loss(model: nn.Module, batch: tuple[Tensor, ...], state: tuple[State, ...] | None) -> LossSum:
            return language_loss(settings, model(*batch, state))

        return Prepared(
            settings=settings,
            network=network,
            batches=training_batches(corpus, settings),
            loss=loss,
            score=mean_nats(other, settings),
            model=lambda: LanguageParts(settings, network, text, ngrams, corpus.counted),
            notes=_notes(settings, tokenizer, corpus, other),
        )

    def _fitting(self, passage: Passage, training: Corpus, last: Passage, validating: Corpus) -> LanguageSettings:
        """The settings with streams that are not shorter than a chunk, unless their number was asked for."""
        settings = self._given
        world_size = DistributedContext.from_environment().world_size
        for text, corpus, name in ((passage, training, "training"), (last, validating, "validation")):
            if len(corpus) < 2:
                raise OstinatoError(f"{text.text.origin}: the {name} text is empty or one unit long: give more text")
        if "batch_size" not in settings.model_fields_set:
            fewer = max((len(training) - 1) // settings.bptt_steps, world_size)
            settings = settings.model_copy(update={"batch_size": min(settings.batch_size, fewer)})
        if len(training) <= settings.batch_size:
            raise OstinatoError(
                f"{passage.text.origin}: {len(training):,} units to train on in {settings.batch_size} streams: give "
                "more text, or lower batch_size"
            )
        return settings

    def next_steps(self, out: Path, data: Path | tuple[Path, ...]) -> tuple[NextStep, ...]:
        """Writing."""
        return (NextStep("Let it write", ("generate", out, "--prompt", "The ")),)

    def perplexity(
        self, data: PassageSource, *, dynamic: bool = False, rate: float = 3e-4, decay: float = 1e-3
    ) -> float:
        """How many units the model hesitates between, on average: e to the mean nats of a unit.

        Exact: the text is read as one stream from its first unit to its last, none left out.

        Args:
            data: A file or folder of text, a list of strings, or a `Passage`.
            dynamic: Whether the model goes on learning from what it has read (dynamic evaluation, Krause et al. 2018):
                after every 20 units, on a copy of its weights. Its figures are no longer those of a fixed model.
            rate: Learning rate of dynamic evaluation.
            decay: Its pull back to the trained weights.

        Raises:
            OstinatoError: For a text that is not there, of another encoding, or empty.
        """
        model = self.model
        corpus = model.read(data)
        read: Read = AdaptingReader(model.network, rate, decay) if dynamic else Reader(model.network)
        steps = ADAPTING_STEPS if dynamic else STEPS
        nats = sum(float(read(*chunk).sum()) for chunk in in_chunks(corpus.ids, model.first, steps))
        return math.exp(nats / len(corpus))

    def evaluate(self, data: PassageSource) -> ScoreTable:
        """Scores the model on a text it has not seen, beside how often units, and runs of them, came in training.

        Args:
            data: A file or folder of text, a list of strings, or a `Passage`.

        Returns:
            The perplexity and the nats of a unit (which are not to be compared between kinds of units), and the bits of
            a character of the text (which are: what has no number of its own is charged 8 bits for each byte that
            would spell it out, and 8 for its end). `print` it, or ask it for `verdict()`. Also kept as `metrics`.

        Raises:
            OstinatoError: For a text that is not there, of another encoding, or empty.
        """
        model = self.model
        corpus = model.read(data)
        readers: dict[str, Read] = {
            "ostinato": Reader(model.network),
            f"{model.ngrams.longest}-gram Kneser-Ney": model.ngrams.runs(),
            "unigram": model.ngrams.unigram,
        }
        nats = dict.fromkeys(readers, 0.0)
        for chunk in in_chunks(corpus.ids, model.first):
            for name, read in readers.items():
                nats[name] += float(read(*chunk).sum())
        rows = {name: _scores(total, corpus.counted) for name, total in nats.items()}
        self.metrics = ScoreTable("ostinato", rows, len(corpus), NAMES[self.settings.tokenizer])
        return self.metrics

    def predict(self, data: PassageSource) -> pd.DataFrame:
        """What each line of a text costs the model, that is how much it surprises it.

        The state is carried from line to line, so that a line is read after those before it (after it, with
        ``reverse=True``).

        Args:
            data: A file or folder of text, a list of strings, or a `Passage`.

        Returns:
            One row per line: text, units (the line end is one), bits_per_char.

        Raises:
            OstinatoError: For a text that is not there, of another encoding, or empty.
        """
        model = self.model
        passage = Passage.of(data, self.settings.form)
        lines = list(passage.lines())
        if not lines:
            raise OstinatoError(f"{passage.text.origin}: the text is empty")
        found = [numbers(model.text.cased(line) + "\n", model.tokenizer) for line in lines]
        ids = torch.from_numpy(np.concatenate([each for each, _ in found]))
        reading = in_chunks(ids.flip(0) if self.settings.reverse else ids, model.first)
        read = Reader(model.network)
        nats = torch.cat([read(*chunk) for chunk in reading])
        nats = nats.flip(0) if self.settings.reverse else nats
        counts = np.array([len(each) for each, _ in found])
        costs = np.add.reduceat(nats.numpy(), counts.cumsum() - counts) / math.log(2)
        costs += [8 * spelled_bytes(unknown) for _, unknown in found]
        characters = np.array([len(line) + 1 for line in lines])
        return pd.DataFrame({"text": lines, "units": counts, "bits_per_char": costs / characters})

    def generate(
        self,
        prompt: str = "",
        *,
        length: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float = 1.0,
        stop: str | Sequence[str] | None = None,
        seed: int | None = None,
    ) -> Iterator[str]:
        """Writes on from a prompt; with ``reverse=True`` what comes before it.

        Args:
            prompt: The text to go on from; nothing begins a text.
            length: Units to write at most.
            temperature: Above 0; below 1 the likely becomes likelier.
            top_k: Draw from so many likeliest units only; None for all.
            top_p: Draw from the likeliest units only that hold this share of the probability.
            stop: A text, or several, at which writing ends; it is not written.
            seed: The same seed writes the same text; None another each time.

        Returns:
            Pieces of the text as it is written, whole characters each, without the prompt; joined they are the text, in
            reading order. A model that reads backward gives it as one piece.

        Raises:
            OstinatoError: For a value out of range.
        """
        sampling = Sampling(length, temperature, top_k, top_p, stops_of(stop))
        return pieces(self.model, prompt, sampling, random_of(seed))

    def generate_many(
        self,
        prompts: Sequence[str],
        *,
        length: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float = 1.0,
        stop: str | Sequence[str] | None = None,
        seed: int | None = None,
    ) -> list[str]:
        """Writes on from many prompts, 64 side by side, which is many times faster than one after another.

        Args:
            prompts: A text to go on from for each.
            length: See `generate`, as for all that follow.
            temperature: As there.
            top_k: As there.
            top_p: As there.
            stop: As there.
            seed: As there; the texts are not those that `generate` writes one by one.

        Returns:
            A text for each prompt, without it.

        Raises:
            OstinatoError: For a value out of range.
        """
        sampling = Sampling(length, temperature, top_k, top_p, stops_of(stop))
        return list(texts(self.model, prompts, sampling, random_of(seed)))

    def suggest(self, text: str, k: int = 5) -> list[Suggestion]:
        """Words that may come next, as a keyboard suggests them.

        Args:
            text: What was typed so far. Its last word is completed, or, where it most likely stands whole as it is, and
                behind a space, a new one is suggested.
            k: Suggestions at most.

        Returns:
            Words, likeliest first, with their probability among all words that begin as typed. Models of words know
            those of their vocabulary; others spell words, and look at the likeliest beginnings only.

        Raises:
            OstinatoError: The model reads backward, or `k` is below 1.
        """
        model = self.model
        if self.settings.reverse:
            raise OstinatoError("this model reads backward and cannot tell the next word: train one with reverse=False")
        if k < 1:
            raise OstinatoError(f"k must be at least 1, got {k}")
        if self._suggester is None or self._suggester.model is not model:
            self._suggester = Suggester(model)
        return self._suggester(text, k)

    def scorer(self, symbols: Sequence[str], *, blank: int = 0) -> LanguageScorer:
        """Lends the model to a recogniser, as a scorer of what it writes, for `ostinato.topologies.CTCSearch`.

        Args:
            symbols: The text of each class of the recogniser, a unit of this model's tokenizer; what is no such unit is
                scored as `<unk>`. That of the blank is not read.
            blank: The class that is no label.

        Returns:
            A `Scorer`; a text ends for it where a line does.

        Raises:
            OstinatoError: The model reads backward, or a symbol is none of its units and it has none for such.

        Example:
            >>> from ostinato import LanguageModel
            >>> from ostinato.topologies import CTCSearch
            >>> model = LanguageModel(tokenizer="char", hidden_size=8, epochs=1).fit(["abab " * 300])
            >>> search = CTCSearch(scorers=[(model.scorer(["", "a", "b"]), 0.5)])
            >>> search([[0.0, -9.0, -9.0]])[0].ids
            ()
        """
        return LanguageScorer(self.model, symbols, blank)

    def sample_loss(self, data: PassageSource) -> Callable[[], Tensor]:
        model = self.model
        ids = model.read(data).ids
        steps = min(EXAMINED * self.settings.bptt_steps, max((len(ids) - 1) // 2, 1))
        if len(ids) < 3:
            raise OstinatoError("the text is too short to look at: give at least 3 units of it")
        rows = [ids[start : start + steps + 1].long() for start in evenly(len(ids) - steps, 16)]
        chunk = torch.stack(rows).to(self.settings.on_device)
        return lambda: model.network(chunk[:, :-1], chunk[:, 1:], each=True).nats.mean()

    def summary(self) -> str:
        """One line: what the network is, and of what it was made."""
        model = self.model
        trained = model.trained
        return (
            f"LanguageModel: {cell_name(self.settings.cell)}, {self.settings.num_layers} x "
            f"{self.settings.hidden_size} units, {model.num_weights:,} weights; "
            f"{len(model.tokenizer):,} {NAMES[self.settings.tokenizer]} known; "
            f"trained on {trained.characters:,} characters, {trained.units:,} units."
        )


NAMES = {"char": "characters", "byte": "bytes", "word": "words", "bpe": "pieces of words"}


def _scores(nats: float, counted: Counted) -> dict[str, float]:
    """The figures of a model that a text cost so much."""
    bits = nats / math.log(2) + 8 * counted.unknown_bytes
    mean = nats / counted.units
    return {"perplexity": math.exp(mean), "bits_per_char": bits / counted.characters, "nats_per_unit": mean}


def _notes(settings: LanguageSettings, tokenizer: Tokenizer, training: Corpus, validating: Corpus) -> tuple[str, ...]:
    """What a person should know of the texts."""
    found = []
    for corpus, name in ((training, "training"), (validating, "validation")):
        if corpus.counted.unknown:
            share = corpus.counted.unknown / corpus.counted.units
            found.append(
                f"{corpus.counted.unknown:,} of {corpus.counted.units:,} units of the {name} text ({share:.1%}) are "
                f"not among the {len(tokenizer):,} known {NAMES[settings.tokenizer]} and read as <unk>"
            )
    return tuple(found)
