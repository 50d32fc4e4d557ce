"""What fitting a Forecaster leaves: everything that forecasts, and that a bundle must hold."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from ostinato.data import Frequency, Panel, PanelSpec, WindowBatch, Windows
from ostinato.data.series import SeriesSource, series_table
from ostinato.data.table import Source
from ostinato.data.words import input_names
from ostinato.data.zones import Clock
from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.baselines import Baselines
from ostinato.tasks.forecasting.batches import baseline_batch, batches
from ostinato.tasks.forecasting.conformal import BacktestAdaptation, Calibration
from ostinato.tasks.forecasting.counts import distribution
from ostinato.tasks.forecasting.forecast import Forecast, mean_of_quantiles
from ostinato.tasks.forecasting.network import ForecastNetwork, Sizes
from ostinato.tasks.forecasting.paths import Copula
from ostinato.tasks.forecasting.scores import symmetric_pairs
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.tasks.forecasting.split import PanelPart
from ostinato.tasks.forecasting.standardise import SeriesScales, Standardiser
from ostinato.tasks.model import Model
from ostinato.training import moved

Array = npt.NDArray[np.float64]
ForecastWindows = Callable[[WindowBatch], Forecast]
"""What forecasts a batch, at unit scale."""

CALIBRATION_NUMBERS = 2**25
"""Quantiles of validation windows that are calibrated on, at most."""

COPULA_WINDOWS = 5_000
"""Validation windows that tell how steps and series go together, about."""


@dataclass(frozen=True, eq=False)
class ForecasterModel(Model[ForecasterSettings]):
    """A trained network with all that belongs to it.

    Attributes:
        settings: The Forecaster's, `window`, `segment` and `season_length` resolved.
        network: In evaluation mode.
        spec: How to read new data as the training data were read.
        sizes: What the network was made for.
        standardiser: Units of each series.
        baselines: Fitted on the training part.
        last_seen: ``(series,)``, the last time of each series that fitting saw (nanoseconds for dates).
        calibration: What makes the network's intervals hold what they promise; None where it gives none.
        copula: How errors of different steps and series go together; None where it gives no intervals.
    """

    settings: ForecasterSettings
    network: ForecastNetwork
    spec: PanelSpec
    sizes: Sizes
    standardiser: Standardiser
    baselines: Baselines
    last_seen: npt.NDArray[np.int64]
    calibration: Calibration | None = None
    copula: Copula | None = None

    def __post_init__(self) -> None:
        """Makes sure that the parts are of the same series, covariates, window and horizon."""
        columns = {name: each.shape[1] for name, each in self.standardiser.covariates._asdict().items()}
        categories = self.spec.categories or {}
        inputs = {name: len(input_names(getattr(self.spec, name), categories)) for name in ("past", "future")}
        if columns != inputs | {"static": len(self.spec.static)}:
            raise ValueError(f"moments of covariates {columns}, which are not those of {self.spec}")
        series = (len(self.standardiser.ids),)
        if self.last_seen.shape != series or self.sizes.series != series[0]:
            raise ValueError(f"{self.sizes.series} series, units of {series[0]} and ends of {self.last_seen.shape}")
        if (self.sizes.past, self.sizes.static) != (columns["past"], columns["static"]):
            raise ValueError(f"{self.sizes} for covariates {columns}")
        settings, baselines = self.settings, self.baselines
        if (baselines.window, baselines.horizon) != (settings.window, settings.horizon):
            raise ValueError("baselines of another window or horizon than the network's")
        if self.calibration is not None and (
            self.calibration.levels != settings.quantiles or len(self.calibration.margin) != settings.horizon
        ):
            raise ValueError("quantiles calibrated for other levels or another horizon than the network's")
        if self.copula is not None and len(self.copula.steps) != settings.horizon:
            raise ValueError("sample paths of another horizon than the network's")
        if set(baselines.residuals) != set(baselines.names):
            raise ValueError(f"errors of {', '.join(baselines.residuals)}, not of {', '.join(baselines.names)}")
        self.frequency  # noqa: B018 (an alias that cannot be read is refused now)

    @classmethod
    def build(cls, settings: ForecasterSettings, parts: Mapping[str, Any]) -> ForecastNetwork:
        return ForecastNetwork(settings, parts["sizes"])

    @property
    def clock(self) -> Clock:
        """What times are read from."""
        return Clock.of(self.spec.zone, self.frequency)

    @property
    def frequency(self) -> Frequency:
        """The step from one row to the next."""
        return Frequency.parse(self.spec.frequency or "")

    def read(self, data: SeriesSource) -> Panel:
        """New data, read as the training data were.

        Raises:
            OstinatoError: For anything wrong with them, and for a series without a vector of its own.
        """
        panel = Panel.from_table(series_table(data, self.settings.form), self.spec)
        self._refuse_strangers(panel)
        return panel

    def steps_after(self, panel: Panel, data: SeriesSource, future: Source | None = None) -> Panel:
        """The steps to forecast after the end of each series, with their known covariates.

        Args:
            panel: The past.
            data: What it was read from, which may go on with known covariates.
            future: A table of these, if they stand elsewhere.

        Raises:
            OstinatoError: They are not given for each of these steps, or there are none to be given.
        """
        horizon = self.settings.horizon
        if panel.names.future:
            return panel.ahead(horizon, series_table(data if future is None else future, self.settings.form))
        if future is not None:
            raise OstinatoError("future: this model was trained without covariates known into the future; leave it out")
        return panel.ahead(horizon)

    def unseen(self, data: SeriesSource | PanelPart, *, new_series: bool = False) -> PanelPart:
        """The rows of some data that are for scoring.

        They are those after what fitting saw, or in a new series those after its first window, by which its units are
        measured.

        Raises:
            OstinatoError: As `read`; rows that were read in another way than the training data; or, unless
                `new_series`, ids of which training knew none, so that what it saw cannot be told.
        """
        if not isinstance(data, PanelPart):
            part = PanelPart.whole(self.read(data))
        elif data.panel.spec != self.spec:
            raise OstinatoError("these rows were read with other columns than the training data: give the table itself")
        else:
            self._refuse_strangers(data.panel)
            part = data
        panel, index = part.panel, self.standardiser.index(part.panel)
        if self.spec.id is not None and not new_series and (index < 0).all():
            raise OstinatoError(
                f"none of these series was in the training data: they are {_some(panel.ids)}, and those were "
                f"{_some(self.standardiser.ids)}: write ids as in training, or say new_series=True (--new-series) "
                "if all are new"
            )
        before = panel.times.astype(np.int64) <= np.repeat(self.last_seen[np.maximum(index, 0)], panel.lengths)
        fitted_on = np.add.reduceat(before.astype(np.int64), panel.offsets[:-1])
        return PanelPart(panel, np.where(index >= 0, fitted_on, self.first_window(panel)), part.end)

    def first_window(self, panel: Panel) -> npt.NDArray[np.int64]:
        """Rows of the first window of each series, as far as they leave a horizon, ``(series,)``."""
        assert self.settings.window is not None
        return np.clip(panel.lengths - self.settings.horizon, 1, self.settings.window)

    def after(self, panel: Panel, later: Panel, forecast: ForecastWindows) -> Forecast:
        """What is expected after the end of each series, in the target's own units.

        Args:
            panel: The past.
            later: The steps to forecast, with their known covariates.
            forecast: Such as `network_on`, or `baseline_on`: at unit scale.
        """
        scales = self.standardiser.scales_of(panel, panel.offsets[1:])
        return self.in_units(self._last(panel, later, forecast, scales), scales)

    def last_windows(self, panel: Panel, later: Panel, scales: SeriesScales) -> Windows:
        """The window of each series, at unit scale, that ends with its past."""
        assert self.settings.window is not None
        transform = self.standardiser.transform
        return Windows.last(
            transform(panel, scales),
            self.settings.window,
            self.settings.horizon,
            transform(later, scales),
            calendar=self.settings.calendar,
            holidays=self.settings.holidays,
        )

    def _last(self, panel: Panel, later: Panel, forecast: ForecastWindows, scales: SeriesScales) -> Forecast:
        """What is expected after the end of each series, at unit scale."""
        windows = self.last_windows(panel, later, scales)
        return Forecast.joined([forecast(batch) for batch in batches(windows)])

    def paths_after(self, panel: Panel, later: Panel, samples: int) -> Iterator[Array]:
        """Sample paths after the end of each series, ``(samples, part, horizon)`` for a part of the series at a time.

        They are in the target's own units; see `after`, and `Copula.paths`.

        Raises:
            OstinatoError: The model gives no intervals, or was saved when there were no sample paths.
        """
        if self.copula is None:
            raise OstinatoError(
                "this model has no sample paths: they need an output that gives an interval (poisson, "
                "negative_binomial, or quantiles of which two are symmetric about the median); a model that was saved "
                "before there were any is trained again"
            )
        scales, first = self.standardiser.scales_of(panel, panel.offsets[1:]), 0
        quantiles = self._last(panel, later, self.network_on(panel), scales).quantiles
        assert quantiles is not None
        for part in self.copula.paths(quantiles, self.settings.levels, samples, self.settings.seed):
            rows = scales.rows(np.arange(first, first := first + part.shape[1]))
            own = self.standardiser.back(part.swapaxes(0, 1), rows).swapaxes(0, 1)
            yield np.round(own) if self.settings.of_counts else own

    def in_units(self, forecast: Forecast, scales: SeriesScales) -> Forecast:
        """A forecast in the target's own units, with its mean where the median of intermittent demand says little.

        Args:
            forecast: At unit scale.
            scales: Of each of its rows.
        """
        told = forecast.changed(lambda values: self.standardiser.back(values, scales))
        if told.quantiles is None or told.mean is not None or not self.baselines.intermittent:
            return told
        return told._replace(mean=mean_of_quantiles(told.quantiles, self.settings.levels))

    def network_on(self, panel: Panel) -> ForecastWindows:
        """`forecast` for windows of a panel, whose series have other numbers there than in training."""
        index = self.numbers_of(panel)
        return lambda batch: self.forecast(batch._replace(series=index[batch.series]))

    def numbers_of(self, panel: Panel) -> torch.Tensor:
        """The number that each series of a panel had in training, ``(series,)``; 0 for a new one, whose is not read."""
        return torch.from_numpy(self.standardiser.index(panel)).clamp(min=0)

    def adapting_on(self, panel: Panel) -> ForecastWindows:
        """The same for windows that come in the order of time: quantiles go on being moved by what comes true."""
        if self.calibration is None:
            return self.network_on(panel)
        index = self.numbers_of(panel)
        positions = self.frequency.steps(panel.times.min(), panel.times)
        adaptation = BacktestAdaptation(self.calibration)

        def forecast(batch: WindowBatch) -> Forecast:
            point, raw, _ = self.raw(batch._replace(series=index[batch.series]))
            assert raw is not None
            at, quantiles = positions[batch.origin.numpy()], np.empty_like(raw)
            target, observed = batch.target.double().numpy(), batch.target_observed.numpy()
            for position in np.unique(at):
                rows = at == position
                quantiles[rows] = adaptation.moved(position, raw[rows])
                adaptation.forecast(position, quantiles[rows], target[rows], observed[rows])
            return Forecast(point, quantiles)

        return forecast

    def calibrated(self, windows: Windows) -> Self:
        """The same model, calibrated on windows of its own series that training has not seen.

        Quantiles that a network gives are moved; those of counts stay as their distribution has them.
        """
        levels = self.settings.levels
        if not symmetric_pairs(levels):
            return self
        some = windows.spread(max(CALIBRATION_NUMBERS // (windows.horizon * self.settings.outputs), 1))
        parts = [
            (self.raw(batch).quantiles, batch.target.double().numpy(), batch.target_observed.numpy())
            for batch in batches(some)
        ]
        quantiles, target, observed = (np.concatenate(each) for each in zip(*parts, strict=True))
        calibration = None
        if not self.settings.of_counts:
            calibration = Calibration.fit(quantiles, target, observed, levels)
        times, few = windows.panel.times, slice(None, None, max(len(target) // COPULA_WINDOWS, 1))
        moment = self.frequency.steps(times.min(), times[some.origin[few]])
        told = quantiles[few] if calibration is None else calibration.moved(quantiles[few])
        copula = Copula.fit(told, target[few], observed[few], levels, moment)
        return replace(self, calibration=calibration, copula=copula)

    def baseline_on(self, panel: Panel, name: str) -> ForecastWindows:
        """What forecasts like one of the baselines, for windows of a panel."""
        scales: SeriesScales = self.standardiser.scales_of(panel, panel.offsets[1:])
        return lambda batch: self.baselines.forecast(name, baseline_batch(batch, scales))

    def columns(self, forecast: Forecast) -> dict[str, Array]:
        """Forecasts as columns of a table, a row for each window and step."""
        columns = {"forecast": forecast.point, "mean": forecast.mean}
        if forecast.quantiles is not None:
            columns |= {f"q{level:g}": forecast.quantiles[..., at] for at, level in enumerate(self.settings.levels)}
        return {name: each.ravel() for name, each in columns.items() if each is not None}

    def forecast(self, batch: WindowBatch) -> Forecast:
        """What the network says, at unit scale, of windows whose series have their numbers of the training."""
        raw = self.raw(batch)
        if raw.quantiles is None or self.calibration is None:
            return raw
        return raw._replace(quantiles=self.calibration.moved(raw.quantiles))

    @torch.no_grad()
    def raw(self, batch: WindowBatch) -> Forecast:
        """The same, with quantiles as the network gives them."""
        out = self.network(moved(batch, self.settings.on_device)).cpu().double().numpy()
        if self.settings.of_counts:
            return distribution(out, self.settings.levels)
        if self.settings.output != "quantiles":
            return Forecast(out[..., 0])
        quantiles = np.sort(out, axis=-1)  # levels fitted apart may cross; sorted, they never score worse
        return Forecast(quantiles[..., self.settings.quantiles.index(0.5)], quantiles)

    def _refuse_strangers(self, panel: Panel) -> None:
        new = self.standardiser.index(panel) < 0
        if self.settings.series_embedding and new.any():
            raise OstinatoError(
                f"series {str(panel.ids[np.argmax(new)])!r} was not in the training data, and series_embedding learns "
                "a vector for each series: leave it out, or train with series_embedding=0"
            )


def _some(ids: Sequence[str] | npt.NDArray[np.str_]) -> str:
    return ", ".join(map(str, ids[:3])) + ", ..." * (len(ids) > 3)
