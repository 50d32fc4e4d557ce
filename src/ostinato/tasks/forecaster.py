"""Forecasting: from a table of series to quantiles of the future, scored against simple baselines."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from ostinato.bundle import Bundle
from ostinato.data import Panel, PanelSpec, WindowBatch, Windows, check_leakage
from ostinato.data.table import Source
from ostinato.errors import OstinatoError
from ostinato.tasks.fitting import drop_checkpoints, evenly
from ostinato.tasks.forecasting.backtest import BaselineBatches, backtest, batches
from ostinato.tasks.forecasting.baselines import fit_baselines
from ostinato.tasks.forecasting.fitted import Fitted
from ostinato.tasks.forecasting.loss import forecast_loss
from ostinato.tasks.forecasting.plot import MOST_SERIES, SeriesForecast, plot_forecast
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.tasks.forecasting.split import Split, continued
from ostinato.tasks.forecasting.standardise import Standardiser
from ostinato.tasks.forecasting.stream import Stream, static_row
from ostinato.tasks.forecasting.train import train
from ostinato.tasks.old_estimator import Estimator
from ostinato.tasks.plot import save_plot
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.settings import cell_name
from ostinato.training import DistributedContext, TrainingLogger

Array = npt.NDArray[np.float64]

EPOCH_BATCHES = 16
"""Batches of an epoch that a default batch size leaves at least, however few windows there are."""


class Forecaster(Estimator[ForecasterSettings, Fitted]):
    """Forecasts one series, or thousands with one global model.

    Reads CSV, Parquet or DataFrames, long (``unique_id, ds, y``) or wide (see `ostinato.data.PanelSpec`). Each window
    of the past becomes quantiles of every step of the horizon at once (Wen et al. 2017, "A Multi-Horizon Quantile
    Recurrent Forecaster"); `evaluate` scores them in a rolling-origin backtest next to baselines fitted on the same
    rows.

    Args:
        settings: See `ForecasterSettings`.

    Attributes:
        settings: As given, or with what `fit` found out in place of None (window, segment, season).
        metrics: The last backtest's scores, None before.
        notes: What was found and done when the training data were read.

    Raises:
        OstinatoError: For an unknown setting or a value out of range.

    Example:
        >>> from ostinato import Forecaster
        >>> from ostinato.demos.data import load_embedded
        >>> sunspots = load_embedded("sunspots")  # a DataFrame; the path of a CSV file will do as well
        >>> forecaster = Forecaster(horizon=11, window=33, hidden_size=16, epochs=1).fit(sunspots, holdout=0.2)
        >>> scores = forecaster.evaluate(sunspots)  # `print` it
        >>> len(forecaster.predict(sunspots))
        11
    """

    settings_class: ClassVar = ForecasterSettings
    settings: ForecasterSettings

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._given = self.settings

    def fit(
        self,
        data: Source,
        validation: Source | None = None,
        *,
        holdout: float = 0.0,
        folder: str | Path | None = None,
        resume: bool = False,
        logger: TrainingLogger | None = None,
    ) -> Self:
        """Trains the network and fits the baselines.

        Args:
            data: A CSV or Parquet file, or a DataFrame.
            validation: A table that goes on where `data` ends, which chooses when to stop; by default the last
                `validation_share` of each series of `data` does.
            holdout: Share of each series' end that training never sees, for `evaluate`. Not with `validation`.
            folder: Where checkpoints are written while training goes on; None for nowhere.
            resume: Go on from the newest checkpoint in `folder`.
            logger: Shows progress; None for silence.

        Returns:
            This forecaster, with the best weights found.

        Raises:
            OstinatoError: For anything wrong with the data (file, row, column and how to mend it), or too little of it.
            TrainingDiverged: The loss or a gradient is not finite.
            Interrupted: Ctrl-C; a checkpoint was written where there is a folder.
        """
        panel, split = self._read(data, validation, holdout)
        settings = self._resolved(panel, split)
        ends = panel.offsets[:-1] + split.train
        standardiser = Standardiser.fit(
            panel, ends, log=settings.returns == "log", season_length=_known(settings.season_length)
        )
        unit = standardiser.transform(panel, standardiser.scales)
        shortest = int(split.train.min()) - settings.horizon
        training = split.training(unit, settings, min(_known(settings.window), shortest))
        validating = split.validation(unit, settings)
        for part, name in ((training, "training"), (validating, "validation")):
            if not len(part):
                raise OstinatoError(f"the {name} part has no observed value to forecast: give more rows")
        if "batch_size" not in self._given.model_fields_set:
            fewer = max(len(training) // EPOCH_BATCHES, DistributedContext.from_environment().world_size)
            settings = settings.model_copy(update={"batch_size": min(settings.batch_size, fewer)})
        network = train(settings, training, validating, folder, resume, logger)
        baselines = fit_baselines(
            BaselineBatches(training, standardiser.scales),
            BaselineBatches(validating, standardiser.scales),
            window=_known(settings.window),
            horizon=settings.horizon,
            season_length=_known(settings.season_length),
            levels=settings.quantiles if settings.output == "quantiles" else (),
        )
        last_seen = panel.times[panel.offsets[:-1] + split.seen - 1].astype(np.int64)
        self._fitted = Fitted(settings, network, panel.spec, standardiser, baselines, last_seen)
        self.settings, self.notes, self.metrics = settings, panel.notes, None
        drop_checkpoints(folder)
        return self

    def _read(self, data: Source, validation: Source | None, holdout: float) -> tuple[Panel, Split]:
        """The checked panel, validation rows included, and which rows are for what."""
        settings = self._given
        if not 0 <= holdout < 1:
            raise OstinatoError(f"holdout must be a share of at least 0 and below 1, got {holdout}")
        if validation is not None and holdout:
            raise OstinatoError(
                "give validation data or a holdout, not both: validation data end where the test begins"
            )
        spec = PanelSpec(
            time=settings.time,
            id=settings.id,
            target=settings.target or None,
            past=settings.past,
            future=settings.future,
            static=settings.static,
            frequency=settings.frequency,
        )
        panel = Panel.from_table(data, spec)
        if validation is None:
            split = Split.by_share(panel.lengths, settings.horizon, settings.validation_share, holdout)
        else:
            trained = panel.lengths
            panel = continued(panel, Panel.from_table(validation, panel.spec))
            split = Split(trained, panel.lengths)
        needed = settings.horizon + 2
        if (split.train < needed).any():
            number = int(np.argmin(split.train))
            raise OstinatoError(
                f"series {str(panel.ids[number])!r} has {panel.lengths[number]} rows, of which "
                f"{max(split.train[number], 0)} are left for training, and a horizon of {settings.horizon} needs at "
                f"least {needed}: give more rows, ask for a shorter horizon, a smaller holdout or validation_share, or "
                "leave the series out"
            )
        check_leakage(panel, settings.horizon)
        return panel, split

    def _resolved(self, panel: Panel, split: Split) -> ForecasterSettings:
        """The settings with what the data decide: the season, and the window where none was asked for."""
        settings = self._given
        season_length = settings.season_length or panel.frequency.season_length
        window = settings.window
        if window is None:
            room = int(np.median(split.train)) - settings.horizon
            window = min(2 * max(season_length, settings.horizon), max(room // 2, 2))
            unit = settings.segment or 1
            window = max(window // unit, 1) * unit
        longest = max(window // 12, 1)
        segment = settings.segment or max(size for size in range(1, longest + 1) if window % size == 0)
        return settings.model_copy(update={"season_length": season_length, "window": window, "segment": segment})

    def predict(self, data: Source, *, future: Source | None = None) -> pd.DataFrame:
        """Forecasts what follows the end of each series.

        Args:
            data: The past of each series, columns as in training; at least one row, more than a window is not used.
            future: A table with the covariates known into the future for the `horizon` steps to come; by default they
                are looked for in `data`, in rows after the last target.

        Returns:
            One row per series and step: id, time, "forecast" (the median, or the point), and "q0.1" and so on for each
            quantile level.

        Raises:
            OstinatoError: For anything wrong with the data.
        """
        fitted = self._need()
        panel = fitted.read(data)
        later = self._later(panel, data, future)
        point, quantiles = self._back(panel, later, fitted.network_on(panel))
        columns: dict[str, Any] = {
            panel.names.id or "unique_id": panel.ids[later.codes].astype(object),
            panel.names.time or "step": later.times,
            "forecast": point.ravel(),
        }
        if quantiles is not None:
            columns |= {f"q{level:g}": quantiles[..., i].ravel() for i, level in enumerate(fitted.settings.quantiles)}
        return pd.DataFrame(columns)

    def _later(self, panel: Panel, data: Source, future: Source | None) -> Panel:
        """The steps to forecast, with their known covariates."""
        if panel.names.future:
            return panel.ahead(self.settings.horizon, data if future is None else future)
        if future is not None:
            raise OstinatoError("future: this model was trained without covariates known into the future; leave it out")
        return panel.ahead(self.settings.horizon)

    def _back(
        self, panel: Panel, later: Panel, forecast: Callable[[WindowBatch], tuple[Array, Array | None]]
    ) -> tuple[Array, Array | None]:
        """A forecast for each series after the end of the panel, in its own units."""
        fitted = self._need()
        scales = fitted.standardiser.scales_of(panel, panel.offsets[1:])
        transform, back = fitted.standardiser.transform, fitted.standardiser.back
        windows = Windows.last(
            transform(panel, scales),
            _known(self.settings.window),
            self.settings.horizon,
            transform(later, scales),
            calendar=self.settings.calendar,
        )
        parts = [forecast(batch) for batch in batches(windows)]
        point = np.concatenate([part[0] for part in parts])
        quantiles = [part[1] for part in parts if part[1] is not None]
        return back(point, scales), back(np.concatenate(quantiles), scales) if quantiles else None

    def evaluate(self, data: Source, *, stride: int = 1) -> ScoreTable:
        """Scores the network and the baselines in a rolling-origin backtest on rows that fitting has not seen.

        Every origin from the last row seen in `fit` on forecasts `horizon` steps; in a series new to the model, from
        the last row of its first window on, by which its units are measured.

        Args:
            data: The same columns as in training: the past that fitting saw, and rows after it.
            stride: Steps between origins.

        Returns:
            The scores of each model; `print` it, or ask it for `verdict()`. Also kept as `metrics`.

        Raises:
            OstinatoError: For anything wrong with the data, or nothing unseen in them.
        """
        fitted = self._need()
        if stride < 1:
            raise OstinatoError(f"stride must be at least 1, got {stride}")
        panel = fitted.read(data)
        seen = fitted.seen(panel)
        scales = fitted.standardiser.scales_of(panel, panel.offsets[:-1] + seen)
        unit = fitted.standardiser.transform(panel, scales)
        windows = Split(seen, seen).test(unit, fitted.settings, stride)
        if not len(windows):
            raise OstinatoError(
                f"no series goes on for {fitted.settings.horizon} steps after the rows the model was fitted on, so "
                "there is nothing to score: give later rows, or fit with a holdout"
            )
        self.metrics = backtest(
            "ostinato",
            fitted.network_on(panel),
            fitted.baselines,
            windows,
            panel,
            fitted.standardiser,
            scales,
        )
        return self.metrics

    def plot(
        self, data: Source, path: str | Path, *, actual: bool = False, unit: str = "", future: Source | None = None
    ) -> None:
        """Draws history, forecast, intervals and baselines of the first series (six at most) as a PNG file.

        Args:
            data: The past of each series, columns as in training.
            path: The file to write.
            actual: Forecast the last `horizon` steps of `data` instead, and draw what really happened beside it.
            unit: The target's unit, for the axis.
            future: As for `predict`.

        Raises:
            OstinatoError: For anything wrong with the data, or a file that cannot be written.
        """
        fitted = self._need()
        panel = fitted.read(data)
        if actual and future is not None:
            raise OstinatoError("plot: with actual=True the known covariates stand in data; leave future out")
        if actual:
            panel, later = panel.split(rows=self.settings.horizon)
        else:
            later = self._later(panel, data, future)
        point, quantiles = self._back(panel, later, fitted.network_on(panel))
        scales = fitted.standardiser.scales_of(panel, panel.offsets[1:])
        names = [name for name in ("ridge", "seasonal naive", "naive") if name in fitted.baselines.names]
        shown = names if len(panel) == 1 else names[:1]  # more would hide a small panel's forecast
        lines = {name: self._back(panel, later, fitted.baseline(name, scales))[0] for name in shown}
        drawn = []
        for number in range(min(len(panel), MOST_SERIES)):
            one, next_ = panel.series(number), later.series(number)
            drawn.append(
                SeriesForecast(
                    name=str(panel.ids[number]),
                    history_times=one.times,
                    history=np.where(one.observed, one.target, np.nan),
                    times=next_.times,
                    point=point[number],
                    quantiles=None if quantiles is None else quantiles[number],
                    levels=self.settings.quantiles,
                    actual=np.where(next_.observed, next_.target, np.nan) if actual else None,
                    baselines={name: line[number] for name, line in lines.items()},
                )
            )
        save_plot(plot_forecast(drawn, column=panel.names.target, unit=unit), path)

    def stream(
        self, history: Source | None = None, *, id: str | None = None, static: dict[str, Any] | None = None
    ) -> Stream:
        """Forecasts one series as its observations come in, one at a time.

        Args:
            history: Its past so far, as for `predict`; None starts with nothing.
            id: The series' name in training; needed where there was more than one.
            static: Its static covariates by name; needed without `history`.

        Returns:
            A `Stream`; feed it with `update`.

        Raises:
            OstinatoError: For a series that was not in the training data, or anything wrong with `history`.
        """
        fitted = self._need()
        ids = fitted.standardiser.ids
        if id is None and len(ids) > 1:
            raise OstinatoError(f"the model knows {len(ids)} series: say which one streams, id={ids[0]!r} for example")
        name = ids[0] if id is None else id
        if name not in ids:
            raise OstinatoError(f"series {name!r} was not in the training data, so its units are not known")
        if history is None:
            return Stream(fitted, ids.index(name), static_row(fitted.spec, static or {}))
        panel = fitted.read(history)
        found = np.flatnonzero(panel.ids == name)
        if not found.size:
            raise OstinatoError(f"the history has no series {name!r} (it has: {', '.join(panel.ids[:10])})")
        one = panel.series(int(found[0]))
        stream = Stream(fitted, ids.index(name), one.static[0])
        stream.prime(fitted.standardiser.transform(one, fitted.standardiser.scales_of(one, one.offsets[1:])))
        return stream

    def _case(self, data: Source) -> tuple[nn.Module, Callable[[], Tensor]]:
        fitted = self._need()
        panel = fitted.read(data)
        scales = fitted.standardiser.scales_of(panel, panel.offsets[1:])
        first = np.clip(panel.lengths - fitted.settings.horizon, 1, fitted.settings.window)
        windows = Split(first, first).test(fitted.standardiser.transform(panel, scales), fitted.settings, 1)
        if not len(windows):
            raise OstinatoError(
                f"no series is longer than the horizon of {fitted.settings.horizon} steps: give more rows"
            )
        batch = windows.gather(evenly(len(windows)))
        index = torch.from_numpy(fitted.standardiser.index(panel)).clamp(min=0)
        batch = batch._replace(series=index[batch.series])
        return fitted.network, lambda: forecast_loss(fitted.settings, fitted.network(batch), batch).mean

    def summary(self) -> str:
        """One line: what the network is, and of what it was made."""
        fitted = self._need()
        weights = sum(parameter.numel() for parameter in fitted.network.parameters())
        series = len(fitted.standardiser.ids)
        return (
            f"Forecaster: {cell_name(self.settings.cell)}, {self.settings.num_layers} x {self.settings.hidden_size} "
            f"units, {weights:,} weights; {series} series at frequency {fitted.spec.frequency}; "
            f"{self.settings.window} steps in, {self.settings.horizon} steps out."
        )

    def _restored(self, bundle: Bundle) -> Fitted:
        return Fitted.from_bundle(bundle, self.settings)


def _known(value: int | None) -> int:
    """A setting that fitting has resolved."""
    assert value is not None
    return value
