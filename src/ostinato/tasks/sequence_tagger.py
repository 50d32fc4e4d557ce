"""Tagging: a label for every word of a sentence, or every step of a series of numbers."""

from collections.abc import Callable, Sequence
from operator import ne
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from torch import Tensor, nn

from ostinato.data.arrow import ArrowStream, framed
from ostinato.data.conll import read_conll, write_conll
from ostinato.data.packed import ending_of
from ostinato.data.table import Table
from ostinato.data.tagged import TaggedSequences
from ostinato.data.tagged_steps import read_steps
from ostinato.errors import OstinatoError
from ostinato.modalities import Modality, learned
from ostinato.tasks.estimator import CONLL, Estimator, NextStep
from ostinato.tasks.lists import refuse_unmatched
from ostinato.tasks.prepared import Prepared, bucketed
from ostinato.tasks.sample import evenly
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.settings import cell_name
from ostinato.tasks.tagging.baselines import Baselines
from ostinato.tasks.tagging.batches import ABSENT, TagBatch, gathered, numbered
from ostinato.tasks.tagging.entities import found_entities, found_tags, letters_of, scheme_of, together, violations
from ostinato.tasks.tagging.model import TaggerModel
from ostinato.tasks.tagging.running_text import TaggedText, colours_of, words_in
from ostinato.tasks.tagging.scores import figures
from ostinato.tasks.tagging.settings import TaggerSettings
from ostinato.tasks.tagging.train import tagging_error, tagging_loss
from ostinato.training import LossSum, moved

TaggedSource = str | Path | pd.DataFrame | ArrowStream | Table | TaggedSequences | Sequence[Any]
"""A CoNLL file or a folder of them, a list of ``(words, tags)``; or for numbers a long table."""

TABLES = (".csv", ".parquet", ".pq")
"""Of sentences, and of their tags where those come apart."""


