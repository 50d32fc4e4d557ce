"""The automatic statistical forecasts that people would take instead: AutoETS and AutoTheta, of statsforecast."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from ostinato.data import Panel, WindowBatch, Windows
from ostinato.tasks.forecasting.forecast import Forecast
from ostinato.tasks.sample import evenly

Array = npt.NDArray[np.float64]

PEERS = ("AutoETS", "AutoTheta")
"""What they are called."""

SERIES = 20
"""Of which peers forecast, at most: each is fitted by itself, in up to some seconds."""

WINDOWS = 500
"""That they forecast, at most."""

STEPS = 2_000
"""Of the past that they are fitted on, and read, at most: the newest."""

LEAST = 20
"""Steps of the past below which they are not fitted."""

LONGEST_SEASON = 24
"""Steps that exponential smoothing has states for; longer seasons are left out of it, as by its authors."""


def installed() -> bool:
    """Whether there is what fits them."""
    return find_spec("statsforecast") is not None


class Peers:
    """Peers, each fitted to a series' training part when its first forecast is asked for.

    Args:
        panel: The series, in their own units.
        ends: Of each series' training part, as panel rows, ``(series,)``.
        season_length: Steps of a season; 1 for none.
        horizon: Steps to forecast.
        levels: Of the quantiles; none for points alone.
    """

    def __init__(
        self, panel: Panel, ends: npt.NDArray[np.int64], season_length: int, horizon: int, levels: Sequence[float]
    ) -> None:
        from statsforecast.models import AutoETS, AutoTheta

        short = season_length if season_length <= LONGEST_SEASON else 1
        self._kinds = dict(zip(PEERS, ((AutoETS, short), (AutoTheta, season_length)), strict=True))
        self._panel, self._ends, self._horizon, self._levels = panel, ends, horizon, levels
        self._fitted: dict[tuple[str, int], Any] = {}

    def forecast(self, name: str, batch: WindowBatch) -> Forecast:
        """What one peer says of every window, in the target's units.

        The parameters are those of the training part; states are those of the past of each window.
        """
        point = np.empty((len(batch.origin), self._horizon))
        quantiles = np.empty((*point.shape, len(self._levels)))
        ends = [(f"{'lo' if level < 0.5 else 'hi'}-", round(100 * abs(2 * level - 1), 6)) for level in self._levels]
        percents = sorted({percent for _, percent in ends if percent})
        for row, (series, origin) in enumerate(zip(batch.series.tolist(), batch.origin.tolist(), strict=True)):
            first = max(int(self._panel.offsets[series]), origin + 1 - STEPS)
            past = self._panel.target[first : origin + 1]
            told: Mapping[str, Array] = self._of(name, series).forward(past, h=self._horizon, level=percents or None)
            point[row] = told["mean"]
            for number, (side, percent) in enumerate(ends):
                quantiles[row, :, number] = told[f"{side}{percent}"] if percent else point[row]
        return Forecast(point, quantiles if len(self._levels) else None)

    def _of(self, name: str, series: int) -> Any:
        """A peer fitted to a series."""
        first = max(int(self._panel.offsets[series]), int(self._ends[series]) - STEPS)
        if (name, series) not in self._fitted:
            make, season_length = self._kinds[name]
            past = self._panel.target[first : int(self._ends[series])]
            self._fitted[name, series] = make(season_length=season_length).fit(past)
        return self._fitted[name, series]


def sampled(windows: Windows, ends: npt.NDArray[np.int64]) -> Windows:
    """The windows that peers forecast: evenly spread ones of some series, evenly spread too; perhaps all, or none.

    Args:
        windows: To choose from.
        ends: Of each series' training part, as panel rows.
    """
    long = np.flatnonzero(ends - windows.panel.offsets[:-1] >= LEAST)
    known = np.intersect1d(long, windows.series)
    return windows.of_series(known[evenly(len(known), SERIES)]).spread(WINDOWS)
