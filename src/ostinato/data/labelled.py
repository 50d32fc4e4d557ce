"""Labelled sequences: texts, numbers over time, or recordings, each of one class."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from ostinato.data.audio_parts import Rows, hold_out_clips, rows_of_part, split_clips
from ostinato.data.clip import Clip
from ostinato.data.file_format import USUAL, FileFormat, refuse_halves
from ostinato.data.folds import Foldable
from ostinato.data.labels import Label, all_in, in_order, spelled
from ostinato.errors import OstinatoError

Numbers = npt.NDArray[np.float64]
Item = str | Numbers | Clip
Layout = Literal["table", "lines", "folders", "sequences", "audio"]


class LabelledSpec(BaseModel):
    """How to read labelled sequences. Names left out are found.

    Attributes:
        layout: "table" (one row per text), "lines" (label, a space or tab, text), "folders" (a folder per class, a
            file per text), "sequences" (a long table of numbers, one row per step) or "audio" (a folder per class, a
            manifest or a Kaldi directory). None: what names files of audio is "audio", any other folder "folders"; a
            table is "sequences" when `id` or `features` is given, or when it has a column named as ids are and none
            named as texts are; else it is "table".
        text: The column of texts; None: one with a usual name, or the only other beside the label.
        label: The column of labels; None: one with a usual name.
        label_separator: What stands between the labels of one sequence, of which there may be several, or none; None:
            each has one label.
        labels: Columns of 0 and 1 in place of `label`, one for each of the labels, of which there may be several.
        id: The column that tells sequences of numbers apart.
        time: The column that orders the steps of each; None: one with a usual name, else the order of the rows.
        features: The columns of numbers; empty: all others.
        audio: Manifests of recordings: the column of files.
        sample_rate: Recordings: samples a second, see `AudioSpec`.
        max_audio_seconds: Recordings: how long one may be; None for what `AudioSpec` has.
        skip_bad: Recordings: whether what cannot be used is left out.
        form: How files of text are written.

    Example:
        >>> from ostinato.data import LabelledSpec
        >>> LabelledSpec(text="review", label="stars").layout is None  # to be found from the file
        True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layout: Layout | None = None
    text: str | None = None
    label: str | None = None
    label_separator: str | None = None
    labels: tuple[str, ...] = ()
    id: str | None = None
    time: str | None = None
    features: tuple[str, ...] = ()
    audio: str | None = None
    sample_rate: int | None = None
    max_audio_seconds: float | None = None
    skip_bad: bool = False
    form: FileFormat = USUAL

    @property
    def found(self) -> dict[str, Any]:
        """All that is named, but for how files are written: settings by which others are read alike."""
        return {name: value for name, value in self.model_dump(exclude={"form"}).items() if value}

    @property
    def several(self) -> bool:
        """Whether each sequence may have several labels."""
        return bool(self.labels or self.label_separator)


