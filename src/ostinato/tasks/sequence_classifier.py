"""Classification: from labelled texts, sequences of numbers, or recordings, to the probability of each label."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from rich.console import RenderableType
from torch import Tensor, nn

from ostinato.data.audio_parts import TEST
from ostinato.data.clip import Clip
from ostinato.data.labelled import LabelledSequences, is_blank
from ostinato.data.labelled_files import LabelledSource, read_labelled
from ostinato.errors import OstinatoError
from ostinato.modalities import MODALITIES, Audio, Text, foreign_settings, learned, modality_named
from ostinato.tasks.classification.baselines import Baselines
from ostinato.tasks.classification.batches import Batch, gathered
from ostinato.tasks.classification.calibration import Mix
from ostinato.tasks.classification.distractors import parted, read_background, with_distractors
from ostinato.tasks.classification.explanation import Explanation, explained
from ostinato.tasks.classification.keyword_stream import REFRACTORY, KeywordStream
from ostinato.tasks.classification.labels import folded, found_in, refuse_absent
from ostinato.tasks.classification.linear_text import COST, LinearText
from ostinato.tasks.classification.model import ClassifierModel, labelling_of
from ostinato.tasks.classification.report import LabelReport
from ostinato.tasks.classification.settings import SEPARATOR, ClassifierSettings
from ostinato.tasks.classification.spotting import Spotting, spotted, with_threshold
from ostinato.tasks.classification.stream_batches import gathered_in_streams
from ostinato.tasks.classification.train import calibrated_score, stream_loss
from ostinato.tasks.estimator import Estimator, NextStep
from ostinato.tasks.lists import refuse_unmatched
from ostinato.tasks.prepared import Prepared, augmented
from ostinato.tasks.sample import evenly
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.settings import cell_name
from ostinato.training import LossSum, moved

UNITS = {"text": "texts", "numbers": "sequences", "audio": "recordings"}
"""What is scored, by modality."""


class SequenceClassifier(Estimator[ClassifierSettings, LabelledSequences, ClassifierModel]):
    """Tells which label a text, a sequence of numbers, or a recording has, or which of several, and how sure that is.

    Reads tables with a column of texts and one of labels, lines of label and text, folders with a folder for each
    label, long tables of numbers, recordings (folders, manifests, Kaldi directories), and lists (see
    `ostinato.data.LabelledSpec`). Beside the network stands a linear
    model of words, pairs of words and runs of characters; the scores of both are added, and calibrated on the
    validation part. Of several labels (lists of them, `label_separator` or `labels`), each is told on its own.

    Args:
        settings: See `ClassifierSettings`.

    Attributes:
        settings: As given, or with the columns that `fit` found.
        metrics: The last evaluation's scores, None before.
        notes: What was found and done when the training data were read.

    Raises:
        OstinatoError: For an unknown setting or a value out of range.

    Example:
        >>> from ostinato import SequenceClassifier
        >>> from ostinato.demos.data import load_reviews
        >>> reviews = load_reviews().query("part == 'training'")
        >>> classifier = SequenceClassifier(hidden_size=16, epochs=1).fit((list(reviews.text), list(reviews.label)))
        >>> classifier.predict(["not bad at all"])["label"].tolist() in (["positive"], ["negative"])
        True
        >>> explanation = classifier.explain("not bad at all")  # `print` it
    """

    settings_class: ClassVar = ClassifierSettings
    model_class: ClassVar = ClassifierModel
    data_help: ClassVar = (
        "CSV or Parquet file with a text and a label in each row; or a folder with a folder of text files for each "
        "label; or with --layout lines a file of lines, label and text; or with --id a long table of numbers; or "
        "recordings: a folder for each label, or a table that names files and labels."
    )
    fit_help: ClassVar = """Train a classifier: which label a text, a sequence of numbers, or a recording has.

    Prints its scores on held-out data next to those of simple baselines, and saves it.

    Example:
      ostinato fit classifier reviews.csv --text review --label stars --out model/
    """

    def read(self, data: LabelledSource) -> LabelledSequences:
        """Labelled sequences, as `fit` and `evaluate` read them.

        Args:
            data: A file, a folder, a DataFrame, or ``(texts, labels)``; see `LabelledSource`.

        Raises:
            OstinatoError: For anything wrong with them, with file, line and column.
        """
        read = read_labelled(data, self._given.spec)
        refuse_absent(read, self._given.unknown)
        return folded(read, self._given.unknown)

    def read_validation(self, data: LabelledSource, training: LabelledSequences) -> LabelledSequences:
        spec = self._given.model_copy(update=training.spec.found).spec
        read = folded(read_labelled(data, spec), self._given.unknown)
        if len(read.features) != len(training.features):
            raise read.error(f"{len(read.features)} features, where training has {len(training.features)}")
        return read

    def read_test(
        self, data: LabelledSource, training: LabelledSequences, start: ClassifierModel | None = None
    ) -> LabelledSequences:
        read = self.read_validation(data, training)
        labelling = labelling_of(training.several)
        labelling.encoded(read, labelling.ordered(training, None) if start is None else start.labels)
        return read

    def split(self, records: LabelledSequences, share: float) -> tuple[LabelledSequences, LabelledSequences]:
        return records.split(share, self._given.seed)

    def hold_out(self, records: LabelledSequences, share: float) -> tuple[LabelledSequences, LabelledSequences]:
        return records.hold_out(share, self._given.seed)

    def held_out(self, records: LabelledSequences, share: float) -> str:
        return super().held_out(records, share) if records.part(*TEST) is None else "the test part that the data name"

    def with_targets(self, data: Any, y: Any) -> Any:
        # A tuple is (texts, labels) already.
        refuse_unmatched(data, y, "the labels of the sequences, one for each", lists=(list, np.ndarray, pd.Series))
        return list(data), list(y)

    def prepare(
        self,
        training: LabelledSequences,
        validation: LabelledSequences,
        *,
        folder: Path | None,
        start: ClassifierModel | None,
    ) -> Prepared[Batch, ClassifierModel]:
        settings = self._resolved(training)
        labelling = labelling_of(training.several)
        modality = learned(training, settings, None if start is None else start.modality)
        keywords, judged_by = validation, list[Clip]()
        # One that the model to go on from has may be what its own fitting chose: of other weights.
        threshold_given = "threshold" in self._given.model_fields_set and settings.threshold is not None
        if settings.streaming:
            background = parted(
                read_background(settings.background, training.clips[0].rate, skip_bad=settings.skip_bad)
            )
            learned_from, judged_by = background
            training = with_distractors(training, learned_from, settings.seed)
            validation = with_distractors(validation, judged_by, settings.seed + 1)
        own = labelling.ordered(training, settings.label_separator)
        labels = own if start is None else start.labels
        targets, others = labelling.encoded(training, labels), labelling.encoded(validation, labels)
        notes = found_in(training, modality)
        if pretrained := modality.pretrained(settings) if start is None else None:
            settings = settings.model_copy(update=pretrained.settings)
            notes.append(pretrained.note)
        network = ClassifierModel.build(settings, {"modality": modality, "labels": labels})
        if pretrained:
            network.begin_with(pretrained.weights)
        weights = labelling.weights(settings, labels, targets)
        linear = said = None
        if settings.linear and training.modality == "text":
            linear = LinearText.fit(
                training.texts,
                targets,
                settings.cut,
                characters=settings.characters,
                cost=COST,
                weights=weights,
                classes=len(labels),
            )
            said = linear.logits(validation.texts)
        device = settings.on_device
        importance = torch.tensor(weights, dtype=torch.float32, device=device)

        def loss(model: nn.Module, batch: Batch, state: None) -> LossSum:
            if settings.streaming:
                return stream_loss(model(batch), batch.target, importance, settings.label_smoothing)
            return labelling.loss(model(batch), batch.target, importance, settings.label_smoothing)

        def model() -> ClassifierModel:
            baselines = Baselines.fit(training, targets, len(labels), labelling, settings.cut, modality)
            raw = ClassifierModel(settings, network, labels, modality, linear, Mix(), baselines)
            temperature = settings.calibration == "temperature"
            mix = labelling.fitted_mix(*raw.parts(validation.items), others, temperature=temperature)
            whole = replace(raw, mix=mix)
            if not judged_by or threshold_given:
                return whole
            return with_threshold(whole, spotted(whole, keywords.clips, keywords.require_labels(), judged_by))

        read = modality.reader(training.items)

        def gather(rows: npt.NDArray[np.int64], rng: np.random.Generator) -> Batch:
            if settings.streaming and isinstance(modality, Audio):
                return gathered_in_streams(read(rows, rng), targets[rows], modality, rng)
            return gathered(read(rows, rng), targets[rows])

        return Prepared(
            settings=settings,
            network=network,
            batches=augmented(read.lengths, gather, settings),
            loss=loss,
            score=calibrated_score(modality.reader(validation.items), others, said, labelling, device),
            model=model,
            notes=tuple(notes),
        )

    def _resolved(self, training: LabelledSequences) -> ClassifierSettings:
        """The settings, with the columns that were found."""
        kind, given = modality_named(training.modality), self._given.model_fields_set
        of_texts = [name for name in ("linear", "characters") if name in given and kind is not Text]
        useless = foreign_settings(kind, given) + of_texts
        if useless:
            whose = next((other for other in MODALITIES if useless[0] in other.setting_names()), Text).kinds
            raise OstinatoError(f"{useless[0]}: a setting for {whose}, and {training.origin} holds {kind.kinds}")
        if self._given.streaming and (kind is not Audio or training.several):
            raise training.error("streaming is for recordings with one label each: leave it out")
        found = training.spec.found
        if training.several:
            found["label_separator"] = self._given.label_separator or SEPARATOR
        elif self._given.spec.several:
            raise training.error("one label each, where label_separator or labels say that there are several")
        return self._given.model_copy(update=found)

    def overlap(self, training: LabelledSequences, validation: LabelledSequences) -> tuple[str, ...]:
        if training.modality == "audio":
            return _heard_before(training.clips, validation.clips)
        if training.modality != "text":
            return ()
        known = set(training.texts)
        shared = sum(text in known for text in validation.texts)
        told = f"{shared:,} validation texts stand in the training data too, which makes stopping late"
        return (told,) if shared else ()

    @property
    def classes_(self) -> npt.NDArray[np.str_]:
        """The labels, in the order of the columns of `predict_proba`."""
        return np.array(self.model.labels)

    def predict_proba(self, data: LabelledSource) -> npt.NDArray[np.float64]:
        """The probability of each label, ``(rows, labels)``, in the order of `classes_`; NaN for blank texts.

        Args:
            data: As for `predict`.

        Raises:
            OstinatoError: For anything wrong with the data.
        """
        return self._shares(self.model.read(data, labels=False))

    def _shares(self, read: LabelledSequences) -> npt.NDArray[np.float64]:
        """The probability of each label ``(rows, labels)``; NaN where there is nothing to read."""
        filled = np.array([not is_blank(item) for item in read.items])
        shares = np.full((len(read), len(self.model.labels)), np.nan)
        if filled.any():
            shares[filled] = self.model.labelling.probabilities(self.model.logits(list(compress(read.items, filled))))
        return shares

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks: a classifier, so that cross-validation keeps the shares of the labels."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=False),
            classifier_tags=ClassifierTags(multi_label=True),
            input_tags=InputTags(two_d_array=False, string=True),
        )

    def predict(self, data: LabelledSource) -> pd.DataFrame:
        """Tells the label of each sequence.

        Args:
            data: As in training, labels not needed; or a list of texts.

        Returns:
            One row per sequence: "text" or its id, "label", "confidence" (the label's probability), and for each label
            its probability, "p(label)". A blank text has no label, and its probabilities are missing. Of several,
            "label" holds those whose probability is at least a half, with `label_separator` between, and "confidence"
            is the probability that they are right and no other is, were labels independent.

        Raises:
            OstinatoError: For anything wrong with the data.
        """
        model = self.model
        read = model.read(data, labels=False)
        shares = self._shares(read)
        columns: dict[str, Any] = {
            model.named(read): list(read.names),
            "label": model.labelling.told(shares, model.labels, model.settings.label_separator),
            "confidence": model.labelling.confidence(shares),
        }
        columns |= {f"p({label})": shares[:, number] for number, label in enumerate(model.labels)}
        return pd.DataFrame(columns)

    def evaluate(self, data: LabelledSource) -> ScoreTable:
        """Scores the model and the baselines on sequences that fitting has not seen.

        Args:
            data: Labelled sequences, as in training; of recordings the test part, where a manifest names one.

        Returns:
            Accuracy, macro F1 and ROC AUC of each model; of several labels micro and macro F1, the share of rows told
            exactly, and the mean AUC. `print` it, or ask it for `verdict()`. Also kept as `metrics`.

        Raises:
            OstinatoError: For anything wrong with the data, or a label that training did not have.
        """
        model, labelling = self.model, self.model.labelling
        read = model.read(data, labels=True)
        targets = labelling.encoded(read, model.labels)
        network, linear = model.parts(read.items)
        said = {"ostinato": labelling.probabilities(labelling.logits(model.mix, network, linear))}
        if linear is not None:
            said["its linear part alone"] = labelling.probabilities(linear)
        said |= model.baselines.scores(read, labelling, model.modality)
        rows = {name: labelling.scores(each, targets) for name, each in said.items()}
        self.metrics = ScoreTable("ostinato", rows, len(read), UNITS[read.modality])
        return self.metrics

    def losses(self, data: LabelledSource) -> pd.DataFrame:
        """One row a sequence: "place", "text" or its id, "label", "told", its "confidence", and "loss".

        The loss is the negative log-likelihood of the label, or of all labels together where there may be several.
        """
        return self.model.losses(data)

    def stream(self, *, threshold: float | None = None, refractory: float = REFRACTORY) -> KeywordStream:
        """What tells keywords in sound that comes in chunks, of a model that was trained with ``streaming=True``.

        Args:
            threshold: How sure a keyword must be; None: the one that training chose, see `settings`.
            refractory: Seconds around a keyword within which no other is told, which it is told later by.

        Raises:
            OstinatoError: This model hears no streams; a threshold or time out of range.

        Example:
            >>> import numpy as np
            >>> from ostinato import SequenceClassifier
            >>> from ostinato.data import Recordings
            >>> tones = [np.sin(np.arange(4000) * pitch) / 2 for pitch in (0.1, 0.2) * 8]
            >>> sounds = Recordings.of_waves(tones, 8000, ["low", "high"] * 8)
            >>> stream = SequenceClassifier(hidden_size=8, epochs=1, streaming=True).fit(sounds).stream(threshold=0.99)
            >>> told = [*stream.feed(np.zeros(8000, np.float32)), *stream.flush()]
        """
        return KeywordStream(self.model, threshold, refractory)

    def spot(
        self, data: LabelledSource, background: str | Path | Sequence[str | Path] = (), threshold: float | None = None
    ) -> Spotting:
        """How keywords are told over a stream of all recordings, one after another, and of sound without any.

        Args:
            data: As for `evaluate`.
            background: Folders, manifests or files of sound without keywords.
            threshold: As for `stream`.

        Raises:
            OstinatoError: As for `evaluate` and `stream`.
        """
        KeywordStream(self.model, threshold)
        read = self.model.read(data, labels=True)
        given = [background] if isinstance(background, str | Path) else background
        sound = read_background(list(map(str, given)), read.clips[0].rate, skip_bad=self.settings.skip_bad)
        return spotted(self.model, read.clips, read.require_labels(), sound, threshold)

    def report(self, data: LabelledSource) -> LabelReport:
        """Precision, recall and F1 of each label, how well confidence fits, and of one label each the confusion matrix.

        Args:
            data: As for `evaluate`.

        Raises:
            OstinatoError: As for `evaluate`.
        """
        model, labelling = self.model, self.model.labelling
        read = model.read(data, labels=True)
        parts = model.parts(read.items)
        before, after = (
            labelling.probabilities(labelling.logits(mix, *parts))
            for mix in (model.mix._replace(temperature=1.0), model.mix)
        )
        targets = labelling.encoded(read, model.labels)
        return labelling.report(model.labels, targets, before, after, model.mix.temperature)

    def details(self, data: LabelledSource) -> RenderableType:
        """The report, as a table."""
        return self.report(data).rich()

    def next_steps(self, out: Path, data: Path | tuple[Path, ...]) -> tuple[NextStep, ...]:
        """Predicting, and, of texts, explaining."""
        why = NextStep("Ask it why", ("explain", out, "not bad at all"))
        return (*super().next_steps(out, data), *((why,) if isinstance(self.model.modality, Text) else ()))

    def explain(self, text: str, label: str | None = None) -> Explanation:
        """What each word of a text does to its label.

        Args:
            text: One text.
            label: One of the labels; None: the likeliest.

        Returns:
            The label, the score after each word, and each word's contribution; see `Explanation`.

        Raises:
            OstinatoError: For a text without a word, a label that is none, or a model of sequences of numbers.
        """
        return explained(self.model, text, label)

    def sample_loss(self, data: LabelledSource) -> Callable[[], Tensor]:
        model = self.model
        read = model.read(data, labels=True)
        rows, labelling = evenly(len(read)), model.labelling
        targets = labelling.encoded(read, model.labels)[rows]
        batch = gathered([model.modality.steps(read.items[row]) for row in rows], targets)
        batch = moved(batch, self.settings.on_device)
        even = torch.ones(len(model.labels), device=batch.x.device)
        return lambda: labelling.loss(model.network(batch), batch.target, even, 0.0).mean

    def summary(self) -> str:
        """One line: what the network is, and of what it was made."""
        model = self.model
        settings = model.settings
        several = f"{settings.ensemble} x " if settings.ensemble > 1 else ""
        both = " in both directions" if settings.bidirectional else ""
        grams = 0 if model.linear is None else len(model.linear)
        read = "words, pairs and runs of characters" if settings.characters else "words and pairs"
        linear = f" and a linear part of {grams:,} {read}" if grams else ""
        return (
            f"SequenceClassifier: {several}{cell_name(settings.cell)}, {settings.num_layers} x {settings.hidden_size} "
            f"units{both}, {model.num_weights:,} weights{linear}; "
            f"{model.modality.summary(settings)} in, {len(model.labels)} labels out."
        )


def _heard_before(training: Sequence[Clip], validation: Sequence[Clip]) -> tuple[str, ...]:
    """What to say of validation recordings whose files, or speakers, stand in the training data too."""
    told = []
    for what, own in (("recordings", lambda clip: (clip.file, clip.start)), ("speakers", lambda clip: clip.speaker)):
        known, checked = ({own(clip) for clip in clips} - {"", (None, 0.0)} for clips in (training, validation))
        if shared := len(known & checked):
            told.append(f"{shared:,} of {len(checked):,} validation {what} are in the training data too")
    return tuple(told)
