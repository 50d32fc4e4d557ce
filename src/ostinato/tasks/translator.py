"""Translation: from pairs of texts to a network that writes one from the other, scored against simple baselines."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, overload

import pandas as pd
from torch import Tensor

from ostinato.data.pairs import PairSource, ParallelTexts, read_sources
from ostinato.errors import OstinatoError
from ostinato.tasks.estimator import Estimator, NextStep
from ostinato.tasks.lists import refuse_unmatched
from ostinato.tasks.prepared import Prepared
from ostinato.tasks.sample import evenly
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.seq2seq.batches import Pair, PairBatch, pair_batch
from ostinato.tasks.seq2seq.settings import MOST_BEAMS
from ostinato.tasks.seq2seq.train import pair_loss, prepared
from ostinato.tasks.settings import cell_name
from ostinato.tasks.translation.attention import Attention
from ostinato.tasks.translation.model import Translation, TranslatorModel
from ostinato.tasks.translation.nearest import NearestSource
from ostinato.tasks.translation.scores import check_scorer, translation_scores
from ostinato.tasks.translation.settings import TranslatorSettings
from ostinato.tasks.translation.vocabularies import Vocabularies, known_languages
from ostinato.training import moved


class Translator(Estimator[TranslatorSettings, ParallelTexts, TranslatorModel]):
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
    model_class: ClassVar = TranslatorModel
    files: ClassVar = 2
    held_out_of: ClassVar = "of the pairs"
    data_help: ClassVar = (
        "Pairs: a tab-separated file (text, translation; or columns source, target and language, if the first line "
        "names them), CSV or JSON lines with those names. Or two files: line n of the second translates line n of the "
        "first."
    )
    fit_help: ClassVar = """Train a translator: a network that reads a text and writes another, learned from pairs.

    Prints its scores on pairs it has not seen next to those of simple baselines, and saves it.

    Example:
      ostinato fit translator pairs.tsv --out model/
    """

    def read(self, data: PairSource | ParallelTexts) -> ParallelTexts:
        """Pairs, as `fit` and `evaluate` read them.

        Args:
            data: A file (tab-separated, CSV, Parquet, JSON lines), a tuple of two files whose lines correspond, a
                DataFrame, or a list of ``(source, target)`` or ``(source, target, language)``.

        Raises:
            OstinatoError: For anything wrong with them, with file and line.
        """
        return ParallelTexts.of(data, self._given.columns, self._given.form)

    def read_test(
        self, data: PairSource | ParallelTexts, training: ParallelTexts, start: TranslatorModel | None = None
    ) -> ParallelTexts:
        read = self.read_validation(data, training)
        known = sorted(set(training.languages or ())) if start is None else start.vocabularies.languages
        known_languages(known, read.languages, len(read))
        return read

    def split(self, records: ParallelTexts, share: float) -> tuple[ParallelTexts, ParallelTexts]:
        return records.split(share, self._given.seed)

    def with_targets(self, data: Any, y: Any) -> list[tuple[str, str]]:
        refuse_unmatched(data, y, "the translations of the texts, one for each")
        return list(zip(data, y, strict=True))

    def overlap(self, training: ParallelTexts, validation: ParallelTexts) -> tuple[str, ...]:
        known = set(training.sources)
        count = sum(source in known for source in validation.sources)
        told = f"{validation.origin}: {count:,} of {len(validation):,} sources stand in the training data too"
        return (told,) if count else ()

    def prepare(
        self,
        training: ParallelTexts,
        validation: ParallelTexts,
        *,
        folder: Path | None,
        start: TranslatorModel | None,
    ) -> Prepared[PairBatch, TranslatorModel]:
        settings = self._given
        vocabularies = Vocabularies.learn(training, settings) if start is None else start.vocabularies
        network = TranslatorModel.build(settings, {"vocabularies": vocabularies})
        (kept, long), (checked, long_too) = (
            _short(vocabularies.pairs(pairs), pairs, settings.max_length) for pairs in (training, validation)
        )
        nearest = NearestSource.fit(training, settings.seed)
        return prepared(
            settings,
            network,
            kept,
            checked,
            lambda: TranslatorModel(settings, network, vocabularies, nearest),
            tuple(dict.fromkeys((*training.notes, *validation.notes, *long, *long_too))),
        )

    def check_scoring(self) -> None:
        check_scorer()

    def next_steps(self, out: Path, data: Path | tuple[Path, ...]) -> tuple[NextStep, ...]:
        """Translating a text of the training data."""
        way = ("--to", self.languages[0]) if len(self.languages) > 1 else ()
        return (NextStep("Translate with", ("translate", out, *way, self.model.nearest.sources[0])),)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages it can write, as the training data name them; empty where they name none."""
        return self.model.vocabularies.languages

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
        best = self.translations(texts, n_best, to=to, beam_size=beam_size)
        return [[one.text for one in each] for each in best]

    def translations(
        self,
        texts: Sequence[str],
        n_best: int = 1,
        *,
        to: str | Sequence[str] | None = None,
        beam_size: int | None = None,
    ) -> list[list[Translation]]:
        """Translates texts, with all that is known of each translation: its score, and what it looked at.

        Args:
            texts: Several.
            n_best: Translations of each text at most.
            to: The language, or that of each text, where the model knows several.
            beam_size: Beginnings the search keeps, `n_best` at least; as in the settings unless given.

        Returns:
            The translations of each text, best first.

        Raises:
            OstinatoError: For a language that the model does not know, or numbers out of range.
        """
        model = self.model
        languages = model.vocabularies.checked(to, len(texts))
        beam = self.settings.beam_size if beam_size is None else beam_size
        if not 1 <= n_best <= MOST_BEAMS or not 1 <= beam <= MOST_BEAMS:
            raise OstinatoError(f"beam_size and n_best must be between 1 and {MOST_BEAMS}, got {beam} and {n_best}")
        return model.translations(texts, languages, max(beam, n_best), n_best)

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
        texts, named = read_sources(data, self.settings.columns, self.settings.form)
        if named is not None and to is not None:
            raise OstinatoError(
                f"the data have a column {self.settings.language_column!r}: leave it out, or do not say to={to!r}"
            )
        best = self.translations(texts, n_best, to=to if named is None else named, beam_size=beam_size)
        rows = [
            {
                "source": one.source,
                "language": one.language,
                "translation": one.text,
                "score": one.score,
                "rank": rank,
            }
            for each in best
            for rank, one in enumerate(each, 1)
        ]
        table = pd.DataFrame(rows, columns=["source", "language", "translation", "score", "rank"])
        return table if self.languages else table.drop(columns="language")

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
        model = self.model
        pairs = self.read(data)
        best = self.translations(pairs.sources, to=pairs.languages, beam_size=beam_size)
        languages = [one.language or "" for (one,) in best]
        written = {
            "ostinato": [one.text for (one,) in best],
            "nearest source": model.nearest.translate(pairs.sources, languages),
            "copy": pairs.sources,
        }
        cased = str.lower if self.settings.lowercase else str
        references = [cased(target) for target in pairs.targets]
        rows = {
            name: translation_scores([cased(text) for text in texts], references) for name, texts in written.items()
        }
        self.metrics = ScoreTable("ostinato", rows, len(pairs), "translations")
        return self.metrics

    def attention(self, text: str | Translation, *, to: str | None = None) -> Attention:
        """What the units of a text's best translation looked at.

        Args:
            text: The text, or a translation of it that `translations` gave.
            to: The language to translate a text to, where the model knows several.

        Raises:
            OstinatoError: For a model without attention, or a language that it does not know.
        """
        if isinstance(text, str):
            ((text,),) = self.translations([text], to=to)
        elif to is not None:
            raise OstinatoError(f"a translation is in its language: do not say to={to!r}")
        return self.model.attention(text)

    def plot_attention(self, text: str | Translation, path: str | Path, *, to: str | None = None) -> None:
        """Draws what the units of a text's translation looked at as a PNG file.

        Args:
            text: As for `attention`, likewise `to`.
            path: The file.
            to: The language.

        Raises:
            OstinatoError: As `attention`, or for a file that cannot be written.
        """
        from ostinato.tasks.plot import save_plot  # not before: matplotlib takes a second to import
        from ostinato.tasks.translation.plot import plot_attention

        save_plot(plot_attention(self.attention(text, to=to)), path)

    def sample_loss(self, data: PairSource | ParallelTexts) -> Callable[[], Tensor]:
        model = self.model
        pairs = self.read(data)
        kept, _ = _short(model.vocabularies.pairs(pairs), pairs, self.settings.max_length)
        batch = moved(pair_batch([kept[place] for place in evenly(len(kept))]), self.settings.on_device)
        return lambda: pair_loss(model.network, batch).mean

    def summary(self) -> str:
        """One line: what the network is, and of what it was made."""
        model, settings = self.model, self.settings
        several = f"{settings.ensemble} x " if settings.ensemble > 1 else ""
        source, target = len(model.vocabularies.source), len(model.vocabularies.target)
        units = f"{source:,} units of both sides" if settings.shared_vocabulary else f"{source:,} to {target:,} units"
        to = f", into {', '.join(self.languages)}" if self.languages else ""
        return (
            f"Translator: {several}{cell_name(settings.cell)}, {settings.num_layers} x {settings.hidden_size} units, "
            f"{(settings.attention or 'no').replace('_', ' ')} attention, {model.num_weights:,} weights; {units} "
            f"({settings.tokenizer}){to}."
        )


def _short(pairs: list[Pair], of: ParallelTexts, most: int) -> tuple[list[Pair], tuple[str, ...]]:
    """The pairs that are not too long, and a note of those that are.

    Raises:
        OstinatoError: All are.
    """
    kept = [pair for pair in pairs if max(map(len, pair)) <= most]
    if not kept:
        raise OstinatoError(f"{of.origin}: every pair has more than {most} units: set a larger max_length")
    long = len(pairs) - len(kept)
    note = f"{of.origin}: pairs of more than {most} units (max_length) left out: {long:,}"
    return kept, (note,) if long else ()
