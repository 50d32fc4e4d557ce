"""Classification: from labelled texts, or sequences of numbers, to the probability of each label."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import pandas as pd
import torch
from torch import Tensor, nn

from ostinato.bundle import Bundle
from ostinato.data.labelled import Labelled
from ostinato.data.labelled_files import LabelledSource, read_labelled
from ostinato.errors import OstinatoError
from ostinato.tasks.classification.bag_of_words import weighted_bayes
from ostinato.tasks.classification.baselines import Baselines
from ostinato.tasks.classification.calibration import Mix, fitted_mix, probabilities
from ostinato.tasks.classification.embeddings import first_vectors
from ostinato.tasks.classification.explanation import Explanation, explained
from ostinato.tasks.classification.fitted import Fitted
from ostinato.tasks.classification.inputs import Inputs, TextInputs, gathered, learn_inputs
from ostinato.tasks.classification.labels import numbered, ordered_labels, weights_of
from ostinato.tasks.classification.scores import ClassReport, scores_of
from ostinato.tasks.classification.settings import TEXT_ONLY, ClassifierSettings
from ostinato.tasks.classification.train import classifier_loss, train
from ostinato.tasks.estimator import Estimator
from ostinato.tasks.fitting import drop_checkpoints, evenly
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.settings import cell_name
from ostinato.training import TrainingLogger


class SequenceClassifier(Estimator[ClassifierSettings, Fitted]):
    """Tells which label a text, or a sequence of numbers, has, and how sure that is.

    Reads tables with a column of texts and one of labels, lines of label and text, folders with a folder for each
    label, long tables of numbers, and lists (see `ostinato.data.LabelledSpec`). Beside the network stands a linear
    model of words and pairs of words; the scores of both are added, and calibrated on the validation part.

    Example:
        >>> classifier = SequenceClassifier().fit("reviews.csv")
        >>> classifier.predict(["not bad at all"])
        >>> print(classifier.explain("not bad at all"))

    Args:
        settings: See `ClassifierSettings`.

    Attributes:
        settings: As given, or with the columns that `fit` found.
        metrics: The last evaluation's scores, None before.
        notes: What was found and done when the training data were read.

    Raises:
        OstinatoError: For an unknown setting or a value out of range.
    """

    settings_class: ClassVar = ClassifierSettings
    settings: ClassifierSettings

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._given = self.settings

    def read(self, data: LabelledSource) -> Labelled:
        """Labelled sequences as `fit` and `evaluate` read them; ``.split(share, seed)`` parts them.

        Raises:
            OstinatoError: For anything wrong with them, with file, line and column.
        """
        return read_labelled(data, self.settings.spec)

    def fit(
        self,
        data: LabelledSource,
        validation: LabelledSource | None = None,
        *,
        folder: str | Path | None = None,
        resume: bool = False,
        logger: TrainingLogger | None = None,
    ) -> Self:
        """Trains the network and fits the linear part, the calibration and the baselines.

        Args:
            data: A file, a folder, a DataFrame, or ``(texts, labels)``; see `LabelledSource`.
            validation: The same, to choose when to stop and to calibrate; by default a seeded `validation_share` of
                each label of `data`.
            folder: Where checkpoints are written while training goes on; None for nowhere.
            resume: Go on from the newest checkpoint in `folder`.
            logger: Shows progress; None for silence.

        Returns:
            This classifier, with the best weights found.

        Raises:
            OstinatoError: For anything wrong with the data (file, line, column and how to mend it), or too few.
            TrainingDiverged: The loss or a gradient is not finite.
            Interrupted: Ctrl-C; a checkpoint was written where there is a folder.
        """
        whole = read_labelled(data, self._given.spec)
        found = {name: value for name, value in whole.spec.model_dump().items() if value}
        settings = self._given.model_copy(update=found)
        training, validating = self._parts(whole, settings, validation)
        labels = ordered_labels(training)
        targets, others = numbered(training, labels), numbered(validating, labels)
        inputs = learn_inputs(training, settings)
        weights = weights_of(settings, labels, targets)
        notes = _found(training, validating if validation is not None else None, inputs)
        vectors: Tensor | None = None
        if settings.vectors is not None and isinstance(inputs, TextInputs):
            vectors, note = first_vectors(settings, inputs)
            settings = settings.model_copy(update={"embedding_size": vectors.shape[1]})
            notes.append(note)
        linear = None
        with settings.on_threads():
            if settings.linear and not training.features:
                linear = weighted_bayes(training.texts, targets, len(labels), settings.cut, weights)
        said = None if linear is None else linear.logits(validating.texts)
        network = train(
            settings,
            inputs,
            (training, targets),
            (validating, others),
            weights,
            said,
            vectors,
            folder,
            resume,
            logger,
        )
        baselines = Baselines.fit(training, targets, len(labels), settings.cut)
        fitted = Fitted(settings, labels, inputs, network, linear, Mix(), baselines)
        parts = fitted.parts(validating.items)
        mix = fitted_mix(*parts, others, temperature=settings.calibration == "temperature")
        self._fitted = replace(fitted, mix=mix)
        self.settings, self.notes, self.metrics = settings, tuple(notes), None
        drop_checkpoints(folder)
        return self

    def _parts(
        self, whole: Labelled, settings: ClassifierSettings, validation: LabelledSource | None
    ) -> tuple[Labelled, Labelled]:
        """The training and the validation part."""
        if whole.features and (useless := sorted(self._given.model_fields_set & set(TEXT_ONLY))):
            raise OstinatoError(f"{useless[0]}: a setting for texts, and {whole.origin} holds sequences of numbers")
        if validation is None:
            return whole.split(settings.validation_share, settings.seed)
        other = read_labelled(validation, settings.spec)
        if len(other.features) != len(whole.features):
            raise other.error(f"{len(other.features)} features, where training has {len(whole.features)}")
        return whole, other

    def predict(self, data: LabelledSource) -> pd.DataFrame:
        """Tells the label of each sequence.

        Args:
            data: As in training, labels not needed; or a list of texts.

        Returns:
            One row a sequence: "text" or its id, "label", "confidence" (the label's probability), and for each label
            its probability, "p(label)".

        Raises:
            OstinatoError: For anything wrong with the data.
        """
        fitted = self._need()
        read = fitted.read(data, labels=False)
        shares = probabilities(fitted.logits(read.items))
        told = shares.argmax(axis=1)
        columns: dict[str, Any] = {
            (fitted.spec.id or "id") if read.features else "text": list(read.names),
            "label": [fitted.labels[number] for number in told],
            "confidence": shares.max(axis=1),
        }
        columns |= {f"p({label})": shares[:, number] for number, label in enumerate(fitted.labels)}
        return pd.DataFrame(columns)

    def evaluate(self, data: LabelledSource) -> ScoreTable:
        """Scores the model and the baselines on sequences that fitting has not seen.

        Args:
            data: Labelled, as in training.

        Returns:
            Accuracy, macro F1 and ROC AUC of each; `print` it, or ask it for `verdict()`. Also kept as `metrics`.

        Raises:
            OstinatoError: For anything wrong with the data, or a label that training did not have.
        """
        fitted = self._need()
        read = fitted.read(data, labels=True)
        targets = numbered(read, fitted.labels)
        network, linear = fitted.parts(read.items)
        rows = {"ostinato": scores_of(probabilities(fitted.mix.logits(network, linear)), targets)}
        if linear is not None:
            rows["its linear part alone"] = scores_of(probabilities(linear), targets)
        rows |= {name: scores_of(said, targets) for name, said in fitted.baselines.scores(read).items()}
        self.metrics = ScoreTable("ostinato", rows, len(read), "sequences" if read.features else "texts")
        return self.metrics

    def report(self, data: LabelledSource) -> ClassReport:
        """Precision, recall and F1 of each label, the confusion matrix, and how well confidence fits.

        Args:
            data: As for `evaluate`.

        Raises:
            OstinatoError: As for `evaluate`.
        """
        fitted = self._need()
        read = fitted.read(data, labels=True)
        parts = fitted.parts(read.items)
        return ClassReport.of(
            fitted.labels,
            numbered(read, fitted.labels),
            probabilities(fitted.mix.raw(*parts)),
            probabilities(fitted.mix.logits(*parts)),
            fitted.mix.temperature,
        )

    def explain(self, text: str) -> Explanation:
        """What each word of a text does to its label.

        Args:
            text: One text.

        Returns:
            The label, the score after each word, and each word's contribution; see `Explanation`.

        Raises:
            OstinatoError: For a text without a word, or a model of sequences of numbers.
        """
        return explained(self._need(), text)

    def _case(self, data: LabelledSource) -> tuple[nn.Module, Callable[[], Tensor]]:
        fitted = self._need()
        read = fitted.read(data, labels=True)
        rows = evenly(len(read))
        batch = gathered([fitted.inputs.steps(read.items[row]) for row in rows], numbered(read, fitted.labels)[rows])
        even = torch.ones(len(fitted.labels))
        return fitted.network, lambda: classifier_loss(fitted.network(batch), batch.target, even, 0.0).mean

    def summary(self) -> str:
        """One line: what the network is, and of what it was made."""
        fitted = self._need()
        settings, inputs = fitted.settings, fitted.inputs
        weights = sum(parameter.numel() for parameter in fitted.network.parameters())
        many = "s" if inputs.size > 1 else ""
        unit = f"{settings.unit} unit" if isinstance(inputs, TextInputs) else "feature"
        several = f"{settings.ensemble} x " if settings.ensemble > 1 else ""
        both = " in both directions" if settings.bidirectional else ""
        grams = 0 if fitted.linear is None else len(fitted.linear.grams.numbers)
        linear = f" and a linear part of {grams:,} words and pairs" if grams else ""
        return (
            f"SequenceClassifier: {several}{cell_name(settings.cell)}, {settings.num_layers} x {settings.hidden_size} "
            f"units{both}, {weights:,} weights{linear}; "
            f"{inputs.size:,} {unit}{many} in, {len(fitted.labels)} labels out."
        )

    def _restored(self, bundle: Bundle) -> Fitted:
        return Fitted.from_bundle(bundle, self.settings)


def _found(training: Labelled, validating: Labelled | None, inputs: Inputs) -> list[str]:
    """What a user should know of the data."""
    notes = []
    labels = training.require_labels()
    if cut := inputs.cut(training.items):
        notes.append(f"{cut:,} of {len(training):,} training sequences are longer than max_length={inputs.max_length}")
    rare = [label for label, count in Counter(labels).items() if count < 2]
    if rare:
        notes.append(f"label {rare[0]!r} has one training example only: it cannot be learned")
    if training.features:
        return notes
    by_text: dict[str, set[str]] = {}
    for text, label in zip(training.texts, labels, strict=True):
        by_text.setdefault(text, set()).add(label)
    if twice := len(training) - len(by_text):
        notes.append(f"{twice:,} training texts are copies of others")
    if torn := sum(len(found) > 1 for found in by_text.values()):
        notes.append(f"{torn:,} training texts stand under more than one label")
    shared = 0 if validating is None else sum(text in by_text for text in validating.texts)
    if shared:
        notes.append(f"{shared:,} validation texts stand in the training data too, which makes stopping late")
    return notes
