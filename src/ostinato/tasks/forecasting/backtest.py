"""The rolling-origin backtest: the network and every baseline on the same windows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import numpy.typing as npt

from ostinato.data import Panel, WindowBatch, Windows
from ostinato.tasks.forecasting.baselines import BaselineBatch, Baselines
from ostinato.tasks.forecasting.peers import PEERS, Peers
from ostinato.tasks.forecasting.scores import ScoreSum
from ostinato.tasks.forecasting.standardise import SeriesScales, Standardiser
from ostinato.tasks.score_table import ScoreTable

Array = npt.NDArray[np.float64]

NUMBERS = 2**22
"""That the windows forecast at once outside training hold, about: 16 MB."""

BATCH = 1024
"""Windows forecast at once outside training, at most."""


def batches(windows: Windows) -> Iterator[WindowBatch]:
    """All windows in order."""
    size = min(max(NUMBERS // windows.numbers, 1), BATCH)
    for start in range(0, len(windows), size):
        yield windows.gather(np.arange(start, min(start + size, len(windows))))


@dataclass(frozen=True)
class BaselineBatches:
    """The windows as the baselines read them; can be gone through more than once."""

    windows: Windows
    scales: SeriesScales

    def __iter__(self) -> Iterator[BaselineBatch]:
        for batch in batches(self.windows):
            yield baseline_batch(batch, self.scales, self.windows.context(batch))


def baseline_batch(batch: WindowBatch, scales: SeriesScales, context: Array | None = None) -> BaselineBatch:
    """One batch of windows as the baselines read it; `context` in place of the batch's own, which is of float32."""
    return BaselineBatch(
        context=batch.past_target.double().numpy() if context is None else context,
        lengths=batch.lengths.numpy(),
        scale=scales.change[batch.series.numpy()],
        target=batch.target.double().numpy(),
        observed=batch.target_observed.numpy(),
    )


def backtest(
    model: str,
    forecast: Callable[[WindowBatch], tuple[Array, Array | None]],
    baselines: Baselines,
    windows: Windows,
    panel: Panel,
    standardiser: Standardiser,
    scales: SeriesScales,
    peers: Peers | None = None,
) -> ScoreTable:
    """Scores a network, the baselines and peers in the target's own units.

    Args:
        model: The network's name in the table.
        forecast: Points ``(n, horizon)`` and quantiles ``(n, horizon, levels)`` of a batch, at unit scale.
        baselines: Fitted on the training part.
        windows: Of the standardised panel, whose targets neither has seen.
        panel: The panel in its own units.
        standardiser: The way back to them.
        scales: Of the panel's series.
        peers: What else to score; None for no others.
    """
    others = () if peers is None else PEERS
    sums = {name: ScoreSum(name, baselines.levels) for name in (model, *baselines.names, *others)}
    taken = dict.fromkeys(sums, 0.0)
    for batch in batches(windows):
        rows = scales.rows(batch.series.numpy())
        origin = batch.origin.numpy()
        target = panel.target[origin[:, None] + np.arange(1, windows.horizon + 1)]
        plain = baseline_batch(batch, scales, windows.context(batch))
        for name, total in sums.items():
            began = perf_counter()
            if peers is not None and name in others:
                point, quantiles = peers.forecast(name, batch)
            else:
                point, quantiles = forecast(batch) if name == model else baselines.forecast(name, plain)
                point = standardiser.back(point, rows)
                quantiles = None if quantiles is None else standardiser.back(quantiles, rows)
            taken[name] += perf_counter() - began
            total.add(
                point,
                quantiles if total.levels.size else None,
                target,
                plain.observed,
                rows.season_error,
                panel.target[origin],
            )
    scores = {name: total.scores() for name, total in sums.items()}
    if not standardiser.log:  # up or down is what is asked of prices
        for row in scores.values():
            del row["direction"]
    for name in (model, *others) if others else ():
        scores[name]["seconds"] = taken[name]
    return ScoreTable(model, scores, len(windows))
