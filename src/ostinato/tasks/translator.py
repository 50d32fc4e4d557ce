"""Translation: from pairs of texts to a network that writes one from the other, scored against simple baselines."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Self, overload

import numpy as np
import pandas as pd
from torch import Tensor, nn

from ostinato.bundle import Bundle
from ostinato.data.pairs import PairSource, ParallelTexts, read_sources
from ostinato.errors import OstinatoError
from ostinato.tasks.fitting import drop_checkpoints, evenly
from ostinato.tasks.old_estimator import Estimator
from ostinato.tasks.plot import save_plot
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.seq2seq.batches import Pair, pair_batch
from ostinato.tasks.seq2seq.decode import align, search
from ostinato.tasks.seq2seq.texts import END, SPECIALS
from ostinato.tasks.seq2seq.train import pair_loss, train
from ostinato.tasks.settings import cell_name
from ostinato.tasks.translation.fitted import Fitted, Translation
from ostinato.tasks.translation.nearest import NearestSource
from ostinato.tasks.translation.plot import Attention, plot_attention
from ostinato.tasks.translation.scores import check_scorer, translation_scores
from ostinato.tasks.translation.settings import TranslatorSettings
from ostinato.tasks.translation.vocabularies import Vocabularies
from ostinato.training import TrainingLogger


class Translator(Estimator[TranslatorSettings, Fitted]):
    """Learns from pairs of texts to write the second of the first: another language, another spelling, another form.

    An encoder-decoder with attention (Bahdanau et al. 2015; Luong et al. 2015) over pieces of words; a beam search
    writes. One model can learn several target languages: a third column names the language of each translation.

    Args:
        settings: See `TranslatorSettings`.

    Attributes:
        settings: As given.
        metrics: The scores of the last evaluation, None before.
        notes: What was found and done when the training data were read.

    Raises:
        OstinatoError: For an unknown setting or a value out of range.

    Example:
        >>> from ostinato import Translator
        >>> pairs = [(f"{number:03}", f"{number:03}"[::-1]) for number in range(300)]
        >>> translator = Translator(tokenizer="char", hidden_size=16, epochs=1).fit(pairs)
        >>> len(translator.translate(["123", "456"]))
        2
    """

    settings_class: ClassVar = TranslatorSettings
    settings: TranslatorSettings

    def fit(
        self,
        data: PairSource | ParallelTexts,
        validation: PairSource | ParallelTexts | None = None,
        *,
        folder: str | Path | None = None,
        resume: bool = False,
        logger: TrainingLogger | None = None,
    ) -> Self:
        """Trains the network and fits the baselines.

        Args:
            data: Pairs: a file (tab-separated, CSV, Parquet, JSON lines), a tuple of two files whose lines correspond,
                a DataFrame, or a list of ``(source, target)`` or ``(source, target, language)``.
            validation: Pairs that choose when to stop; by default a random `validation_share` of `data` does.
            folder: Where checkpoints are written while training goes on; None for nowhere.
            resume: Go on from the newest checkpoint in `folder`.
            logger: Shows progress; None for silence.

        Returns:
            This translator, with the best weights found.

        Raises:
            OstinatoError: For anything wrong with the data (file, line and how to mend it), or too little of it.
            TrainingDiverged: The loss or a gradient is not finite.
            Interrupted: Ctrl-C; a checkpoint was written where there is a folder.
        """
        settings = self.settings
        every = ParallelTexts.of(data, settings.columns)
        notes = list(every.notes)
        if validation is None:
            training, validating = every.split(settings.validation_share, settings.seed)
        else:
            training, validating = every, ParallelTexts.of(validation, settings.columns)
            notes += [*validating.notes, *_seen(training, validating)]
        vocabularies = Vocabularies.learn(training, settings)
        network = train(
            lambda: Fitted.make_network(settings, vocabularies),
            settings,
            _short(vocabularies.pairs(training), training, settings, notes),
            _short(vocabularies.pairs(validating), validating, settings, notes),
            folder,
            resume,
            logger,
        )
        self._fitted = Fitted(settings, network, vocabularies, NearestSource.fit(training, settings.seed))
        self.notes, self.metrics = tuple(notes), None
        drop_checkpoints(folder)
        return self

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages it can write, as the training data name them; empty where they name none."""
        return self._need().vocabularies.languages

    @overload
    def translate(  # type: ignore[overload-overlap]  # a text is a sequence of texts too
        self, texts: str, *, to: str | None = None, beam_size: int | None = None
    ) -> str: ...

    @overload
    def translate(self, texts: Sequence[str], *, to: str | None = None, beam_size: int | None = None) -> list[str]: ...

    def translate(
        self, texts: str | Sequence[str], *, to: str | None = None, beam_size: int | None = None
    ) -> str | list[str]:
        """Translates texts.

        Args:
            texts: One text, or several.
            to: The language, where the model knows several.
            beam_size: Beginnings the search keeps, 1 is greedy; as in the settings unless given.

        Returns:
            The translation of one text, a list of them for several.

        Raises:
            OstinatoError: For a language that the model does not know, or a number out of range.
        """
        if isinstance(texts, str):
            return self.translate([texts], to=to, beam_size=beam_size)[0]
        return [best for (best,) in self.translate_n_best(texts, 1, to=to, beam_size=beam_size)]

    @overload
    def translate_n_best(  # type: ignore[overload-overlap]
        self, texts: str, n_best: int, *, to: str | None = None, beam_size: int | None = None
    ) -> list[str]: ...

    @overload
    def translate_n_best(
        self, texts: Sequence[str], n_best: int, *, to: str | None = None, beam_size: int | None = None
    ) -> list[list[str]]: ...

    def translate_n_best(
        self, texts: str | Sequence[str], n_best: int, *, to: str | None = None, beam_size: int | None = None
    ) -> list[str] | list[list[str]]:
        """Translates texts in several ways each.

        Args:
            texts: One text, or several.
            n_best: Translations of each text at most.
            to: The language, where the model knows several.
            beam_size: Beginnings the search keeps, `n_best` at least; as in the settings unless given.

        Returns:
            The translations of one text, best first; a list of such lists for several.

        Raises:
            OstinatoError: For a language that the model does not know, or numbers out of range.
        """
        if isinstance(texts, str):
            return self.translate_n_best([texts], n_best, to=to, beam_size=beam_size)[0]
        languages = self._need().vocabularies.checked(to, len(texts))
        best = self._translations(list(texts), languages, beam_size, n_best)
        return [[one.text for one in each] for each in best]

    def predict(
        self,
        data: str | Path | pd.DataFrame | Sequence[str],
        *,
        to: str | None = None,
        beam_size: int | None = None,
        n_best: int = 1,
    ) -> pd.DataFrame:
        """Translates a file, a table or a list of texts.

        Args:
            data: Texts: a list; a table or JSON lines with the source's column, and perhaps one that names the language
                to write; any other file, one text per line.
            to: The language, where the model knows several and the data do not say.
            beam_size: As for `translate`.
            n_best: Translations of each text.

        Returns:
            One row per translation: "source", "language" where the model knows names of languages, "translation",
            "score" (its log-probability over the length penalty; higher is better) and "rank" (1 is best).

        Raises:
            OstinatoError: For anything wrong with the data, a language that the model does not know, or numbers out of
                range.
        """
        vocabularies = self._need().vocabularies
        texts, named = read_sources(data, self.settings.columns)
        if named is not None and to is not None:
            raise OstinatoError(
                f"the data have a column {self.settings.language_column!r}: leave it out, or do not say to={to!r}"
            )
        languages = vocabularies.checked(to if named is None else named, len(texts))
        best = self._translations(texts, languages, beam_size, n_best)
        rows = [
            {"source": text, "language": language, "translation": one.text, "score": one.score, "rank": rank}
            for text, language, each in zip(texts, languages, best, strict=True)
            for rank, one in enumerate(each, 1)
        ]
        table = pd.DataFrame(rows, columns=["source", "language", "translation", "score", "rank"])
        return table if vocabularies.languages else table.drop(columns="language")

    def evaluate(self, data: PairSource | ParallelTexts, *, beam_size: int | None = None) -> ScoreTable:
        """Scores translations of pairs that training has not seen, next to what needs no network.

        The baselines: "copy" gives the source back; "nearest source" gives the translation of the most similar source
        of the training data. With `lowercase` the references are made lower-case too.

        Args:
            data: Pairs, as for `fit`.
            beam_size: As for `translate`.

        Returns:
            BLEU, chrF and the share of exact matches of each; `print` it, or ask it for `verdict()`. Also kept as
            `metrics`.

        Raises:
            OstinatoError: For anything wrong with the data, or without the library sacrebleu.
        """
        check_scorer()
        fitted = self._need()
        pairs = ParallelTexts.of(data, self.settings.columns)
        languages = fitted.vocabularies.checked(pairs.languages, len(pairs))
        best = self._translations(pairs.sources, languages, beam_size, 1)
        written = {
            "ostinato": [each[0].text for each in best],
            "nearest source": fitted.nearest.translate(pairs.sources, [language or "" for language in languages]),
            "copy": pairs.sources,
        }
        cased = str.lower if self.settings.lowercase else str
        references = [cased(target) for target in pairs.targets]
        rows = {
            name: translation_scores([cased(text) for text in texts], references) for name, texts in written.items()
        }
        self.metrics = ScoreTable("ostinato", rows, len(pairs), "translations")
        return self.metrics

    def attention(self, text: str, *, to: str | None = None) -> Attention:
        """What the units of a text's best translation looked at.

        Raises:
            OstinatoError: For a model without attention, or a language that it does not know.
        """
        fitted = self._need()
        vocabularies, settings = fitted.vocabularies, self.settings
        if settings.attention is None:
            raise OstinatoError("this model was trained with attention=None: there is nothing to look at")
        (language,) = vocabularies.checked(to, 1)
        source = vocabularies.source_ids(text, language)
        ((best,),) = search(
            fitted.network,
            [source],
            beam_size=settings.beam_size,
            length_penalty=settings.length_penalty,
            max_length=settings.max_length,
        )
        (weights,) = align(fitted.network, [(source, np.array(best.ids, np.int32))])
        tag = [] if language is None else [f"<to {language}>"]
        end = SPECIALS[END]
        read = [*tag, *vocabularies.source.parts(text), end]
        return Attention(read, [*vocabularies.target.tokens(best.ids), end], weights)

    def plot_attention(self, text: str, path: str | Path, *, to: str | None = None) -> None:
        """Draws what the units of a text's translation looked at as a PNG file.

        Raises:
            OstinatoError: As `attention`, or for a file that cannot be written.
        """
        save_plot(plot_attention(self.attention(text, to=to)), path)

    def _case(self, data: PairSource | ParallelTexts) -> tuple[nn.Module, Callable[[], Tensor]]:
        fitted = self._need()
        pairs = ParallelTexts.of(data, self.settings.columns)
        kept = _short(fitted.vocabularies.pairs(pairs), pairs, self.settings, [])
        batch = pair_batch([kept[place] for place in evenly(len(kept))])
        return fitted.network, lambda: pair_loss(fitted.network, batch).mean

    def summary(self) -> str:
        """One line: what the network is, and of what it was made."""
        fitted, settings = self._need(), self.settings
        weights = sum(parameter.numel() for parameter in fitted.network.parameters())
        several = f"{settings.ensemble} x " if settings.ensemble > 1 else ""
        source, target = len(fitted.vocabularies.source), len(fitted.vocabularies.target)
        units = f"{source:,} units of both sides" if settings.shared_vocabulary else f"{source:,} to {target:,} units"
        languages = fitted.vocabularies.languages
        to = f", into {', '.join(languages)}" if languages else ""
        return (
            f"Translator: {several}{cell_name(settings.cell)}, {settings.num_layers} x {settings.hidden_size} units, "
            f"{settings.attention or 'no'} attention, {weights:,} weights; {units} ({settings.tokenizer}){to}."
        )

    def _restored(self, bundle: Bundle) -> Fitted:
        return Fitted.from_bundle(bundle, self.settings)

    def _translations(
        self, texts: Sequence[str], languages: Sequence[str | None], beam_size: int | None, n_best: int
    ) -> list[list[Translation]]:
        beam = self.settings.beam_size if beam_size is None else beam_size
        if n_best < 1 or beam < 1:
            raise OstinatoError(f"beam_size and n_best must be at least 1, got {beam} and {n_best}")
        return self._need().translate(texts, languages, max(beam, n_best), n_best)


def _short(pairs: list[Pair], of: ParallelTexts, settings: TranslatorSettings, notes: list[str]) -> list[Pair]:
    """The pairs that are not too long; notes those that are."""
    most = settings.max_length
    kept = [pair for pair in pairs if max(map(len, pair)) <= most]
    if not kept:
        raise OstinatoError(f"{of.origin}: every pair has more than {most} units: set a larger max_length")
    if len(kept) < len(pairs):
        notes.append(f"{of.origin}: pairs of more than {most} units (max_length) left out: {len(pairs) - len(kept):,}")
    return kept


def _seen(training: ParallelTexts, validating: ParallelTexts) -> list[str]:
    """What to say about validation sources that are training sources too."""
    known = set(training.sources)
    count = sum(source in known for source in validating.sources)
    return [f"{validating.origin}: {count:,} of {len(validating):,} sources stand in the training data too"] * (
        count > 0
    )
