"""Forecasting a stream: one observation in, one forecast out, memory of one window."""

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch

from ostinato.data import Panel, PanelSpec, WindowBatch
from ostinato.data.calendar import time_features
from ostinato.data.series import SeriesSource
from ostinato.data.table import canonical
from ostinato.data.times import Moments, spell
from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.conformal import Adaptation
from ostinato.tasks.forecasting.counts import is_count
from ostinato.tasks.forecasting.detect import Interval, has_interval
from ostinato.tasks.forecasting.model import ForecasterModel
from ostinato.tasks.forecasting.standardise import standard

Array = npt.NDArray[np.float64]


class StreamForecast(NamedTuple):
    """What is expected after the newest observation, in the target's own units.

    Attributes:
        times: ``(horizon,)``, datetime64[ns] or int64; a `pandas.DatetimeIndex` where the zone is known.
        point: ``(horizon,)``: the median, or what the network was trained to give.
        quantiles: ``(horizon, levels)``, None for a model that gives points.
        mean: ``(horizon,)``, where it is told beside the point, as by `Forecaster.predict`.
        score: How far the newest observation itself lies from the median forecast for it one step before, where 1 is
            the end of the interval, as `Forecaster.detect` has it; None where it is missing or nothing was forecast for
            it (the first one; with covariates known ahead also the first after a history), or without an interval.
    """

    times: Any
    point: Array
    quantiles: Array | None
    mean: Array | None = None
    score: float | None = None

    @property
    def anomaly(self) -> bool:
        """Whether the newest observation lies outside its interval."""
        return self.score is not None and self.score > 1


