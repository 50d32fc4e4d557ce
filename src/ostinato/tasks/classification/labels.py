"""Labels as numbers, and what each weighs."""

import numpy as np
import numpy.typing as npt

from ostinato.data.labelled import LabelledSequences
from ostinato.errors import OstinatoError
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
        return np.asarray(len(targets) / (len(labels) * counts))
    assert isinstance(given, dict)
    if wrong := set(given) ^ set(labels):
        raise OstinatoError(
            f"class_weights: give one for each label of the training data, {', '.join(labels)}; "
            f"{sorted(wrong)[0]!r} is {'not one of them' if sorted(wrong)[0] in given else 'missing'}"
        )
    return np.array([given[label] for label in labels])
