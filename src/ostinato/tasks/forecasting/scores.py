"""How good forecasts are, summed over any number of batches."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

ROUNDING = 1e-9
"""Share of a value by which a forecast that equals it may differ, as it was standardised on its way."""


class ScoreSum:
    """Scores of one model, summed batch by batch: `add` every batch, then read `scores`.

    Args:
        model: The model's name, for messages.
        levels: Quantile levels of its forecasts; none for a model that only gives points.
    """

    def __init__(self, model: str, levels: Sequence[float] = ()) -> None:
        if not all(0 < level < 1 for level in levels):
            raise ValueError(f"levels must lie between 0 and 1, got {list(levels)}")
        self.model = model
        self.levels = np.asarray(levels, np.float64)
        self.pairs = symmetric_pairs(levels)
        self._count = self._scaled_count = self._moved_count = 0
        self._absolute = self._squared = self._relative = self._scaled = self._magnitude = self._pinball = 0.0
        self._right_direction = 0
        self._covered, self._width = np.zeros(len(self.pairs)), np.zeros(len(self.pairs))

    def add(
        self,
        point: Array,
        quantiles: Array | None,
        target: Array,
        observed: npt.NDArray[np.bool_],
        mase_scale: Array,
        last: Array,
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

        Raises:
            ValueError: A forecast or an observed target is not finite, or quantiles and levels do not go together.
        """
        if (quantiles is None) != (self.levels.size == 0):
            raise ValueError(f"{self.model}: quantiles go with levels, {self.levels.size} levels were told")
        if not np.isfinite(point).all() or (quantiles is not None and not np.isfinite(quantiles).all()):
            raise ValueError(f"{self.model}: a forecast is not finite")
        if not np.isfinite(target[observed]).all():
            raise ValueError("an observed target is not finite")
        actual, forecast = np.asarray(target[observed], np.float64), np.asarray(point[observed], np.float64)
        window = np.nonzero(observed)[0]
        self._add_errors(actual, forecast, np.asarray(mase_scale, np.float64)[window])
        self._add_direction(actual, forecast, np.asarray(last, np.float64)[window])
        if quantiles is not None:
            self._add_quantiles(actual, np.asarray(quantiles[observed], np.float64))

    def _add_errors(self, actual: Array, forecast: Array, mase_scale: Array) -> None:
        error = np.abs(actual - forecast)
        size = np.abs(actual) + np.abs(forecast)
        scaled = np.isfinite(mase_scale) & (mase_scale > 0)
        self._count += error.size
        self._absolute += float(error.sum())
        self._squared += float((error**2).sum())
        self._relative += float((error[size > 0] / size[size > 0]).sum())
        self._scaled += float((error[scaled] / mase_scale[scaled]).sum())
        self._scaled_count += int(scaled.sum())
        self._magnitude += float(np.abs(actual).sum())

    def _add_direction(self, actual: Array, forecast: Array, last: Array) -> None:
        still = np.abs(forecast - last) <= ROUNDING * np.maximum(np.abs(last), np.abs(forecast))
        signs = np.sign(actual - last) * np.where(still, 0, np.sign(forecast - last))
        self._moved_count += int((signs != 0).sum())
        self._right_direction += int((signs > 0).sum())

    def _add_quantiles(self, actual: Array, quantiles: Array) -> None:
        under = actual[:, None] - quantiles
        self._pinball += float(np.maximum(self.levels * under, (self.levels - 1) * under).sum())
        for number, (low, high) in enumerate(self.pairs.values()):
            self._covered[number] += ((quantiles[:, low] <= actual) & (actual <= quantiles[:, high])).sum()
            self._width[number] += (quantiles[:, high] - quantiles[:, low]).sum()

    def scores(self) -> dict[str, float]:
        """The scores so far; NaN where there was nothing that the score is defined on.

        Returns:
            With y the observed targets and f the forecasts, means over all observed targets of all windows:

            - ``mae``: |y - f|; ``mse``: (y - f)²; ``rmse``: its root.
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
        scores = {
            "mae": _ratio(self._absolute, self._count),
            "rmse": math.sqrt(_ratio(self._squared, self._count)),
            "mse": _ratio(self._squared, self._count),
            "smape": 200 * _ratio(self._relative, self._count),
            "mase": _ratio(self._scaled, self._scaled_count),
            "direction": _ratio(self._right_direction, self._moved_count),
        }
        if self.levels.size:
            scores["crps"] = 2 * _ratio(self._pinball, self._magnitude) / self.levels.size
            scores |= {f"coverage_{100 * nominal:g}": actual for nominal, actual in self.coverage().items()}
            scores |= {
                f"width_{100 * nominal:g}": _ratio(float(width), self._count)
                for nominal, width in zip(self.pairs, self._width, strict=True)
            }
        return scores

    def coverage(self) -> dict[float, float]:
        """Nominal to actual coverage of every symmetric pair of levels, the widest first."""
        return {
            nominal: _ratio(float(hits), self._count) for nominal, hits in zip(self.pairs, self._covered, strict=True)
        }


def symmetric_pairs(levels: Sequence[float]) -> dict[float, tuple[int, int]]:
    """Nominal coverage to the positions of the lower and the upper level, the widest first."""
    pairs = {
        round(upper - lower, 6): (i, j)
        for i, lower in enumerate(levels)
        for j, upper in enumerate(levels)
        if lower < upper and math.isclose(lower + upper, 1.0, abs_tol=1e-9)
    }
    return dict(sorted(pairs.items(), reverse=True))


def _ratio(total: float, count: float) -> float:
    return total / count if count else math.nan
