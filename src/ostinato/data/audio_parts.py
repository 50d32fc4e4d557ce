"""Recordings in parts: as a manifest tells, or at random, of whole speakers where these are told."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ostinato.data.clip import Clip
from ostinato.errors import OstinatoError

VALIDATION = ("validation", "valid", "val", "dev", "development")
TEST = ("test", "tst", "eval", "evaluation")
"""What parts are called in a column of splits, in small letters; rows of other names are trained on."""

Rows = npt.NDArray[np.int64]


def rows_of_part(clips: Sequence[Clip], names: Sequence[str]) -> Rows:
    """The clips that a manifest puts in a part of one of these names."""
    return np.array([row for row, clip in enumerate(clips) if clip.split.casefold() in names], np.int64)


def split_clips(
    clips: Sequence[Clip], share: float, seed: int, labels: Sequence[str] | None = None
) -> tuple[Rows, Rows]:
    """The rows of a training part and of a validation part; what a manifest calls its test part is in neither.

    Args:
        clips: To be parted.
        share: Of the second part, unless the manifest names one. Above 0 and below 1.
        seed: Of the choice.
        labels: Of each, which are then spread over both parts.

    Raises:
        OstinatoError: For a share out of range.
    """
    rest = np.setdiff1d(np.arange(len(clips)), rows_of_part(clips, TEST))
    told = rows_of_part(clips, VALIDATION)
    return (np.setdiff1d(rest, told), told) if len(told) else _at_random(clips, rest, share, seed, labels)


def hold_out_clips(
    clips: Sequence[Clip], share: float, seed: int, labels: Sequence[str] | None = None
) -> tuple[Rows, Rows]:
    """The rows to fit on, a validation part among them, and those to score on: the test part of a manifest, if any.

    Args:
        clips: To be parted.
        share: Of the second part, of those that are trained on, unless the manifest names one.
        seed: Of the choice.
        labels: As in `split_clips`.

    Raises:
        OstinatoError: For a share out of range.
    """
    everything = np.arange(len(clips))
    told = rows_of_part(clips, TEST)
    if len(told):
        return np.setdiff1d(everything, told), told
    kept = rows_of_part(clips, VALIDATION)
    first, second = _at_random(clips, np.setdiff1d(everything, kept), share, seed, labels)
    return np.union1d(first, kept), second


def _at_random(
    clips: Sequence[Clip], rows: Rows, share: float, seed: int, labels: Sequence[str] | None
) -> tuple[Rows, Rows]:
    """The rest, and about `share` of some rows: whole speakers, where others speak all that the share has."""
    if not 0 < share < 1:
        raise OstinatoError(f"share must be above 0 and below 1, got {share}")
    random = np.random.default_rng(seed)
    told = {row: "" if labels is None else labels[row] for row in rows.tolist()}
    speakers = _grouped({row: clips[row].speaker for row in told})
    if "" not in speakers:
        second = _whole_groups(speakers, share * len(told), random)
        first = np.setdiff1d(rows, second)
        if len(first) and {told[row] for row in second.tolist()} <= {told[row] for row in first.tolist()}:
            return first, second
    taken = [
        row
        for group in _grouped(told).values()
        if len(group) > 1
        for row in random.permutation(group)[: max(round(share * len(group)), 1)].tolist()
    ]
    second = np.sort(np.array(taken, np.int64))
    return np.setdiff1d(rows, second), second


def _grouped(names: dict[int, str]) -> dict[str, list[int]]:
    """The rows of each name, names in the order of the alphabet."""
    groups: dict[str, list[int]] = {name: [] for name in sorted(set(names.values()))}
    for row, name in names.items():
        groups[name].append(row)
    return groups


def _whole_groups(groups: dict[str, list[int]], wanted: float, random: np.random.Generator) -> Rows:
    """The rows of groups at random, one group at least and never all, until there are about as many as wanted."""
    names, taken = list(groups), list[int]()
    for place in random.permutation(len(names))[:-1].tolist():
        rows = groups[names[place]]
        if not taken or len(taken) + len(rows) / 2 <= wanted:
            taken += rows
    return np.sort(np.array(taken, np.int64))
