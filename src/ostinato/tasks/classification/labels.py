"""Labels as numbers, what each weighs, and what is odd about them."""

from collections import Counter

import numpy as np
import numpy.typing as npt

from ostinato.data.labelled import LabelledSequences
from ostinato.errors import OstinatoError
from ostinato.modalities import Modality
from ostinato.tasks.classification.settings import ClassifierSettings


def ordered_labels(data: LabelledSequences) -> tuple[str, ...]:
    """The labels of a training part, numbers by their size, others by the alphabet.

    Raises:
        OstinatoError: There are fewer than two.
    """
    labels = set(data.require_labels())
    if len(labels) < 2:
        raise data.error(f"all labels are {labels.pop()!r}: a classifier needs at least two to tell apart")
    try:
        return tuple(sorted(labels, key=lambda label: (float(label), label)))
    except ValueError:
        return tuple(sorted(labels))


def numbered(data: LabelledSequences, labels: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """The number of each row's label.

    Raises:
        OstinatoError: A label is not one of these, with its row.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    told = data.require_labels()
    for row, label in enumerate(told):
        if label not in numbers:
            listed = ", ".join(labels[:10]) + (", ..." if len(labels) > 10 else "")
            raise data.error(f"label {label!r} was not in the training data, which had {listed}", row)
    return np.array([numbers[label] for label in told], np.int64)


def weights_of(
    settings: ClassifierSettings, labels: tuple[str, ...], targets: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """What each label's examples weigh in the loss, ``(labels,)``.

    Raises:
        OstinatoError: Weights were given for other labels than there are.
    """
    given = settings.class_weights
    if given == "none":
        return np.ones(len(labels))
    if given == "balanced":
        counts = np.bincount(targets, minlength=len(labels))
        return np.asarray(len(targets) / (len(labels) * np.maximum(counts, 1)))
    assert isinstance(given, dict)
    if wrong := set(given) ^ set(labels):
        raise OstinatoError(
            f"class_weights: give one for each label of the training data, {', '.join(labels)}; "
            f"{sorted(wrong)[0]!r} is {'not one of them' if sorted(wrong)[0] in given else 'missing'}"
        )
    return np.array([given[label] for label in labels])


def found_in(training: LabelledSequences, modality: Modality) -> list[str]:
    """What a user should know of the training data."""
    notes = []
    labels = training.require_labels()
    if cut := modality.longer(training.items):
        notes.append(
            f"{cut:,} of {len(training):,} training sequences are longer than max_length={modality.max_length}"
        )
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
    return notes
