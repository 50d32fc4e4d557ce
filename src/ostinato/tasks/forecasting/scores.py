"""How good forecasts are, summed over any number of batches."""

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

ROUNDING = 1e-9
"""Share of a value by which a forecast that equals it may differ, as it was standardised on its way."""


class ScoreSum:
    """Scores of one model, summed batch by batch: `add` every batch, then read `scores`, or `of_series`.

    Args:
        model: The model's name, for messages.
        levels: Quantile levels of its forecasts; none for a model that only gives points.
        series: How many series there are.
    """

    def __init__(self, model: str, levels: Sequence[float] = (), series: int = 1) -> None:
        if not all(0 < level < 1 for level in levels):
            raise ValueError(f"levels must lie between 0 and 1, got {list(levels)}")
        self.model = model
        self.levels = np.asarray(levels, np.float64)
        self.pairs = symmetric_pairs(levels)
        self._series = series
        self._sums: dict[str, Array] = defaultdict(lambda: np.zeros(series))

    def add(
        self,
        point: Array,
        quantiles: Array | None,
        target: Array,
        observed: npt.NDArray[np.bool_],
        mase_scale: Array,
        last: Array,
        series: npt.NDArray[np.int64] | None = None,
        mean: Array | None = None,
    ) -> None:
        """Adds the forecasts of a batch of windows.

        Args:
            point: ``(n, horizon)``.
            quantiles: ``(n, horizon, levels)``, or None for a model without levels.
            target: ``(n, horizon)``; what is unobserved may hold anything.
            observed: ``(n, horizon)``: which targets are known. The others count nowhere.
            mase_scale: ``(n,)``: the in-sample mean absolute error of the seasonal naive forecast of each row's
                series. Rows where it is not positive and finite (a constant series) stay out of MASE.
            last: ``(n,)``: the last value before the forecast.
            series: ``(n,)``: the number of each row's series; None where there is one.
            mean: ``(n, horizon)``, for squared errors; the point unless given.

        Raises:
            ValueError: A forecast or an observed target is not finite, or quantiles and levels do not go together.
        """
        if (quantiles is None) != (self.levels.size == 0):
            raise ValueError(f"{self.model}: quantiles go with levels, {self.levels.size} levels were told")
        if not all(each is None or np.isfinite(each).all() for each in (point, quantiles, mean)):
            raise ValueError(f"{self.model}: a forecast is not finite")
        if not np.isfinite(target[observed]).all():
            raise ValueError("an observed target is not finite")
        actual, forecast = np.asarray(target[observed], np.float64), np.asarray(point[observed], np.float64)
        window = np.nonzero(observed)[0]
        owner = np.zeros_like(window) if series is None else series[window]
        parts = self._errors(actual, forecast, np.asarray(mase_scale, np.float64)[window])
        if mean is not None:
            parts["squared"] = (actual - mean[observed]) ** 2
        parts |= self._direction(actual, forecast, np.asarray(last, np.float64)[window])
        if quantiles is not None:
            parts |= self._quantiles(actual, np.asarray(quantiles[observed], np.float64))
        for name, each in parts.items():
            self._sums[name] += np.bincount(owner, each, self._series)

    def _errors(self, actual: Array, forecast: Array, mase_scale: Array) -> dict[str, Array]:
        error = np.abs(actual - forecast)
        size = np.abs(actual) + np.abs(forecast)
        scaled = np.isfinite(mase_scale) & (mase_scale > 0)
        return {
            "count": np.ones_like(error),
            "absolute": error,
            "squared": error**2,
            "relative": np.divide(error, size, out=np.zeros_like(error), where=size > 0),
            "scaled": np.divide(error, mase_scale, out=np.zeros_like(error), where=scaled),
            "scaled count": scaled,
            "magnitude": np.abs(actual),
        }

    def _direction(self, actual: Array, forecast: Array, last: Array) -> dict[str, Array]:
        still = np.abs(forecast - last) <= ROUNDING * np.maximum(np.abs(last), np.abs(forecast))
        signs = np.sign(actual - last) * np.where(still, 0, np.sign(forecast - last))
        return {"moved": signs != 0, "right direction": signs > 0}

    def _quantiles(self, actual: Array, quantiles: Array) -> dict[str, Array]:
        under = actual[:, None] - quantiles
        parts = {"pinball": np.maximum(self.levels * under, (self.levels - 1) * under).sum(axis=1)}
        for nominal, (low, high) in self.pairs.items():
            parts[f"inside {nominal}"] = (quantiles[:, low] <= actual) & (actual <= quantiles[:, high])
            parts[f"width {nominal}"] = quantiles[:, high] - quantiles[:, low]
        return parts

    def scores(self) -> dict[str, float]:
        """The scores so far; NaN where there was nothing that the score is defined on.

        Returns:
            With y the observed targets and f the forecasts, means over all observed targets of all windows:

            - ``mae``: |y - f|; ``mse``: (y - f)², f the mean where one is told; ``rmse``: its root.
            - ``smape``: 200 |y - f| / (|y| + |f|), in per cent from 0 to 200; 0 where y = f = 0.
            - ``mase``: |y - f| / `mase_scale` (Hyndman & Koehler 2006).
            - ``direction``: the share of steps where f - last has the sign of y - last, among those where neither is 0
              (f - last but for rounding).

            And for models with quantiles:

            - ``crps``: the mean weighted quantile loss, 2 Σ pinball / Σ |y|, averaged over the levels: a discrete
              continuous ranked probability score, relative to the size of the targets (as in GluonTS).
            - ``coverage_80`` and so on: the share of y inside the interval between the levels 0.1 and 0.9, bounds
              included, for every pair of levels that is symmetric about the median; ``width_80``: its mean width.
        """
        return {name: float(each[0]) for name, each in self._means(total=True).items()}

    def of_series(self) -> dict[str, Array]:
        """The same of each series, arrays ``(series,)``."""
        return self._means(total=False)

    def _means(self, *, total: bool) -> dict[str, Array]:
        def part(name: str) -> Array:
            return self._sums[name].sum(keepdims=True) if total else self._sums[name]

        def mean(name: str, over: str = "count") -> Array:
            count = part(over)
            return np.divide(part(name), count, out=np.full_like(count, math.nan), where=count > 0)

        scores = {
            "mae": mean("absolute"),
            "rmse": np.sqrt(mean("squared")),
            "mse": mean("squared"),
            "smape": 200 * mean("relative"),
            "mase": mean("scaled", "scaled count"),
            "direction": mean("right direction", "moved"),
        }
        if self.levels.size:
            scores["crps"] = 2 * mean("pinball", "magnitude") / self.levels.size
            scores |= {f"coverage_{100 * nominal:g}": mean(f"inside {nominal}") for nominal in self.pairs}
            scores |= {f"width_{100 * nominal:g}": mean(f"width {nominal}") for nominal in self.pairs}
        return scores


def symmetric_pairs(levels: Sequence[float]) -> dict[float, tuple[int, int]]:
    """Nominal coverage to the positions of the lower and the upper level, the widest first."""
    pairs = {
        round(upper - lower, 6): (i, j)
        for i, lower in enumerate(levels)
        for j, upper in enumerate(levels)
        if lower < upper and math.isclose(lower + upper, 1.0, abs_tol=1e-9)
    }
    return dict(sorted(pairs.items(), reverse=True))