class SequenceTagger(Estimator[TaggerSettings, TaggedSequences, TaggerModel]):
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
        >>> tagger = SequenceTagger(hidden_size=16, epochs=1).fit(training, validation=validation)
        >>> len(tagger.tag(["Jordan", "visited", "Paris", "."]))  # a tag and its probability for each word
        4
        >>> scores = tagger.evaluate(test)  # `print` it
    """

    settings_class: ClassVar = TaggerSettings
    model_class: ClassVar = TaggerModel
    data_help: ClassVar = (
        "Sentences: a text file of one word per line with its tag in a column beside it, and a blank line after each "
        "sentence (CoNLL), or a folder of such files. Numbers: a CSV or Parquet file, one row per step."
    )
    fit_help: ClassVar = """Train a tagger: a tag for every word of a sentence, or every step of a sequence of numbers.

    Prints its scores on held-out data next to those of simple baselines, and saves it.

    Example:
      ostinato fit tagger names.conll --test names-test.conll --out model/
    """

    def read(self, data: TaggedSource, *, tags: bool = True) -> TaggedSequences:
        """Reads sequences as the settings say, so that they can be looked at or split.

        Args:
            data: See `TaggedSource`.
            tags: Whether the tags must be there; without, they are not read.

        Raises:
            OstinatoError: For anything wrong with the data.
        """
        inputs = self._given.inputs or _inputs(data)
        try:
            self._given.require(inputs)
        except ValueError as error:
            raise OstinatoError(f"{type(self).__name__}: {error}") from None
        return _read(data, self._given.model_copy(update={"inputs": inputs}), tags=tags)

    def read_validation(self, data: TaggedSource, training: TaggedSequences) -> TaggedSequences:
        return _read(data, self._resolved(training))

    def split(self, records: TaggedSequences, share: float) -> tuple[TaggedSequences, TaggedSequences]:
        return records.split(share, self._given.seed)

    def with_targets(self, data: Any, y: Any) -> Any:
        if isinstance(framed(data), pd.DataFrame | Table):
            raise OstinatoError("the tags of a table stand in a column of it, label=...: leave y out")
        refuse_unmatched(data, y, "the tags of each sentence of a list")
        return list(zip(data, y, strict=True))

    def prepare(
        self,
        training: TaggedSequences,
        validation: TaggedSequences,
        *,
        folder: Path | None,
        start: TaggerModel | None,
    ) -> Prepared[TagBatch, TaggerModel]:
        settings = self._resolved(training)
        validation.checked()  # a part at random may be of empty sentences alone
        constrained, notes = _fit_for(settings, training)
        modality = learned(training, settings, None if start is None else start.modality)
        if start is None:
            tags = tuple(sorted({tag for own in training.require_tags() for tag in own}))
        else:
            tags, constrained = start.tags, start.constrained
        modality.check(validation)
        if pretrained := modality.pretrained(settings) if start is None else None:
            settings = settings.model_copy(update=pretrained.settings)
            notes.append(pretrained.note)
        network = TaggerModel.build(settings, {"modality": modality, "tags": tags, "constrained": constrained})
        if pretrained:
            network.front_end.load_state_dict(pretrained.weights, strict=False)
        steps, judged = ([modality.steps(item) for item in part.items] for part in (training, validation))
        numbers = numbered(training, tags)
        if any((own == ABSENT).any() for own in numbers):
            new = sorted({tag for own in training.require_tags() for tag in own} - set(tags))
            raise OstinatoError(
                f"{training.origin}: tags that the model to go on from does not know: {', '.join(new[:5])}"
            )
        baselines = Baselines.fit(training, steps, numbers, tags)
        if baselines.words is not None and baselines.hand_made is None:
            notes.append("no conditional random field to compare with: pip install 'ostinato[text]' brings it")
        model = TaggerModel(settings, network, tags, constrained, modality, baselines)

        def loss(model: nn.Module, batch: TagBatch, state: None) -> LossSum:
            return tagging_loss(model, batch)

        return Prepared(
            settings=settings,
            network=network,
            batches=bucketed(
                np.array([len(own) for own in steps]),
                lambda rows: gathered([steps[row] for row in rows], [numbers[row] for row in rows]),
                settings,
            ),
            loss=loss,
            score=tagging_error(judged, list(validation.require_tags()), tags, settings),
            model=lambda: model,
            notes=(*notes, *_unseen(modality, validation, tags)),
        )

    def _resolved(self, training: TaggedSequences) -> TaggerSettings:
        """The settings, with what the training data decide."""
        if training.features:
            columns = training.columns.model_copy(update={"features": training.features})
            found = {name: value for name, value in columns.model_dump(exclude={"form"}).items() if value is not None}
            return self._given.model_copy(update={**found, "inputs": "numbers", "scheme": "none"})
        scheme = self._given.scheme or scheme_of(training.require_tags()) or "none"
        return self._given.model_copy(update={"inputs": "words", "scheme": scheme})

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
        model = self.model
        sequences = _read(data, model.settings, tags=False, known=model.tags)
        tags, confidence = model.give(model.steps(sequences))
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
            raise OstinatoError(
                "tag takes a list of words: part the sentence first, 'a sentence'.split() for example; mark takes texts"
            )
        table = self.predict([list(words)])
        return list(zip(table["tag"], table["confidence"], strict=True))

    def mark(self, texts: Sequence[str]) -> list[TaggedText]:
        """Tags running texts, whose words it parts itself.

        Args:
            texts: Each is tagged as one sentence; one may be blank, and then nothing in it is marked.

        Returns:
            Each text with what is marked in it: entities, or each word where tags mark none.

        Raises:
            OstinatoError: For what is no list of texts, or a model that tags numbers.
        """
        model = self.model
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise OstinatoError("mark takes a list of texts")
        if self.settings.inputs == "numbers":
            raise OstinatoError("this model tags sequences of numbers, and no text")
        places = [words_in(text) for text in texts]
        parted = zip(texts, places, strict=True)
        words = tuple(tuple(text[start:end] for start, end in own) for text, own in parted)
        sequences = TaggedSequences(words, None, tuple(range(1, len(words) + 1)), "the texts")
        tags, confidence = model.give(model.steps(sequences))
        by_entities = self.settings.scheme != "none"
        return [
            TaggedText.of(text, own, given, sure.tolist(), by_entities=by_entities)
            for text, own, given, sure in zip(texts, places, tags, confidence, strict=True)
        ]

    @property
    def colours(self) -> dict[str, str]:
        """A colour for each label that `mark` gives."""
        tags = self.model.tags
        return colours_of(tags if self.settings.scheme == "none" else [tag.partition("-")[2] for tag in tags])

    def write(self, predictions: pd.DataFrame, path: str | Path) -> None:
        """Writes what `predict` gave: as a CSV file; words, where its name ends in .conll, as one word a line.

        Raises:
            OstinatoError: It cannot be written.
        """
        if Path(path).suffix.lower() != CONLL:
            super().write(predictions, path)
            return
        self.check_output(path)
        sentences = [(list(own["token"]), list(own["tag"])) for _, own in predictions.groupby("sentence", sort=False)]
        write_conll(path, TaggedSequences.of_sentences(sentences))

    def check_output(self, path: str | Path) -> None:
        if self.settings.inputs == "numbers":
            super().check_output(path)

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
        model = self.model
        sequences = _read(data, model.settings)
        steps = model.steps(sequences)
        models = {"ostinato": model.give(steps).tags} | model.baselines.predict(sequences, steps)
        known = [seen for item in sequences.items if (seen := model.modality.known(item)) is not None]
        by_entities, truth = self.settings.scheme != "none", sequences.require_tags()
        rows = {name: figures(truth, given, by_entities=by_entities, known=known) for name, given in models.items()}
        self.metrics = ScoreTable("ostinato", rows, sequences.steps, "steps" if sequences.features else "words")
        return self.metrics

    def losses(self, data: TaggedSource) -> pd.DataFrame:
        """One row a sequence: "sentence" with its "tokens", or the id; true "tags", those "told", "wrong", and "loss".

        The loss is the negative log-likelihood of all its tags, infinite where training did not have one of them;
        "wrong" counts the steps that are told wrongly.
        """
        model = self.model
        sequences = _read(data, model.settings)
        truth, given = sequences.require_tags(), model.give(model.steps(sequences)).tags
        columns: dict[str, Any] = {("sequence" if sequences.features else "sentence"): list(sequences.names)}
        if not sequences.features:
            columns["tokens"] = [" ".join(words) for words in sequences.sentences]
        columns |= {
            "tags": [" ".join(own) for own in truth],
            "told": [" ".join(own) for own in given],
            "wrong": [sum(map(ne, *both)) for both in zip(truth, given, strict=True)],
            "loss": model.losses(sequences),
        }
        return pd.DataFrame(columns)

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
        model = self.model
        sequences = _read(data, model.settings)
        count = found_tags if self.settings.scheme == "none" else found_entities
        kinds = count(sequences.require_tags(), model.give(model.steps(sequences)).tags)
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

    def details(self, data: TaggedSource) -> str:
        """The report, in per cent."""
        table = self.report(data)
        shown = table.assign(**{name: (100 * table[name]).round(1) for name in ("precision", "recall", "f1")})
        return f"In per cent, by kind:\n\n{shown.to_string(index=False)}"

    def next_steps(self, out: Path, data: Path | tuple[Path, ...]) -> tuple[NextStep, ...]:
        """Tagging, and of words also tagging running text."""
        running = NextStep("Tag running text with", ("tag", out, "Anna went to Paris."))
        files = (step._replace(label="Tag with") for step in super().next_steps(out, data))
        return (*((running,) if self.settings.inputs == "words" else ()), *files)

    def sample_loss(self, data: TaggedSource) -> Callable[[], Tensor]:
        model = self.model
        sequences = _read(data, model.settings)
        steps, tags = model.steps(sequences), numbered(sequences, model.tags)
        rows = evenly(len(steps))
        batch = moved(gathered([steps[row] for row in rows], [tags[row] for row in rows]), self.settings.on_device)
        return lambda: tagging_loss(model.network, batch).mean

    def summary(self) -> str:
        """One line: what the network is, and of what it was made."""
        model = self.model
        settings = self.settings
        how = "a conditional random field" if settings.decoder == "crf" else "softmax"
        return (
            f"SequenceTagger: {cell_name(settings.cell)}, {settings.num_layers} x {settings.hidden_size} units"
            f"{' in both directions' if settings.bidirectional else ''}, {model.num_weights:,} weights; "
            f"{model.modality.summary(settings)}, {len(model.tags)} tags, chosen by {how}."
        )


def _inputs(data: TaggedSource) -> Literal["words", "numbers"]:
    if isinstance(data, TaggedSequences):
        return "numbers" if data.features else "words"
    file = isinstance(data, str | Path) and ending_of(Path(data)) in TABLES
    return "numbers" if file or isinstance(framed(data), pd.DataFrame | Table) else "words"


def _read(
    data: TaggedSource, settings: TaggerSettings, *, tags: bool = True, known: Sequence[str] = ()
) -> TaggedSequences:
    """Sequences, read as the settings say."""
    data = framed(data)
    if isinstance(data, TaggedSequences):
        read = data
    elif settings.inputs == "numbers":
        if not isinstance(data, str | Path | pd.DataFrame | Table):
            raise OstinatoError("sequences of numbers come in a long table: a CSV or Parquet file, or a DataFrame")
        return read_steps(data, settings.steps, tags=tags)
    elif isinstance(data, pd.DataFrame | Table):
        raise OstinatoError("a table where sentences should be: give a CoNLL file, or a list of (words, tags)")
    elif isinstance(data, str | Path):
        read = read_conll(data, settings.conll, tags=tags, known=known)
    elif isinstance(data, Sequence):
        read = TaggedSequences.of_sentences(data, tags=tags)
    else:
        raise OstinatoError(f"a {type(data).__name__} where sentences should be: give a file, or a list of sentences")
    return read.checked()


def _fit_for(settings: TaggerSettings, training: TaggedSequences) -> tuple[bool, list[str]]:
    """Whether the scheme's rules can be kept, and what to tell about the tags."""
    scheme = settings.scheme
    if scheme is None or scheme == "none":
        return False, [] if training.features else [
            "each tag is scored by itself: no scheme of entities (B-..., I-...) is used"
        ]
    odd = violations(training.require_tags(), scheme)
    notes = [
        f"the tags mark entities ({letters_of(training.require_tags(), scheme)}): they are scored by whole entities"
    ]
    if odd:
        notes.append(
            f"{odd:,} steps break the rules of {scheme.upper()} (an I- that nothing precedes, say): they are read as "
            "conlleval does, and tags are chosen without those rules"
        )
    return settings.decoder == "crf" and not odd, notes


def _unseen(modality: Modality, validating: TaggedSequences, tags: tuple[str, ...]) -> list[str]:
    """What of the validation part training has not seen."""
    notes = []
    if known := [seen for item in validating.items if (seen := modality.known(item)) is not None]:
        notes.append(f"{1 - np.concatenate(known).mean():.1%} of the validation words are unknown from training")
    if new := sorted({tag for own in validating.require_tags() for tag in own} - set(tags)):
        notes.append(f"the validation data have tags that training has not: {', '.join(new[:5])}")
    return notes
