"""Tagging: a label for every word of a sentence, or every step of a series of numbers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from torch import Tensor, nn

from ostinato.bundle import Bundle
from ostinato.data.conll import read_conll
from ostinato.data.table import Table
from ostinato.data.tagged import TaggedSequences
from ostinato.data.tagged_steps import StepColumns, read_steps
from ostinato.data.vectors import vocabulary_vectors
from ostinato.errors import OstinatoError
from ostinato.tasks.fitting import drop_checkpoints, evenly
from ostinato.tasks.old_estimator import Estimator
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.settings import cell_name
from ostinato.tasks.tagging.baselines import Baselines
from ostinato.tasks.tagging.encoding import NumberEncoding, WordEncoding
from ostinato.tasks.tagging.entities import Tags, found_entities, found_tags, scheme_of, together, violations
from ostinato.tasks.tagging.fitted import Fitted, make_network, with_tags
from ostinato.tasks.tagging.network import Sizes
from ostinato.tasks.tagging.scores import figures
from ostinato.tasks.tagging.settings import TaggerSettings
from ostinato.tasks.tagging.train import tagging_loss, train
from ostinato.training import TrainingLogger, seed_everything

TaggedSource = str | Path | pd.DataFrame | Table | TaggedSequences | Sequence[Any]
"""A CoNLL file or a folder of them, a list of ``(words, tags)``; or for numbers a long table."""

TABLES = (".csv", ".parquet", ".pq")


class SequenceTagger(Estimator[TaggerSettings, Fitted]):
    """Tags every word of a sentence, or every step of a sequence of numbers.

    Names of people and places (CoNLL files, IOB1, BIO or IOBES), parts of speech (CoNLL-U), what someone does in each
    second of a sensor's record (a long table). A word is read by its vector and its characters, the sentence in both
    directions, and a conditional random field chooses the tags of a sentence together (Lample et al. 2016, "Neural
    Architectures for Named Entity Recognition").

    Args:
        settings: See `TaggerSettings`.

    Attributes:
        settings: As given, or with what `fit` found out in place of None (inputs, scheme, columns).
        metrics: The scores of the last evaluation, None before.
        notes: What was found and done when the training data were read.

    Raises:
        OstinatoError: For an unknown setting or a value out of range.

    Example:
        >>> from ostinato import SequenceTagger
        >>> from ostinato.demos.data import name_sentences
        >>> training, validation, test = name_sentences((60, 20, 20))
        >>> tagger = SequenceTagger(hidden_size=16, epochs=1).fit(training, validation)
        >>> len(tagger.tag(["Jordan", "visited", "Paris", "."]))  # a tag and its probability for each word
        4
        >>> scores = tagger.evaluate(test)  # `print` it
    """

    settings_class: ClassVar = TaggerSettings
    settings: TaggerSettings

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._given = self.settings

    def fit(
        self,
        data: TaggedSource,
        validation: TaggedSource | None = None,
        *,
        folder: str | Path | None = None,
        resume: bool = False,
        logger: TrainingLogger | None = None,
    ) -> Self:
        """Trains the network and fits the baselines.

        Args:
            data: See `TaggedSource`.
            validation: Like `data`, to choose when to stop; by default a random `validation_share` of `data`.
            folder: Where checkpoints are written while training goes on; None for nowhere.
            resume: Go on from the newest checkpoint in `folder`.
            logger: Shows progress; None for silence.

        Returns:
            This tagger, with the best weights found.

        Raises:
            OstinatoError: For anything wrong with the data (file, line and how to mend it), or too little of it.
            TrainingDiverged: The loss or a gradient is not finite.
            Interrupted: Ctrl-C; a checkpoint was written where there is a folder.
        """
        training, settings = self._read_training(data)
        if validation is None:
            training, validating = training.split(settings.validation_share, settings.seed)
        else:
            validating = _read(validation, settings)[0]
        validating.checked()  # a part at random may be of empty sentences alone
        tags = tuple(sorted({tag for own in training.require_tags() for tag in own}))
        constrained, notes = _fit_for(settings, training)
        seed_everything(settings.seed)
        words = settings.inputs == "words"
        encoding = WordEncoding.learn(training, settings) if words else NumberEncoding.learn(training)
        if settings.vectors is None or not isinstance(encoding, WordEncoding):
            network = make_network(settings, _sizes(encoding, training, tags), tags, constrained)
        else:
            asked = settings.embedding_size if "embedding_size" in settings.model_fields_set else None
            vectors, note = vocabulary_vectors(settings.vectors, encoding.words, asked)
            settings = settings.model_copy(update={"embedding_size": vectors.size})
            network = make_network(settings, _sizes(encoding, training, tags), tags, constrained)
            network.begin_with(vectors, encoding.words)
            notes.append(note)
        encoded = with_tags(encoding.encode(training), training, tags)
        baselines = Baselines.fit(training, encoded, tags)
        truth: list[Tags] = list(validating.require_tags())
        train(network, settings, encoded, encoding.encode(validating), truth, tags, folder, resume, logger)
        self._fitted = Fitted(settings, tags, constrained, encoding, network, baselines)
        self.settings, self.metrics = settings, None
        self.notes = (*notes, *_unseen(encoding, validating, tags))
        drop_checkpoints(folder)
        return self

    def read(self, data: TaggedSource, *, tags: bool = True) -> TaggedSequences:
        """Reads sequences as the settings say, so that they can be looked at or split.

        Args:
            data: See `TaggedSource`.
            tags: Whether the tags must be there; without, they are not read.

        Raises:
            OstinatoError: For anything wrong with the data.
        """
        return _read(data, self._resolved(data), tags=tags)[0]

    def _resolved(self, data: TaggedSource) -> TaggerSettings:
        """The settings, with what is tagged."""
        inputs = self.settings.inputs or _inputs(data)
        try:
            self.settings.require(inputs)
        except ValueError as error:
            raise OstinatoError(f"{type(self).__name__}: {error}") from None
        return self.settings.model_copy(update={"inputs": inputs})

    def _read_training(self, data: TaggedSource) -> tuple[TaggedSequences, TaggerSettings]:
        """The training data, and the settings with what they decide."""
        self.settings = self._given
        settings = self._resolved(data)
        training, columns = _read(data, settings)
        if settings.inputs == "numbers":
            found = {name: value for name, value in columns.model_dump().items() if value is not None}
            return training, settings.model_copy(update={**found, "scheme": "none"})
        scheme = settings.scheme or scheme_of(training.require_tags()) or "none"
        return training, settings.model_copy(update={"scheme": scheme})

    def predict(self, data: TaggedSource) -> pd.DataFrame:
        """Tags sequences.

        Args:
            data: As in training; tags need not be there, and are not read.

        Returns:
            One row per word: "sentence" (counted from 1), "token", "tag", and "confidence", the probability of the tag.
            For numbers one row per step: the id, "step" (counted from 1), "tag" and "confidence".

        Raises:
            OstinatoError: For anything wrong with the data.
        """
        fitted = self._need()
        sequences = _read(data, fitted.settings, tags=False)[0]
        tags, confidence = fitted.give(fitted.encoded(sequences))
        lengths = sequences.lengths
        columns: dict[str, Any] = {
            ("sequence" if sequences.features else "sentence"): np.repeat(np.array(sequences.names, object), lengths)
        }
        if sequences.features:
            columns["step"] = np.concatenate([np.arange(1, length + 1) for length in lengths])
        else:
            columns["token"] = [word for words in sequences.sentences for word in words]
        columns |= {"tag": [tag for own in tags for tag in own], "confidence": np.concatenate(confidence)}
        return pd.DataFrame(columns)

    def tag(self, words: Sequence[str]) -> list[tuple[str, float]]:
        """Tags one sentence.

        Args:
            words: Its words.

        Returns:
            The tag of each word, and its probability.

        Raises:
            OstinatoError: For what is no list of words, or a model that tags numbers.
        """
        if isinstance(words, str):
            raise OstinatoError("tag takes a list of words: part the sentence first, 'a sentence'.split() for example")
        table = self.predict([list(words)])
        return list(zip(table["tag"], table["confidence"], strict=True))

    def evaluate(self, data: TaggedSource) -> ScoreTable:
        """Scores the network and the baselines on tagged sequences.

        Where tags mark entities, precision, recall and F1 count whole entities: kind, beginning and end must be right
        (as conlleval and seqeval count).

        Args:
            data: As in training.

        Returns:
            The scores of each model; `print` it, or ask it for `verdict()`. Also kept as `metrics`.

        Raises:
            OstinatoError: For anything wrong with the data, or tags that are not there.
        """
        fitted = self._need()
        sequences = _read(data, fitted.settings)[0]
        encoded = fitted.encoded(sequences)
        models = {"ostinato": fitted.give(encoded).tags} | fitted.baselines.predict(sequences, encoded)
        known = fitted.encoding.known(sequences) if isinstance(fitted.encoding, WordEncoding) else None
        by_entities, truth = self.settings.scheme != "none", sequences.require_tags()
        rows = {name: figures(truth, given, by_entities=by_entities, known=known) for name, given in models.items()}
        self.metrics = ScoreTable("ostinato", rows, sequences.steps, "steps" if sequences.features else "words")
        return self.metrics

    def report(self, data: TaggedSource) -> pd.DataFrame:
        """How well each kind of entity, or each tag where tags mark none, is found.

        Args:
            data: As for `evaluate`.

        Returns:
            One row per kind, and "all" of them counted together: "precision", "recall", "f1", and how often it is
            there, "count".

        Raises:
            OstinatoError: For anything wrong with the data.
        """
        fitted = self._need()
        sequences = _read(data, fitted.settings)[0]
        count = found_tags if self.settings.scheme == "none" else found_entities
        kinds = count(sequences.require_tags(), fitted.give(fitted.encoded(sequences)).tags)
        rows = kinds | {"all": together(kinds.values())}
        return pd.DataFrame(
            {
                "kind": list(rows),
                "precision": [row.precision for row in rows.values()],
                "recall": [row.recall for row in rows.values()],
                "f1": [row.f1 for row in rows.values()],
                "count": [row.there for row in rows.values()],
            }
        )

    def _case(self, data: TaggedSource) -> tuple[nn.Module, Callable[[], Tensor]]:
        fitted = self._need()
        sequences = _read(data, fitted.settings)[0]
        encoded = with_tags(fitted.encoded(sequences), sequences, fitted.tags)
        batch = encoded.gather(evenly(len(encoded)))
        return fitted.network, lambda: tagging_loss(fitted.network, batch).mean

    def summary(self) -> str:
        """One line: what the network is, and of what it was made."""
        fitted = self._need()
        weights = sum(parameter.numel() for parameter in fitted.network.parameters())
        sizes, settings = fitted.network.sizes, self.settings
        of = f"{sizes.words:,} words" if sizes.words else f"{sizes.features} features"
        how = "a conditional random field" if settings.decoder == "crf" else "softmax"
        return (
            f"SequenceTagger: {cell_name(settings.cell)}, {settings.num_layers} x {settings.hidden_size} units"
            f"{' in both directions' if settings.bidirectional else ''}, {weights:,} weights; {of}, {len(fitted.tags)} "
            f"tags, chosen by {how}."
        )

    def _restored(self, bundle: Bundle) -> Fitted:
        return Fitted.from_bundle(bundle, self.settings)


def _inputs(data: TaggedSource) -> Literal["words", "numbers"]:
    if isinstance(data, TaggedSequences):
        return "numbers" if data.features else "words"
    file = isinstance(data, str | Path) and Path(data).suffix.lower() in TABLES
    return "numbers" if file or isinstance(data, pd.DataFrame | Table) else "words"


def _read(data: TaggedSource, settings: TaggerSettings, *, tags: bool = True) -> tuple[TaggedSequences, StepColumns]:
    """Sequences, read as the settings say, and for numbers the columns they stand in."""
    if isinstance(data, TaggedSequences):
        read = data
    elif settings.inputs == "numbers":
        if not isinstance(data, str | Path | pd.DataFrame | Table):
            raise OstinatoError("sequences of numbers come in a long table: a CSV or Parquet file, or a DataFrame")
        return read_steps(data, settings.steps, tags=tags)
    elif isinstance(data, pd.DataFrame | Table):
        raise OstinatoError("a table where sentences should be: give a CoNLL file, or a list of (words, tags)")
    elif isinstance(data, str | Path):
        read = read_conll(data, settings.conll, tags=tags)
    elif isinstance(data, Sequence):
        read = TaggedSequences.of_sentences(data, tags=tags)
    else:
        raise OstinatoError(f"a {type(data).__name__} where sentences should be: give a file, or a list of sentences")
    return read.checked(), StepColumns(features=read.features)


def _sizes(encoding: WordEncoding | NumberEncoding, training: TaggedSequences, tags: tuple[str, ...]) -> Sizes:
    if isinstance(encoding, NumberEncoding):
        return Sizes(0, 0, len(training.features), len(tags))
    return Sizes(len(encoding.words), len(encoding.characters or ()), 0, len(tags))


def _fit_for(settings: TaggerSettings, training: TaggedSequences) -> tuple[bool, list[str]]:
    """Whether the scheme's rules can be kept, and what to tell about the tags."""
    scheme = settings.scheme
    if scheme is None or scheme == "none":
        return False, []
    odd = violations(training.require_tags(), scheme)
    notes = [f"the tags mark entities ({scheme.upper()}): they are scored by whole entities"]
    if odd:
        notes.append(
            f"{odd:,} steps break the rules of {scheme.upper()} (an I- that nothing precedes, say): they are read as "
            "conlleval does, and tags are chosen without those rules"
        )
    return settings.decoder == "crf" and not odd, notes


def _unseen(encoding: WordEncoding | NumberEncoding, validating: TaggedSequences, tags: tuple[str, ...]) -> list[str]:
    """What of the validation part training has not seen."""
    notes = []
    if isinstance(encoding, WordEncoding):
        known = np.concatenate(encoding.known(validating))
        notes.append(f"{1 - known.mean():.1%} of the validation words are unknown from training")
    if new := sorted({tag for own in validating.require_tags() for tag in own} - set(tags)):
        notes.append(f"the validation data have tags that training has not: {', '.join(new[:5])}")
    return notes
