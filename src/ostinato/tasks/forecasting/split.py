"""Which rows of each series are for training, for choosing when to stop, and for the final score."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.data import Panel, Windows
from ostinato.data.times import spell
from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.settings import ForecasterSettings

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PanelPart:
    """Rows of a panel that are for one purpose: training, choosing when to stop, or the score.

    Every value that a window must forecast lies in the part; its context may reach back before it.

    Attributes:
        panel: The series.
        start: The first row of each, as a position in its series, ``(series,)``.
        end: The position behind the last one; no more than `start` where a series has none in this part.
    """

    panel: Panel
    start: Rows
    end: Rows

    @classmethod
    def whole(cls, panel: Panel) -> Self:
        """All rows of a panel."""
        return cls(panel, np.zeros_like(panel.lengths), panel.lengths)

    @property
    def is_whole(self) -> bool:
        """Whether the part ends where the panel does."""
        return bool((self.end == self.panel.lengths).all())

    def cut(self, share: float, horizon: int) -> tuple[Self, Self]:
        """The part in two: the last `share` of the rows of each series, a horizon at least, come second."""
        rows = np.maximum(np.ceil(share * (self.end - self.start)), horizon).astype(np.int64)
        return replace(self, end=self.end - rows), replace(self, start=self.end - rows)

    def long_enough(self, horizon: int, *, all_of_them: bool = False) -> npt.NDArray[np.bool_]:
        """Which series have windows to train on, ``(series,)``.

        Args:
            horizon: Steps to forecast.
            all_of_them: Whether each must have some.

        Raises:
            OstinatoError: None has, or not each as it must.
        """
        needed = horizon + 2
        rows = self.end - self.start
        enough = rows >= needed
        if not enough.any() or (all_of_them and not enough.all()):
            number = int(np.argmin(rows))
            raise OstinatoError(
                f"series {str(self.panel.ids[number])!r} has {self.panel.lengths[number]} rows, of which "
                f"{max(rows[number], 0)} are left for training, and a horizon of {horizon} needs at least {needed}: "
                "give more rows, ask for a shorter horizon, a smaller holdout or validation_share, or leave the series "
                "out"
            )
        return np.asarray(enough)

    def without_short(self, enough: npt.NDArray[np.bool_]) -> Self:
        """The part without the series that are too short to train on, which a note tells of."""
        if enough.all():
            return self
        short = self.panel.ids[~enough]
        named = f"{', '.join(short[:3])}{', ...' * (len(short) > 3)}"
        note = f"{len(short)} of {len(enough)} series are too short to train on ({named}): left out, and still forecast"
        panel = self.panel.take(enough)
        return replace(
            self,
            panel=replace(panel, notes=(*panel.notes, note)),
            start=self.start[enough],
            end=self.end[enough],
        )

    def windows(
        self, panel: Panel, settings: ForecasterSettings, *, minimum_context: int = 1, stride: int = 1
    ) -> Windows:
        """The windows of these rows that settings ask for.

        Args:
            panel: The series as a network reads them, with all rows of this part.
            settings: With a window.
            minimum_context: The fewest rows before the first value to forecast.
            stride: Steps from one window to the next.
        """
        assert settings.window is not None
        return Windows(
            panel,
            settings.window,
            settings.horizon,
            stride,
            minimum_context=minimum_context,
            origins_from=np.maximum(self.start - 1, 0),
            origins_to=np.maximum(self.end - settings.horizon, 0),
            calendar=settings.calendar,
            holidays=settings.holidays,
        )


def continued(panel: Panel, later: Panel) -> Panel:
    """The panel with the rows of a validation table at its end.

    Raises:
        OstinatoError: The table holds other series, or one that does not begin at the step after its end in the panel.
    """
    if not np.array_equal(panel.ids, later.ids):
        raise OstinatoError(
            f"validation data must hold the {len(panel)} series of the training data in the same order, and hold "
            f"{len(later)} ({', '.join(later.ids[:5])}{', ...' * (len(later) > 5)})"
        )
    if panel.names.time is None:  # rows are counted, and the count goes on
        first = 1 if panel.names.layout == "rows" else 0
        ends = panel.times[panel.offsets[1:] - 1] + 1 - first
        later = replace(later, times=later.times + np.repeat(ends, later.lengths))
    wanted = panel.frequency.after(panel.times[panel.offsets[1:] - 1], 1)[:, 0]
    found = later.times[later.offsets[:-1]]
    if (found != wanted).any():
        number = int(np.argmax(found != wanted))
        raise OstinatoError(
            f"validation data of series {str(panel.ids[number])!r} begin at {spell(found[number])}, and must go on "
            f"where the training data end, at {spell(wanted[number])}"
        )
    return panel.extend(_carried_on(panel, later))


def refuse_nothing_new(training: PanelPart, test: Panel, horizon: int) -> None:
    """Makes sure that a test panel has something to score after the rows of a training part.

    Raises:
        OstinatoError: It has none of its series, or none goes on for a horizon.
    """
    known = training.panel
    index = pd.Index(known.ids.astype(object)).get_indexer(pd.Index(test.ids.astype(object)))
    if (index < 0).all():
        raise OstinatoError(
            f"none of the test series is in the training data: they are {', '.join(test.ids[:5])}, and those are "
            f"{', '.join(known.ids[:5])}: write ids as in training"
        )
    last = known.times[known.offsets[:-1] + training.end - 1].astype(np.int64)
    new = test.times.astype(np.int64) > np.repeat(last[np.maximum(index, 0)], test.lengths)
    if (np.add.reduceat(new, test.offsets[:-1])[index >= 0] < horizon).all():
        raise OstinatoError(
            f"no test series goes on for {horizon} steps after the rows of the training data, so there is nothing to "
            "score: give later rows"
        )


def _carried_on(panel: Panel, later: Panel) -> Panel:
    """`later`, with the missing values that it begins with imputed from what was before them, not from after."""
    counts = np.concatenate([[0], np.cumsum(later.observed)])
    leading = counts[1:] == np.repeat(counts[later.offsets[:-1]], later.lengths)
    last = panel.target[panel.offsets[1:] - 1]
    return replace(later, target=np.where(leading, last[later.codes], later.target))
