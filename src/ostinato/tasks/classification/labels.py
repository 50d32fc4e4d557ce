"""Labels as numbers, what each weighs, and what is odd about them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ostinato.data.labelled import LabelledSequences
from ostinato.data.labels import Label, all_in, in_order
from ostinato.errors import OstinatoError
from ostinato.modalities import Modality
from ostinato.tasks.classification.settings import UNKNOWN, ClassifierSettings


def ordered_labels(data: LabelledSequences) -> tuple[str, ...]:
    """The labels of a training part, numbers by their size, others by the alphabet.

    Raises:
        OstinatoError: There are fewer than two.
    """
    labels = in_order(_one_each(data))
    if len(labels) < 2:
        raise data.error(f"all labels are {labels[0]!r}: a classifier needs at least two to tell apart")
    return labels


def numbered(data: LabelledSequences, labels: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """The number of each row's label.

    Raises:
        OstinatoError: A label is not one of these, with its row.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    told = _one_each(data)
    for row, label in enumerate(told):
        if label not in numbers:
            raise unknown(data, row, label, labels)
    return np.array([numbers[label] for label in told], np.int64)


def _one_each(data: LabelledSequences) -> list[str]:
    labels = [label for label in data.require_labels() if isinstance(label, str)]
    if len(labels) < len(data):
        raise data.error("several labels each, where training had one: give one label for each sequence")
    return labels


def folded(data: LabelledSequences, several: tuple[str, ...]) -> LabelledSequences:
    """The data, where several labels are one, `UNKNOWN`."""
    if data.labels is None or not several:
        return data
    return replace(data, labels=tuple(UNKNOWN if label in several else label for label in data.labels))


def refuse_absent(data: LabelledSequences, several: tuple[str, ...]) -> None:
    """Makes sure that labels that are to be folded are there, unless they have been folded before.

    Raises:
        OstinatoError: One is not.
    """
    there = set(_one_each(data)) if several else set()
    if UNKNOWN not in there and (absent := [label for label in several if label not in there]):
        raise data.error(
            f"unknown={','.join(several)}: no label is {absent[0]!r}; there are {', '.join(sorted(there))}"
        )


def unknown(data: LabelledSequences, row: int, label: str, labels: tuple[str, ...]) -> OstinatoError:
    """The error to raise about a label that training did not have."""
    listed = ", ".join(labels[:10]) + (", ..." if len(labels) > 10 else "")
    hint = perhaps_several([*labels, label])
    return data.error(f"label {label!r} was not in the training data, which had {listed}{hint and f'; {hint}'}", row)


def perhaps_several(labels: Iterable[Label]) -> str:
    """A hint, where most labels look as if each were several of a few, with a mark between; else nothing."""
    different = {label for label in labels if isinstance(label, str)}
    for mark in "|;,":
        holding = [label for label in different if mark in label]
        parts = {part.strip() for label in different for part in label.split(mark)}
        if 2 * len(holding) >= len(different) > len(parts):
            return (
                f"labels such as {min(holding)!r} hold {mark!r}, and their parts recur: if each is a label, give "
                f"label_separator={mark!r}"
            )
    return ""


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
    notes = list(training.notes)
    labels = training.require_labels()
    if cut := modality.longer(training.items):
        notes.append(
            f"{cut:,} of {len(training):,} training sequences are longer than max_length={modality.max_length}"
        )
    counts = Counter(all_in(labels))
    counts.update(dict.fromkeys(training.kinds, 0))
    if rare := [label for label, count in counts.items() if count < 2]:
        examples = "one training example only" if counts[rare[0]] else "no training example"
        notes.append(f"label {rare[0]!r} has {examples}: it cannot be learned")
    if bare := sum(label == () for label in labels):
        notes.append(f"{bare:,} of {len(training):,} training sequences have no label")
    mark = training.spec.label_separator
    if mark is not None and all(len(own) < 2 for own in labels if not isinstance(own, str)):
        notes.append(
            f"no text has two labels with {mark!r} between them: see whether label_separator is the right mark"
        )
    if hint := perhaps_several(all_in(labels)):
        notes.append(hint)
    if training.modality != "text":
        return notes
    by_text: dict[str, set[Label]] = {}
    for text, label in zip(training.texts, labels, strict=True):
        by_text.setdefault(text, set()).add(label)
    if twice := len(training) - len(by_text):
        notes.append(f"{twice:,} training texts are copies of others")
    if torn := sum(len(found) > 1 for found in by_text.values()):
        notes.append(f"{torn:,} training texts stand under more than one label")
    return notes
