"""The rolling-origin backtest: the network, the baselines and peers forecast the same windows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.data import Panel, WindowBatch, Windows
from ostinato.tasks.forecasting.batches import baseline_batch, batches
from ostinato.tasks.forecasting.forecast import Forecast
from ostinato.tasks.forecasting.model import ForecasterModel
from ostinato.tasks.forecasting.peers import PEERS, Peers, sampled
from ostinato.tasks.forecasting.scores import ScoreSum
from ostinato.tasks.forecasting.split import PanelPart
from ostinato.tasks.forecasting.standardise import SeriesScales
from ostinato.tasks.forecasting.tables import table_of
from ostinato.tasks.score_table import ScoreTable

Array = npt.NDArray[np.float64]

SCORED_WINDOWS, SCORED_NUMBERS = 100_000, 2**30
"""Windows that a backtest scores at most, and numbers that these hold about, unless a stride is given."""

LEAST_SCORED = 10_000
"""Windows that it scores however many numbers they hold, where there are as many."""

NETWORK = "ostinato"
"""What the network is called in tables."""


class Forecasts(NamedTuple):
    """What was forecast of a batch of windows, in the target's own units.

    Attributes:
        batch: The windows, at unit scale.
        scales: Of each window's series.
        target: ``(n, horizon)``, what came; where it was not observed, anything.
        told: By each model.
        seconds: That each took.
    """

    batch: WindowBatch
    scales: SeriesScales
    target: Array
    told: dict[str, Forecast]
    seconds: dict[str, float]


class Scored(NamedTuple):
    """The scores of all models.

    Attributes:
        table: Over all series.
        by_series: A row for each series and model, in that order.
    """

    table: ScoreTable
    by_series: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Backtest:
    """A model, and windows of which it has not seen what they have to forecast.

    Attributes:
        model: Fitted on earlier rows of the same series, or on other series.
        panel: The series in their own units.
        scales: Theirs.
        windows: Of the panel at unit scale, in any order: they are forecast in that of time.
        peers: What else forecasts; None for no others.
    """

    model: ForecasterModel
    panel: Panel
    scales: SeriesScales
    windows: Windows
    peers: Peers | None = None

    @classmethod
    def of(cls, model: ForecasterModel, part: PanelPart, stride: int | None = 1) -> Self:
        """The windows of some rows.

        Args:
            model: Fitted on none of them.
            part: The rows to forecast; those before them are the past.
            stride: Steps from one window to the next, counted back from the last; None takes all of them, or so many,
                evenly spread, that they can be scored in reasonable time.
        """
        panel = part.panel
        scales = model.standardiser.scales_of(panel, panel.offsets[:-1] + part.start)
        windows = part.windows(model.standardiser.transform(panel, scales), model.settings, stride=stride or 1)
        if stride is None:
            windows = windows.spread(min(max(SCORED_NUMBERS // windows.numbers, LEAST_SCORED), SCORED_WINDOWS))
        return cls(model, panel, scales, windows)

    @property
    def names(self) -> tuple[str, ...]:
        """All models: the network, the baselines, the peers."""
        return (NETWORK, *self.model.baselines.names, *(() if self.peers is None else PEERS))

    def forecasts(self, *names: str) -> Iterator[Forecasts]:
        """What some models forecast, batch by batch in the order of time; all of them unless named."""
        network, steps = self.model.adapting_on(self.panel), np.arange(1, self.windows.horizon + 1)
        wanted, baselines = names or self.names, self.model.baselines
        compared = set(wanted) & set(baselines.names)
        for batch in batches(self.windows.in_time_order()):
            rows = self.scales.rows(batch.series.numpy())
            plain = baseline_batch(batch, self.scales, self.windows.context(batch)) if compared else None
            told, seconds = {}, {}
            for name in wanted:
                began = perf_counter()
                if name == NETWORK:
                    told[name] = self.model.in_units(network(batch), rows)
                elif self.peers is not None and name in PEERS:
                    told[name] = self.peers.forecast(name, batch)
                else:
                    assert plain is not None
                    back = partial(self.model.standardiser.back, scales=rows)
                    told[name] = baselines.forecast(name, plain).changed(back)
                seconds[name] = perf_counter() - began
            target = self.panel.target[batch.origin.numpy()[:, None] + steps]
            yield Forecasts(batch, rows, target, told, seconds)

    def beside_peers(self, part: PanelPart) -> Self:
        """Those of the windows that peers forecast, too: each is fitted on the rows before the part."""
        settings, ends = self.model.settings, self.panel.offsets[:-1] + part.start
        levels = self.model.baselines.levels
        peers = Peers(self.panel, ends, settings.seasons[0], settings.horizon, levels)
        return replace(self, windows=sampled(self.windows, ends), peers=peers)

    def scored(self, trained: float = 0.0) -> Scored:
        """How good all of them are; where there are peers, with the seconds that they and the network took.

        Args:
            trained: Seconds that the network took before it could forecast.
        """
        levels = self.model.baselines.levels
        sums = {name: ScoreSum(name, levels, len(self.panel)) for name in self.names}
        seconds = dict.fromkeys(self.names, 0.0) | {NETWORK: trained}
        for each in self.forecasts():
            batch = each.batch
            for name, total in sums.items():
                told = each.told[name]
                total.add(
                    told.point,
                    told.quantiles if levels else None,
                    each.target,
                    batch.target_observed.numpy(),
                    each.scales.season_error,
                    self.panel.target[batch.origin.numpy()],
                    batch.series.numpy(),
                    told.mean,
                )
                seconds[name] += each.seconds[name]
        scores = {name: total.scores() for name, total in sums.items()}
        if self.peers is not None:
            for name in (NETWORK, *PEERS):
                scores[name]["seconds"] = seconds[name]
        by_series = self._by_series({name: total.of_series() for name, total in sums.items()})
        if self.model.settings.returns == "none":  # up or down is what is asked of prices
            by_series = by_series.drop(columns="direction")
            for row in scores.values():
                del row["direction"]
        return Scored(ScoreTable(NETWORK, scores, len(self.windows)), by_series)

    def table(self) -> pd.DataFrame:
        """Every forecast of the network, and what came: see `Forecaster.cross_validation`."""
        panel, steps = self.panel, np.arange(1, self.windows.horizon + 1)
        frames, keys = [], []
        for each in self.forecasts(NETWORK):
            origin = each.batch.origin.numpy()
            rows = (origin[:, None] + steps).ravel()
            found: dict[str, Any] = {
                "cutoff": panel.clock.written(panel.times[np.repeat(origin, len(steps))]),
                "y": np.where(panel.observed[rows], panel.target[rows], np.nan),
            }
            found |= self.model.columns(each.told[NETWORK])
            ids, times = panel.ids[panel.codes[rows]].astype(object), panel.clock.written(panel.times[rows])
            frames.append(table_of(panel, found, ids, times))
            keys.append(np.stack([np.repeat(origin, len(steps)), rows]))
        origins, rows = np.concatenate(keys, axis=1)
        return pd.concat(frames).iloc[np.lexsort((rows, origins))].reset_index(drop=True)

    def _by_series(self, scores: dict[str, dict[str, Array]]) -> pd.DataFrame:
        windows = np.bincount(self.windows.series, minlength=len(self.panel))
        scored = np.flatnonzero(windows)
        found = {
            "model": np.tile(np.array(list(scores), object), len(scored)),
            "forecasts": np.repeat(windows[scored], len(scores)),
        }
        names = next(iter(scores.values()))
        each = {name: np.stack([own[name][scored] for own in scores.values()], axis=1).ravel() for name in names}
        return table_of(self.panel, found | each, np.repeat(self.panel.ids[scored].astype(object), len(scores)))
