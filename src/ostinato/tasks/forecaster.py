"""Forecasting: from a table of series to quantiles of the future, scored against simple baselines."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text
from torch import Tensor

from ostinato.data import Panel, WindowBatch, check_leakage
from ostinato.data.series import SeriesSource, series_table
from ostinato.data.table import Source
from ostinato.errors import OstinatoError
from ostinato.tasks.estimator import Estimator, NextStep
from ostinato.tasks.forecasting.backtest import Backtest
from ostinato.tasks.forecasting.detect import Interval, detected
from ostinato.tasks.forecasting.examine import sample_loss
from ostinato.tasks.forecasting.explanation import ForecastExplanation, explained
from ostinato.tasks.forecasting.model import ForecasterModel
from ostinato.tasks.forecasting.peers import PEERS, installed
from ostinato.tasks.forecasting.prepare import prepared
from ostinato.tasks.forecasting.sampling import Total, sample_table, total_table
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.tasks.forecasting.split import PanelPart, continued, refuse_nothing_new
from ostinato.tasks.forecasting.stream import Stream
from ostinato.tasks.forecasting.tables import table_of
from ostinato.tasks.prepared import Prepared
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.settings import cell_name
from ostinato.training import TrainingLogger, random_numbers_kept, seed_everything


class Forecaster(Estimator[ForecasterSettings, PanelPart, ForecasterModel]):
    """Forecasts one series, or thousands with one global model.

    Reads CSV, Parquet or DataFrames, long (``unique_id, ds, y``) or wide (see `ostinato.data.PanelSpec`), and series
    alone: a pandas Series, an array ``(time,)`` or ``(time, series)``. Each window of the past becomes quantiles of
    every step of the horizon at once (Wen et al. 2017, "A Multi-Horizon Quantile Recurrent Forecaster"); `evaluate`
    scores them in a rolling-origin backtest next to baselines fitted on the same rows.

    Args:
        settings: See `ForecasterSettings`.

    Attributes:
        settings: As given, or with what `fit` found out in place of None (window, segment, season_length).
        metrics: The last backtest's scores, None before.
        scores_by_series: The same, a row for each series and model; None before.
        metrics_beside_peers: Scores beside AutoETS and AutoTheta on the windows that these forecast, where that is a
            part only; None where they stand in `metrics`, or nowhere.
        new_series: Those of the last `predict` that training did not know: forecast from their own past alone.
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
    model_class: ClassVar = ForecasterModel

    fit_help: ClassVar = """\
    Train a forecaster: quantiles of the next steps of one series, or of thousands with one model.

    Prints its scores on the held-out end of each series next to those of simple baselines, and saves it.

    Example:
      ostinato fit forecaster sales.csv --target y --horizon 24 --out model/
    """
    data_help: ClassVar = (
        "CSV or Parquet file, in time order: one column per series, or long with a column that names them."
    )
    validation_help: ClassVar = (
        "Rows that go on where DATA ends, to choose when to stop; without it the end of DATA does."
    )
    test_help: ClassVar = "A file that goes on after the rows of DATA, which it holds too, for the score table"
    held_out_of: ClassVar = "of each series"
    scores_title: ClassVar = "Backtest"
    refits: ClassVar = True
    evaluated_on: ClassVar = "after the rows the model was fitted on"

    scores_by_series: pd.DataFrame | None = None

    metrics_beside_peers: ScoreTable | None = None

    new_series: tuple[str, ...] = ()

    _fitted_on: PanelPart  # what `refit` trains on unless told otherwise

    _start: ForecasterModel | None  # what training went on from

    _categories: dict[str, tuple[str, ...]] | None = None  # of static columns, as weights to go on from know them

    def fit(
        self,
        data: SeriesSource | PanelPart,
        y: Any = None,
        *,
        validation: SeriesSource | None = None,
        warm_start: Self | None = None,
        holdout: float = 0.0,
        folder: str | Path | None = None,
        resume: bool = False,
        logger: TrainingLogger | None = None,
    ) -> Self:
        """Trains the network and fits the baselines.

        Args:
            data: A CSV or Parquet file, a DataFrame, a Series or an array ``(time,)`` or ``(time, series)``.
            y: Nothing: the series are what is learned.
            validation: Rows that go on where `data` ends, which choose when to stop; by default the last
                `validation_share` of each series of `data` does.
            warm_start: A fitted forecaster whose weights training goes on from, on other series too; its settings hold
                where this one was given none.
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
        self._categories = None
        if warm_start is not None:
            self.adopt_settings(warm_start)
        training, _ = self.hold_out(self.read(data), holdout)
        return super().fit(
            training, y, validation=validation, warm_start=warm_start, folder=folder, resume=resume, logger=logger
        )

    def read(self, data: SeriesSource | PanelPart) -> PanelPart:
        """The checked series, as `fit` reads them.

        Args:
            data: As for `fit`; what is read already is given back.

        Raises:
            OstinatoError: For anything wrong with them, with file, row and column.
        """
        if isinstance(data, PanelPart):
            return data
        spec = self._given.spec.model_copy(update={"categories": self._categories})
        return PanelPart.whole(Panel.from_table(series_table(data, self._given.form), spec))

    def adopt_settings(self, other: Self) -> None:
        super().adopt_settings(other)
        self._categories = other.model.spec.categories

    def read_validation(self, data: SeriesSource, training: PanelPart) -> PanelPart:
        if not training.is_whole:
            raise OstinatoError(
                "give validation data or a holdout, not both: validation data end where the test begins"
            )
        later = Panel.from_table(series_table(data, self._given.form), training.panel.spec)
        panel = continued(training.panel, later)
        return PanelPart(panel, training.end, panel.lengths)

    def read_test(self, data: SeriesSource, training: PanelPart, start: ForecasterModel | None = None) -> PanelPart:
        later = Panel.from_table(series_table(data, self._given.form), training.panel.spec)
        refuse_nothing_new(training, later, self._given.horizon)
        return PanelPart.whole(later)  # it holds the rows that were fitted on, and goes on after them

    def split(self, records: PanelPart, share: float) -> tuple[PanelPart, PanelPart]:
        return records.cut(share, self._given.horizon)

    @classmethod
    def holdout_share(cls, *, validation: bool) -> float:
        return 0.0 if validation else 0.2

    def hold_out(self, records: PanelPart, share: float) -> tuple[PanelPart, PanelPart]:
        """What to fit on, without that share of each series' end, and what `evaluate` scores: all rows.

        Raises:
            OstinatoError: The share is not at least 0 and below 1.
        """
        if not 0 <= share < 1:
            raise OstinatoError(f"holdout must be a share of at least 0 and below 1, got {share}")
        return self.split(records, share)[0] if share else records, records

    def next_steps(self, out: Path, data: Path | tuple[Path, ...]) -> tuple[NextStep, ...]:
        """Forecasting."""
        return tuple(step._replace(label="Forecast with") for step in super().next_steps(out, data))

    def prepare(
        self, training: PanelPart, validation: PanelPart, *, folder: Path | None, start: ForecasterModel | None
    ) -> Prepared[WindowBatch, ForecasterModel]:
        enough = training.long_enough(self._given.horizon, all_of_them=self._given.series_embedding > 0)
        training, validation = training.without_short(enough), validation.without_short(enough)
        panel = validation.panel  # with the rows of validation data, where they were given
        check_leakage(panel, self._given.horizon)
        settings = self._given.resolved(panel.frequency.season_lengths, int(np.median(training.end)))
        self._fitted_on, self._start = PanelPart(panel, training.start, validation.end), start
        return prepared(settings, training, validation, start)

    def refit(self, data: PanelPart | SeriesSource | None = None, *, logger: TrainingLogger | None = None) -> Self:
        """Trains a new network on all rows, for as many epochs as were best when some were kept to choose by.

        `metrics` and the calibration of the quantiles stay: they were measured on rows that training had not seen. So a
        forecast starts from a model that knows the newest rows, and its score is that of one that did not.

        Args:
            data: Rows to train on, as for `fit`; by default all that `fit` was given, but for its holdout.
            logger: Shows progress; None for silence.

        Raises:
            OstinatoError: Nothing was fitted here yet, or a setting needs a score while training.
            Interrupted: Ctrl-C; the model is then what it was.
        """
        before = self.model
        if self._history is None:
            raise OstinatoError("refit: this model was not fitted here, so its best epoch is not known: call fit first")
        if wanting := before.settings.steered_by_scores:
            raise OstinatoError(f"refit: {wanting[0]} needs scores of rows kept from training, and refit trains on all")
        everything = self._fitted_on if data is None else self.read(data)
        everything = everything.without_short(everything.long_enough(before.settings.horizon))
        settings = before.settings.model_copy(update={"patience": None})
        with random_numbers_kept(), settings.on_threads():
            seed_everything(settings.seed)
            anew = prepared(settings, everything, None, self._start)
            if self._start is not None:
                self._start.give_weights(anew.network)
            self._train(anew, logger=logger, last_epoch=self._history.best_epoch)
            self._model = replace(
                anew.model(), settings=before.settings, calibration=before.calibration, copula=before.copula
            )
        return self

    def predict(
        self,
        data: SeriesSource,
        *,
        future: Source | None = None,
        samples: int | None = None,
        total: Total | None = None,
    ) -> pd.DataFrame:
        """Forecasts what follows the end of each series.

        Args:
            data: The past of each series, as in training; at least one row, more than a window is not used.
            future: A table with the covariates known into the future for the `horizon` steps to come; by default they
                are looked for in `data`, in rows after the last target.
            samples: Sample paths of each series instead of quantiles: their steps, and those of different series with
                the same number, go together as errors of the validation rows did (see `forecasting.paths.Copula`).
            total: Sums instead: over the steps of each series ("horizon"), over all series at each step ("series"), or
                over both, with quantiles of their own, which are not the sums of quantiles.

        Returns:
            One row per series and step: id, time, "forecast" (the median, or the point), "mean" (of counts, where the
            output is their distribution or many are zero; and of sums), and "q0.1" and so on for each quantile level.
            A sum over series has the id "total", one over steps the time of the last. Samples: a row for each series,
            step and "sample", from 0 on. An id or a time that has the name of one of these columns in the data is
            called "unique_id" or "ds".

        Raises:
            OstinatoError: For anything wrong with the data; fewer than 1 sample, or a model without intervals.
        """
        model = self.model
        panel = model.read(data)
        self.new_series = tuple(map(str, panel.ids[model.standardiser.index(panel) < 0]))
        later = model.steps_after(panel, data, future)
        if samples is not None and samples < 1:
            raise OstinatoError(f"samples must be at least 1, got {samples}")
        if samples is not None:
            return sample_table(model, panel, later, samples, total)
        if total is not None:
            return total_table(model, panel, later, total)
        forecast = model.after(panel, later, model.network_on(panel))
        ids, times = panel.ids[later.codes].astype(object), later.clock.written(later.times)
        return table_of(panel, model.columns(forecast), ids, times)

    def evaluate(
        self, data: SeriesSource | PanelPart, *, stride: int | None = None, new_series: bool = False
    ) -> ScoreTable:
        """Scores the network and the baselines in a rolling-origin backtest on rows that fitting has not seen.

        Every origin from the last row seen in `fit` on forecasts `horizon` steps; in a series new to the model, from
        the last row of its first window on, by which its units are measured.

        Args:
            data: The same columns as in training: the past that fitting saw, and rows after it.
            stride: Steps between origins; the setting `scoring_stride` unless given. Without either every origin
                counts, or 100,000 of them (10,000 of very long windows), evenly spread.
            new_series: Whether all series may be new to the model; else an id of training must be among theirs.

        Returns:
            The scores of each model; `print` it, or ask it for `verdict()`. Also kept as `metrics`.

        Raises:
            OstinatoError: For anything wrong with the data, or nothing unseen in them.
        """
        model = self.model
        stride = self.settings.scoring_stride if stride is None else stride
        if stride is not None and stride < 1:
            raise OstinatoError(f"stride must be at least 1, got {stride}")
        unseen = model.unseen(data, new_series=new_series)
        everything = Backtest.of(model, unseen, stride)
        if not len(everything.windows):
            raise OstinatoError(
                f"no series goes on for {model.settings.horizon} steps after the rows the model was fitted on, so "
                "there is nothing to score: give later rows, or fit with a holdout and do not refit (--no-refit)"
            )
        trained = 0.0 if self._history is None else self._history.epochs[-1].seconds
        beside = everything.beside_peers(unseen) if self.settings.peers and installed() else everything
        whole = len(beside.windows) == len(everything.windows)
        self.metrics, self.scores_by_series = (beside if whole else everything).scored(trained)
        self.metrics_beside_peers = None if whole or not len(beside.windows) else beside.scored(trained).table
        return self.metrics

    def details(self, data: SeriesSource | PanelPart) -> RenderableType | None:
        """The scores beside peers where these forecast some windows only, or where to get them."""
        if (beside := self.metrics_beside_peers) is not None:
            title = f"Beside automatic statistical models, on {beside.count:,} of these forecasts:\n"
            return Group(title, beside.rich(), Text(f"\n{beside.verdict()}"))
        if not self.settings.peers or self.metrics is None or PEERS[0] in self.metrics.rows:
            return None
        if installed():
            return Text(f"No series is long enough for {' and '.join(PEERS)}, which stand beside others")
        return Text(f"pip install 'ostinato[forecast]' adds {' and '.join(PEERS)} to this table")

    def cross_validation(
        self, data: SeriesSource | PanelPart, *, n_windows: int = 1, step: int | None = None, refit: bool = False
    ) -> pd.DataFrame:
        """Forecasts the ends of all series from several cutoffs, by models that knew nothing after them.

        This forecaster itself is not fitted.

        Args:
            data: As for `fit`.
            n_windows: Cutoffs; the last one leaves a horizon of rows.
            step: Steps from one cutoff to the next; the horizon unless given.
            refit: Whether a model is trained at each cutoff; else one, on the rows before the first.

        Returns:
            One row per series, cutoff and step: the id, the time, "cutoff" (the last time that was known), "y" (missing
            where it was), "forecast", and "q0.1" and so on for each quantile level.

        Raises:
            OstinatoError: As `fit`; a number below 1.
        """
        records, horizon = self.read(data), self._given.horizon
        step = horizon if step is None else step
        for name, number in (("n_windows", n_windows), ("step", step)):
            if number < 1:
                raise OstinatoError(f"{name} must be at least 1, got {number}")

        def forecasts(cutoffs: int, last: int) -> pd.DataFrame:
            """From so many cutoffs, by a model of the rows before the first; after the last one come `last` rows."""
            end = records.end - last + horizon
            start = end - horizon - step * (cutoffs - 1)
            model = self.__sklearn_clone__().fit(replace(records, end=start)).model
            return Backtest.of(model, PanelPart(records.panel, start, end), step).table()

        if not refit:
            return forecasts(n_windows, horizon)
        each = [forecasts(1, horizon + step * (n_windows - 1 - number)) for number in range(n_windows)]
        keys = [str(each[0].columns[0]), "cutoff"]
        return pd.concat(each).sort_values(keys, kind="stable", ignore_index=True)

    def detect(
        self,
        data: SeriesSource,
        *,
        level: float | None = None,
        threshold: float = 1.0,
        new_series: bool = False,
        future: Source | None = None,
        plot: str | Path | None = None,
    ) -> pd.DataFrame:
        """Judges each observation that fitting has not seen by the interval forecast for it one step before.

        Forecasts see what was observed before, anomalies too; intervals go on learning from it (see `Adaptation`).

        Args:
            data: The past that fitting saw, and rows after it, as for `evaluate`.
            level: Of the interval, such as 0.95: one that the model's quantiles enclose; the widest unless given.
            threshold: The score above which an observation is an anomaly.
            new_series: As for `evaluate`.
            future: As for `predict`: the covariates known into the future after the end of `data`.
            plot: Also draw the series, the intervals and the anomalies into this PNG file.

        Returns:
            One row per observation: the id, the time, "y", "forecast", "low" and "high" (the interval's ends), "score"
            (how far it lies from the median, where 1 is the end of the interval) and "anomaly".

        Raises:
            OstinatoError: For anything wrong with the data, nothing unseen in them, or a model without that interval.
        """
        model, interval = self.model, Interval.of(self.settings, level)
        unseen = model.unseen(data, new_series=new_series)
        table = detected(model, unseen, model.steps_after(unseen.panel, data, future), interval, threshold)
        if plot is not None:
            from ostinato.tasks.forecasting.detection_plot import draw_detection  # not before: matplotlib is slow

            draw_detection(table, interval.level, plot, column=unseen.panel.names.target)
        return table

    def explain(
        self, data: SeriesSource, *, id: str | None = None, future: Source | None = None, steps: int = 50
    ) -> ForecastExplanation:
        """What each lag and each covariate contributes to the forecast after the end of a series; `print` it.

        Args:
            data: As for `predict`.
            id: The series to explain; needed where `data` hold more than one.
            future: As for `predict`.
            steps: Points at which gradients are taken on the way from a window in which nothing happens; four or
                sixteen times as many where contributions do not add up yet.

        Raises:
            OstinatoError: For anything wrong with the data, no such series, or contributions that never add up.
        """
        model = self.model
        panel = model.read(data)
        return explained(model, panel, model.steps_after(panel, data, future), id, steps)

    def plot(
        self,
        data: SeriesSource,
        path: str | Path,
        *,
        actual: bool = False,
        unit: str = "",
        future: Source | None = None,
    ) -> None:
        """Draws history, forecast, intervals and baselines of the first series (six at most) as a PNG file.

        Args:
            data: The past of each series, as in training.
            path: The file to write.
            actual: Forecast the last `horizon` steps of `data` instead, and draw what really happened beside it.
            unit: The target's unit, for the axis.
            future: As for `predict`.

        Raises:
            OstinatoError: For anything wrong with the data, or a file that cannot be written.
        """
        from ostinato.tasks.forecasting.plot import draw_forecasts  # not before: matplotlib is slow

        model = self.model
        panel = model.read(data)
        if actual and future is not None:
            raise OstinatoError("plot: with actual=True the known covariates stand in data; leave future out")
        later = None if actual else model.steps_after(panel, data, future)
        draw_forecasts(model, panel, later, path, unit=unit)

    def stream(
        self,
        history: SeriesSource | None = None,
        *,
        id: str | None = None,
        static: dict[str, Any] | None = None,
        level: float | None = None,
    ) -> Stream:
        """Forecasts one series as its observations come in, one at a time, and judges each as `detect` does.

        Args:
            history: Its past so far, as for `predict`; None starts with nothing.
            id: The series' name in training; needed where there was more than one.
            static: Its static covariates by name; needed without `history`.
            level: Of the interval that observations are held against; the widest unless given.

        Returns:
            A `Stream`; feed it with `update`.

        Raises:
            OstinatoError: For a series that was not in the training data, anything wrong with `history`, or a model
                without that interval.
        """
        return Stream.after(self.model, history, id, static or {}, level)

    def sample_loss(self, data: SeriesSource) -> Callable[[], Tensor]:
        return sample_loss(self.model, data)

    def summary(self) -> str:
        """One line: what the network is, and of what it was made."""
        model = self.model
        settings = model.settings
        return (
            f"Forecaster: {cell_name(settings.cell)}, {settings.num_layers} x {settings.hidden_size} "
            f"units, {model.num_weights:,} weights; {len(model.standardiser.ids)} series at frequency "
            f"{model.spec.frequency}; {settings.window} steps in, {settings.horizon} steps out."
        )