@dataclass(frozen=True, eq=False)
class LabelledSequences(Foldable):
    """Sequences, and the label of each where they have one.

    Attributes:
        items: Texts, float64 arrays ``(time, features)``, or clips.
        labels: One a sequence, or of each a tuple of several; None where there are none.
        names: What a table of predictions calls each: the text itself, a series' id, or a file.
        places: Where each was read, for errors: "line 7".
        origin: The file's name, or "the texts".
        features: Names of the columns of numbers; empty for texts.
        spec: How they were read, with what was found, so that others can be read alike.
        kinds: The labels there are, where each sequence may have several; those of the whole stay known to its parts.
        notes: What was found and done when they were read.

    Example:
        >>> from ostinato.data import LabelledSequences
        >>> read = LabelledSequences.of_texts(["far from dull", "hardly good"], ["positive", "negative"])
        >>> read.texts, read.labels
        (['far from dull', 'hardly good'], ('positive', 'negative'))
    """

    items: tuple[Item, ...]
    labels: tuple[Label, ...] | None
    names: tuple[str, ...]
    places: tuple[str, ...]
    origin: str
    features: tuple[str, ...] = ()
    spec: LabelledSpec = field(default_factory=LabelledSpec)
    kinds: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Gathers the labels where there may be several, and none are named."""
        if self.several and not self.kinds:
            object.__setattr__(self, "kinds", self.spec.labels or in_order(all_in(self.labels or ())))

    @classmethod
    def of_texts(
        cls, texts: Sequence[Any], labels: Sequence[Any] | None = None, label_separator: str | None = None
    ) -> Self:
        """Texts in memory.

        Args:
            texts: Each a str.
            labels: One a text; or of each a list, a tuple or a set of several, perhaps none.
            label_separator: What stands between several labels of a text, see `LabelledSpec`.

        Raises:
            OstinatoError: For what is no text, another number of labels, or an empty text that has a label.
        """
        for number, text in enumerate(texts):
            if not isinstance(text, str):
                raise OstinatoError(f"the texts, item {number}: a {type(text).__name__} where a text should be")
            refuse_halves(text, f"the texts, item {number}")
        read = spelled(labels, len(texts), label_separator)
        spec = LabelledSpec(label_separator=label_separator)
        return cls(tuple(texts), read, tuple(texts), _counted(texts), "the texts", spec=spec)._checked()

    @classmethod
    def of_arrays(
        cls, arrays: Sequence[Any], labels: Sequence[Any] | None = None, label_separator: str | None = None
    ) -> Self:
        """Sequences of numbers in memory: arrays ``(time,)`` or ``(time, features)``; the rest as in `of_texts`.

        Raises:
            OstinatoError: For what is no such array, differing features, a value that is not finite, or another number
                of labels.
        """
        read = [_numbers(array, f"the sequences, item {number}") for number, array in enumerate(arrays)]
        widths = {array.shape[1] for array in read}
        if len(widths) > 1:
            other = next(number for number, array in enumerate(read) if array.shape[1] != read[0].shape[1])
            raise OstinatoError(
                f"the sequences, item {other}: {read[other].shape[1]} features where the first has {read[0].shape[1]}"
            )
        features = tuple(f"feature {number}" for number in range(1, max(widths, default=0) + 1))
        names = tuple(str(number) for number in range(len(read)))
        told = spelled(labels, len(read), label_separator)
        spec = LabelledSpec(label_separator=label_separator)
        return cls(tuple(read), told, names, _counted(read), "the sequences", features, spec)._checked()

    def __len__(self) -> int:
        return len(self.items)

    def _checked(self) -> Self:
        """These, once nothing of them is missing."""
        if not self.items:
            raise OstinatoError(f"{self.origin}: nothing to read: give at least one sequence")
        for row, item in enumerate(self.items):
            if self.labels is not None and isinstance(item, str) and not item.strip():
                raise self.error("the text is empty: fill it in or leave it out", row)
        for row, label in enumerate(self.labels or ()):
            if label == "":
                raise self.error("the label is missing: fill it in or leave the row out", row)
        return self

    def error(self, what: str, row: int | None = None) -> OstinatoError:
        """The error to raise about one of them, or all."""
        return OstinatoError(f"{self.origin}{f', {self.places[row]}' if row is not None else ''}: {what}")

    @property
    def several(self) -> bool:
        """Whether each may have several labels, or none."""
        return self.labels is not None and any(isinstance(own, tuple) for own in self.labels[:1])

    @property
    def modality(self) -> str:
        """What their elements are, see `ostinato.modalities`."""
        if self.features:
            return "numbers"
        return "audio" if isinstance(next(iter(self.items), None), Clip) else "text"

    @property
    def texts(self) -> list[str]:
        """The texts.

        Raises:
            OstinatoError: These are sequences of numbers.
        """
        if self.modality != "text":
            what = "sequences of numbers" if self.features else "recordings"
            raise self.error(f"{what} where texts are needed")
        return [item for item in self.items if isinstance(item, str)]

    @property
    def arrays(self) -> list[Numbers]:
        """The sequences of numbers.

        Raises:
            OstinatoError: These are texts.
        """
        if not self.features:
            what = "texts" if self.modality == "text" else "recordings"
            raise self.error(f"{what} where sequences of numbers are needed")
        return [item for item in self.items if isinstance(item, np.ndarray)]

    @property
    def clips(self) -> list[Clip]:
        """The recordings.

        Raises:
            OstinatoError: These are none.
        """
        if self.modality != "audio":
            raise self.error(f"{'sequences of numbers' if self.features else 'texts'} where recordings are needed")
        return [item for item in self.items if isinstance(item, Clip)]

    def require_labels(self) -> tuple[Label, ...]:
        """The labels.

        Raises:
            OstinatoError: There are none.
        """
        if self.labels is None:
            raise self.error("no labels: give a label for each sequence")
        return self.labels

    def take(self, rows: Rows) -> Self:
        """Those at some positions."""

        def chosen(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(values[row] for row in rows)

        labels = None if self.labels is None else chosen(self.labels)
        return replace(
            self, items=chosen(self.items), labels=labels, names=chosen(self.names), places=chosen(self.places)
        )

    def part(self, *names: str) -> Self | None:
        """Recordings that a manifest puts in a part of one of these names; None where there are none such."""
        rows = rows_of_part(self.clips, names) if self.modality == "audio" else np.zeros(0, np.int64)
        return self.take(rows) if len(rows) else None

    def fold_keys(self) -> Sequence[Hashable]:
        items = [item if isinstance(item, str) else row for row, item in enumerate(self.items)]
        return list(zip(self.require_labels(), items, strict=True))

    def fold_strata(self) -> Sequence[str]:
        """The label of each; of several the rarest, so that rare ones are spread, too."""
        labels = self.require_labels()
        counts = Counter(all_in(labels))
        return [
            own if isinstance(own, str) else min(own, key=lambda label: (counts[label], label), default="")
            for own in labels
        ]

    def folds(self, count: int, seed: int = 0) -> Iterator[tuple[Self, Self]]:
        """As `Foldable.folds`.

        Raises:
            OstinatoError: Besides, where a label stands in one fold only, so that its model would not know it.
        """
        texts: dict[Label, set[Hashable]] = {}
        for key, label in zip(self.fold_keys(), self.require_labels(), strict=True):
            texts.setdefault(label, set()).add(key)
        if not self.several and (lone := [label for label, own in texts.items() if len(own) < 2]):
            place = self.places[self.require_labels().index(lone[0])]
            raise OstinatoError(
                f"{self.origin}, {place}: label {lone[0]!r} has one example, which cannot be in one fold and in the "
                "others: give more of it, or leave it out"
            )
        return super().folds(count, seed)

    def split(self, share: float, seed: int = 0) -> tuple[Self, Self]:
        """Splits them at random: the rest, and about `share` of each label (of several, of their rarest).

        Recordings are parted as a manifest tells, or by their speakers: see `ostinato.data.audio_parts.split_clips`.
        Equal texts with equal labels stay together, so that none of the second part is known from the first. A label
        seen twice or more stands in both parts where its texts differ.

        Args:
            share: Above 0 and below 1.
            seed: Of the choice.

        Raises:
            OstinatoError: For a share out of range, no labels, or so few that a part is empty.
        """
        if self.modality == "audio":
            return self._parted(*split_clips(self.clips, share, seed, self.fold_strata()), share)
        if not 0 < share < 1:
            raise OstinatoError(f"share must be above 0 and below 1, got {share}")
        random = np.random.default_rng(seed)
        by_label: dict[str, dict[Hashable, list[int]]] = {}
        for row, (key, label) in enumerate(zip(self.fold_keys(), self.fold_strata(), strict=True)):
            by_label.setdefault(label, {}).setdefault(key, []).append(row)
        taken: list[int] = []
        for label in sorted(by_label):
            groups = list(by_label[label].values())
            wanted = max(share * sum(map(len, groups)), 1)
            count = 0
            for place in random.permutation(len(groups))[: len(groups) - 1]:  # one at least is left
                if count + len(groups[place]) / 2 > wanted:
                    break
                taken += groups[place]
                count += len(groups[place])
        second = np.sort(np.array(taken, np.int64))
        first = np.setdiff1d(np.arange(len(self)), second)
        return self._parted(first, second, share)

    def hold_out(self, share: float, seed: int = 0) -> tuple[Self, Self]:
        """What to fit on, and what to score on: as `split`, but of recordings the test part that a manifest names.

        Raises:
            OstinatoError: As `split`.
        """
        if self.modality != "audio":
            return self.split(share, seed)
        return self._parted(*hold_out_clips(self.clips, share, seed, self.fold_strata()), share)

    def _parted(self, first: Rows, second: Rows, share: float) -> tuple[Self, Self]:
        if not len(first) or not len(second):
            raise self.error(f"{self._too_few()} to part {share:.0%} from: give more")
        return self.take(first), self.take(second)

    def _too_few(self) -> str:
        """That there are too few, and how many of how many kinds; copies are told, since they stay together."""
        different = len(set(self.fold_keys()))
        kinds = {"numbers": "sequences of numbers", "text": "texts", "audio": "recordings"}
        what = f"{len(self)} {kinds[self.modality]} with labels"
        copies = "" if different == len(self) else f", of which {different} differ,"
        return f"{what}{copies} are too few"


def is_blank(item: Item) -> bool:
    """Whether there is nothing to read in it: a text of white space, or a recording that could not be read."""
    if isinstance(item, Clip):
        return item.count == 0
    return isinstance(item, str) and not item.strip()


def _counted(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(f"item {number}" for number in range(len(values)))


def _numbers(array: Any, where: str) -> Numbers:
    try:
        read = np.asarray(array, np.float64)
    except (TypeError, ValueError):
        raise OstinatoError(f"{where}: not an array of numbers (time,) or (time, features)") from None
    if read.ndim == 1:
        read = read[:, None]
    if read.ndim != 2 or not read.size:
        raise OstinatoError(f"{where}: an array of shape {np.shape(array)}: give (time,) or (time, features)")
    if not np.isfinite(read).all():
        step = int(np.argmax(~np.isfinite(read).all(axis=1)))
        raise OstinatoError(f"{where}, step {step}: a missing or infinite value: fill it in")
    return read