class Stream:
    """One series, fed one step at a time; each forecast is what `Forecaster.predict` gives for the same past.

    Only the ends of intervals differ: they go on learning from what comes (see `Adaptation`).

    The state is the last window and the quantiles of the last horizon's forecasts, so its size does not grow with the
    stream. (A carried recurrent state would not do: every window is scaled by its own values, so what the network reads
    of the past changes with each new observation.)

    Args:
        model: The trained model.
        series: Position of the series in training.
        static: Its static covariates, ``(static,)``.
        interval: What observations are held against; None for none.
    """

    def __init__(self, model: ForecasterModel, series: int, static: Array, interval: Interval | None = None) -> None:
        settings = model.settings
        assert settings.window is not None
        self._model = model
        self._frequency, self._clock = model.frequency, model.clock
        self._scales = model.standardiser.scales.rows(np.array([series]))
        self._series = series
        self._static = standard(static[None], model.standardiser.covariates.static)
        self._time: Any = None
        self._steps = 0
        self._started = False
        window = settings.window
        self._target = np.zeros(window)
        self._observed = np.zeros(window, np.bool_)
        self._past = np.zeros((window, model.sizes.past))
        self._past_observed = np.zeros((window, model.sizes.past), np.bool_)
        self._known = np.zeros((window, model.sizes.known))
        self._adaptation = None if model.calibration is None else Adaptation(model.calibration)
        self._pending: deque[Array] = deque(maxlen=settings.horizon)
        self._interval = interval
        self._expected: Array | None = None  # quantiles (1, levels) of the step to come

    @classmethod
    def after(
        cls,
        model: ForecasterModel,
        history: SeriesSource | None,
        id: str | None,
        static: Mapping[str, Any],
        level: float | None,
    ) -> Self:
        """The stream of one series that goes on where its history ends: see `Forecaster.stream`."""
        interval = Interval.of(model.settings, level) if level is not None or has_interval(model.settings) else None
        ids = model.standardiser.ids
        if id is None and len(ids) > 1:
            raise OstinatoError(f"the model knows {len(ids)} series: say which one streams, id={ids[0]!r} for example")
        name = ids[0] if id is None else canonical(str(id))
        if name not in ids:
            raise OstinatoError(f"series {name!r} was not in the training data, so its units are not known")
        if history is None:
            return cls(model, ids.index(name), static_row(model.spec, static), interval)
        one = model.read(history).named(name, "the history")
        stream = cls(model, ids.index(name), one.static[0], interval)
        stream.prime(model.standardiser.transform(one, model.standardiser.scales_of(one, one.offsets[1:])))
        return stream

    def update(
        self,
        y: float | None,
        *,
        time: Any = None,
        past: Mapping[str, float | str | None] | None = None,
        known: Mapping[str, float | str] | None = None,
        ahead: Mapping[str, Sequence[float | str]] | None = None,
    ) -> StreamForecast | None:
        """Takes the next observation.

        Args:
            y: The target; None where it is missing.
            time: Its time; the step after the one before unless given. Steps that are left out count as missing.
            past: The covariates known in the past, by name; None where missing.
            known: The covariates known into the future, at this step.
            ahead: The same for each of the `horizon` steps that follow.

        Returns:
            The forecast from here; None as long as nothing has been observed.

        Raises:
            OstinatoError: For a value that is not a number, a covariate too many or too few, or a time that is not a
                later step of the grid. The stream stays as it was.
        """
        horizon = self._model.settings.horizon
        *missed, moment = self._times(time)
        value = None if y is None else self._unit(y)
        covariates = self._past_row(past or {})
        now = self._future_rows("known", {name: [each] for name, each in (known or {}).items()}, 1)
        later = self._future_rows("ahead", ahead or {}, horizon)
        times = self._frequency.at(np.asarray(moment), np.arange(1, horizon + 1))
        if missed and self._model.spec.future:
            raise OstinatoError(f"steps before {spell(moment)} were left out: give each with its known covariates")
        nothing = np.full(self._model.sizes.past, np.nan)
        for skipped in missed:
            self._push(skipped, None, nothing, now[0])
        if missed:
            self._expect()
        score = None if y is None else self._score(float(y))
        self._push(moment, value, covariates, now[0])
        return self._forecast(times, later)._replace(score=score) if self._started else None

    def prime(self, panel: Panel) -> None:
        """Puts the end of this series' past, a standardised panel of it alone, into the window."""
        tail = panel.tail(len(self._target))
        for row, moment in enumerate(tail.times):
            past = np.where(tail.past_observed[row], tail.past[row], np.nan)
            self._push(moment, float(tail.target[row]), past, tail.future[row])
            self._observed[-1] = tail.observed[row]
        if not self._model.spec.future:
            self._expect()

    def _expect(self) -> None:
        """Forecasts from here without a covariate that is known ahead, so that what comes next can be judged by it."""
        if self._started:
            horizon = self._model.settings.horizon
            times = self._frequency.at(self._time, np.arange(1, horizon + 1))
            self._forecast(times, np.zeros((horizon, 0)))

    def _score(self, y: float) -> float | None:
        """How far an observation lies from what was expected of it."""
        if self._interval is None or self._expected is None:
            return None
        return float(self._interval.scores(np.array([y]), self._expected)[0])

    def _push(self, moment: Any, value: float | None, past: Array, future: Array) -> None:
        """Moves the window on by one step; what is missing keeps the last value and is flagged."""
        arrays = (self._target, self._observed, self._past, self._past_observed, self._known)
        for array in arrays:
            array[:-1] = array[1:]
        self._judge(value)
        if value is not None:
            self._target[-1] = value
            if not self._started:
                self._target[:] = value
                self._started = True
        self._observed[-1] = value is not None
        self._past_observed[-1] = ~np.isnan(past)
        self._past[-1] = np.nan_to_num(past)
        self._known[-1] = np.concatenate([future, self._calendar(np.array([moment]))[0]])
        self._time = moment
        self._steps = min(self._steps + 1, len(self._target))

    def _judge(self, value: float | None) -> None:
        """Goes on calibrating by a value that was forecast before, the newest first, and makes room for a forecast."""
        if self._adaptation is None:
            return
        if value is not None and self._pending:
            own = np.stack([forecast[step] for step, forecast in enumerate(reversed(self._pending))])
            steps = np.flatnonzero(~np.isnan(own[:, 0]))
            self._adaptation.judge(steps, self._adaptation.inside(own[steps], np.array(value)).astype(np.float64))
        settings = self._model.settings
        self._pending.append(np.full((settings.horizon, settings.outputs), np.nan))

    def _forecast(self, times: Moments, later: Array) -> StreamForecast:
        inside = np.arange(len(self._target)) >= len(self._target) - self._steps
        batch = WindowBatch(
            past_target=_tensor(self._target * inside),
            past_observed=torch.from_numpy(self._observed & inside)[None],
            past_covariates=_tensor(self._past * inside[:, None]),
            past_covariates_observed=torch.from_numpy(self._past_observed & inside[:, None])[None],
            past_known=_tensor(self._known * inside[:, None]),
            future_known=_tensor(np.concatenate([later, self._calendar(times)], axis=1)),
            static=torch.from_numpy(self._static.astype(np.float32)),
            series=torch.tensor([self._series]),
            lengths=torch.tensor([self._steps]),
            target=torch.full((1, len(times)), math.nan),
            target_observed=torch.zeros(1, len(times), dtype=torch.bool),
            origin=torch.tensor([self._steps - 1]),
        )
        forecast = self._model.raw(batch)
        if forecast.quantiles is not None and self._adaptation is not None:
            quantiles = self._adaptation.moved(forecast.quantiles)
            self._pending[-1][:] = quantiles[0]
            forecast = forecast._replace(quantiles=quantiles)
        told = self._model.in_units(forecast, self._scales)
        if told.quantiles is not None:
            self._expected = told.quantiles[:, 0]
        return StreamForecast(self._clock.written(times), *told.changed(lambda values: values[0]))

    def _calendar(self, times: Moments) -> Array:
        settings, local = self._model.settings, self._clock.local(times)
        features, _ = time_features(local, self._frequency, calendar=settings.calendar, holidays=settings.holidays)
        return features.astype(np.float64)

    def _times(self, time: Any) -> Moments:
        """The time of this observation, behind those of the steps left out before it (a window of them at most)."""
        if self._time is None:
            return self._first(time)
        moment = None if time is None else self._moment(time)
        gap = 1 if moment is None else int(self._frequency.steps(self._time, moment))
        steps = np.arange(max(gap - len(self._target), 1), max(gap, 1) + 1)
        times = self._frequency.at(self._time, steps)
        if moment is not None and (gap < 1 or times[-1] != moment):
            raise OstinatoError(
                f"{time} is not a later step of frequency {self._frequency.alias!r} after {spell(self._time)}"
            )
        return times

    def _first(self, time: Any) -> Moments:
        if time is None and self._frequency.kind != "integer":
            raise OstinatoError("the first observation of a stream needs its time")
        moment = self._moment(0 if time is None else time)
        if self._frequency.at(moment, np.array(0)) != moment:
            raise OstinatoError(f"{time} is not a time of frequency {self._frequency.alias!r}")
        return moment[None]

    def _moment(self, time: Any) -> Moments:
        """A time as the panel has it, an array without dimensions."""
        if self._frequency.kind == "integer":
            if not isinstance(time, int | np.integer):
                raise OstinatoError(f"time = {time!r} is not a whole number, as the times in training were")
            return np.array(time, np.int64)
        return np.array(self._clock.moment(time, "time = "))

    def _unit(self, y: float) -> float:
        number = _number(y, "y")
        standardiser = self._model.standardiser
        if (standardiser.log or standardiser.power) and number <= 0:
            raise OstinatoError(f"returns='log' and transform need positive values, got {number:g}")
        if standardiser.own_units and not is_count(np.array(number)):
            raise OstinatoError(f"this model's output needs counts (whole numbers, none below 0), got {number:g}")
        return float(standardiser.unit(np.array([number]), self._scales)[0])

    def _past_row(self, given: Mapping[str, float | str | None]) -> Array:
        names = self._model.spec.past
        _refuse_unknown(given, names, "past")
        row = [number for name in names for number in self._inputs(given.get(name), name, missing=True)]
        return standard(np.array(row, dtype=np.float64), self._model.standardiser.covariates.past)

    def _future_rows(self, where: str, given: Mapping[str, Sequence[float | str]], rows: int) -> Array:
        names = self._model.spec.future
        _refuse_unknown(given, names, where)
        columns = []
        for name in names:
            values = given.get(name, ())
            if not isinstance(values, Iterable) or len(listed := list(values)) != rows:
                raise OstinatoError(f"{where} needs {rows} value{'s' * (rows > 1)} of the covariate {name!r}")
            columns.append(np.array([self._inputs(value, name) for value in listed], np.float64))
        table = np.concatenate(columns, axis=1) if columns else np.empty((rows, 0))
        return standard(table, self._model.standardiser.covariates.future)

    def _inputs(self, value: Any, name: str, *, missing: bool = False) -> list[float]:
        """A covariate's value as inputs: a number is itself, a word 1 among the 0 of all others."""
        known = (self._model.spec.categories or {}).get(name)
        if value is None and missing:
            return [math.nan] * len(known or [name])
        if known is None:
            return [_number(value, name)]
        code = _code(value, name, known)
        return [float(place == code) for place in range(len(known))]


