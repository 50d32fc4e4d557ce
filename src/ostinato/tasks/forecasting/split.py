"""Which rows of each series are for training, for choosing when to stop, and for the final score."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.data import Panel, Windows
from ostinato.data.times import spell
from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.settings import ForecasterSettings

Rows = npt.NDArray[np.int64]


class Split(NamedTuple):
    """Positions in each series, ``(series,)``: rows before `train` are trained on, from there to `seen` validated on.

    Every value a window must forecast lies in the part it is for; its context may reach back into the part before.
    """

    train: Rows
    seen: Rows

    @classmethod
    def by_share(cls, lengths: Rows, horizon: int, validation: float, holdout: float) -> "Split":
        """The last `holdout` of each series unseen, the last `validation` of what is left for validation.

        Either part is at least a horizon long; no holdout when its share is 0.
        """
        unseen = np.maximum(np.ceil(holdout * lengths), horizon) if holdout else np.zeros_like(lengths)
        seen = lengths - unseen.astype(np.int64)
        validated = np.maximum(np.ceil(validation * seen), horizon).astype(np.int64)
        return cls(seen - validated, seen)

    def training(self, panel: Panel, settings: ForecasterSettings, minimum_context: int) -> Windows:
        """Windows whose targets are all trained on."""
        to = np.maximum(self.train - settings.horizon, 0)
        return windows(panel, settings, minimum_context=minimum_context, origins_to=to)

    def validation(self, panel: Panel, settings: ForecasterSettings) -> Windows:
        """Windows whose targets are all validated on."""
        start, to = np.maximum(self.train - 1, 0), np.maximum(self.seen - settings.horizon, 0)
        return windows(panel, settings, minimum_context=1, origins_from=start, origins_to=to)

    def test(self, panel: Panel, settings: ForecasterSettings, stride: int) -> Windows:
        """Windows whose targets are all unseen."""
        start = np.maximum(self.seen - 1, 0)
        return windows(panel, settings, stride=stride, minimum_context=1, origins_from=start)


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
        later = replace(later, times=later.times + np.repeat(panel.lengths, later.lengths))
    wanted = panel.frequency.after(panel.times[panel.offsets[1:] - 1], 1)[:, 0]
    found = later.times[later.offsets[:-1]]
    if (found != wanted).any():
        number = int(np.argmax(found != wanted))
        raise OstinatoError(
            f"validation data of series {str(panel.ids[number])!r} begin at {spell(found[number])}, and must go on "
            f"where the training data end, at {spell(wanted[number])}"
        )
    return panel.extend(_carried_on(panel, later))


def _carried_on(panel: Panel, later: Panel) -> Panel:
    """`later`, with the missing values that it begins with imputed from what was before them, not from after."""
    counts = np.concatenate([[0], np.cumsum(later.observed)])
    leading = counts[1:] == np.repeat(counts[later.offsets[:-1]], later.lengths)
    last = panel.target[panel.offsets[1:] - 1]
    return replace(later, target=np.where(leading, last[later.codes], later.target))


def windows(
    panel: Panel,
    settings: ForecasterSettings,
    *,
    minimum_context: int,
    stride: int = 1,
    origins_from: Rows | None = None,
    origins_to: Rows | None = None,
) -> Windows:
    """The windows of a panel that settings ask for."""
    assert settings.window is not None
    return Windows(
        panel,
        settings.window,
        settings.horizon,
        stride,
        minimum_context=minimum_context,
        origins_from=origins_from,
        origins_to=origins_to,
        calendar=settings.calendar,
    )
