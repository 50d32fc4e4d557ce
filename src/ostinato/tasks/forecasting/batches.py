"""Windows outside training, batch by batch: as the network reads them, and as the baselines do."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ostinato.data import WindowBatch, Windows
from ostinato.tasks.forecasting.baselines import BaselineBatch
from ostinato.tasks.forecasting.standardise import SeriesScales

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
    series = batch.series.numpy()
    return BaselineBatch(
        context=batch.past_target.double().numpy() if context is None else context,
        lengths=batch.lengths.numpy(),
        scale=scales.change[series],
        target=batch.target.double().numpy(),
        observed=batch.target_observed.numpy(),
        zero=-scales.location[series] / scales.scale[series],
    )