def static_row(spec: PanelSpec, given: Mapping[str, Any]) -> Array:
    """Static covariates ``(static,)`` from their values by name; a category becomes its code.

    Raises:
        OstinatoError: One is missing, unknown, no number, or of a category that training did not know.
    """
    if set(given) != set(spec.static):
        raise OstinatoError(
            f"static needs a value of each of: {', '.join(spec.static) or 'none'}; got {', '.join(given) or 'none'}"
        )
    row = []
    for name in spec.static:
        known = (spec.categories or {}).get(name)
        row.append(_number(given[name], name) if known is None else _code(given[name], f"static {name}", known))
    return np.array(row, dtype=np.float64)


def _code(word: Any, name: str, known: tuple[str, ...]) -> int:
    """The position of a word among those of training."""
    if word not in known:
        raise OstinatoError(f"{name}={word!r} was not there in training (known: {', '.join(known)})")
    return known.index(word)


def _number(value: Any, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise OstinatoError(
            f"{name} = {value!r} is not a finite number (None stands for a missing y or past covariate)"
        )
    return number


def _refuse_unknown(given: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    for name in given:
        if name not in names:
            raise OstinatoError(f"{where}: no covariate {name!r} (there are: {', '.join(names) or 'none'})")


def _tensor(values: Array) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))[None]
