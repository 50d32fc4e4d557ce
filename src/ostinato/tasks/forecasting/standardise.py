"""Each series in its own units: what is learned from the training part, and the way there and back."""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from ostinato.data import Panel
from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.counts import refuse_other_than_counts
from ostinato.tasks.forecasting.power import box_cox, even_power, from_box_cox

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

ROUNDING = 1e-9
"""What is nearer to the floor than this, in units of the series, is on it: it was rounded on its way."""


@dataclass(frozen=True)
class SeriesScales:
    """Statistics of each series, arrays ``(series,)``.

    Attributes:
        location: Mean of the target as it is modelled (of its logarithm, or a power).
        scale: Standard deviation of the same, 1 for a constant series.
        change: Mean absolute change from one step to the next, in units of `scale`.
        season_error: Mean absolute change over a season in the target's own units: the error of the seasonal naive
            forecast in the training part, by which MASE divides.
        floor: What no forecast is below: 0 where no value is in the training part, -inf where there is no such bound.
        power: Of the power transform (`box_cox`); None where the target is modelled as it is, or by its logarithm.
    """

    location: Floats
    scale: Floats
    change: Floats
    season_error: Floats
    floor: Floats
    power: Floats | None = None

    def __post_init__(self) -> None:
        """Makes sure that there is one number of each kind for each series."""
        shapes = {name: each.shape for name, each in self._arrays().items()}
        if set(shapes.values()) != {(len(self.location),)}:
            raise ValueError(f"statistics of series of shapes {shapes}")

    def rows(self, series: Rows) -> Self:
        """The statistics of some series, by their index."""
        return replace(self, **{name: each[series] for name, each in self._arrays().items()})

    def where(self, chosen: npt.NDArray[np.bool_], other: Self) -> Self:
        """Of the chosen series these, of all others those of `other`."""
        theirs = other._arrays()
        return replace(self, **{name: np.where(chosen, each, theirs[name]) for name, each in self._arrays().items()})

    def without_units(self) -> Self:
        """The same, of series that stay in their own units."""
        nought, one = np.zeros_like(self.location), np.ones_like(self.scale)
        return replace(self, location=nought, scale=one, change=self.change * self.scale)

    def _arrays(self) -> dict[str, Floats]:
        both = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: each for name, each in both.items() if each is not None}


class CovariateMoments(NamedTuple):
    """Mean and standard deviation of every covariate of a kind, arrays ``(2, columns)``."""

    past: Floats
    future: Floats
    static: Floats


@dataclass(frozen=True)
class Standardiser:
    """Brings a panel to unit scale, and forecasts back to the target's units.

    Attributes:
        log: Whether the target is modelled by its logarithm.
        ids: Series seen in training.
        scales: Their statistics.
        covariates: Mean and standard deviation of every covariate.
        season_length: Steps of a season, for `SeriesScales.season_error`.
        counts: Whether forecasts of what is never below 0 in the training part are not, either.
        power: Whether the target is modelled by a power of it, each series' own.
        own_units: Whether the target stays in its own units, and counts something.
    """

    log: bool
    ids: tuple[str, ...]
    scales: SeriesScales
    covariates: CovariateMoments
    season_length: int
    counts: bool
    power: bool = False
    own_units: bool = False

    def __post_init__(self) -> None:
        """Makes sure that every series has statistics, and every covariate its two."""
        if len(self.ids) != len(self.scales.location):
            raise ValueError(f"{len(self.ids)} series and statistics of {len(self.scales.location)}")
        for name, moments in self.covariates._asdict().items():
            if moments.ndim != 2 or len(moments) != 2:
                raise ValueError(f"moments of {name} covariates of shape {moments.shape}")

    @classmethod
    def fit(
        cls,
        panel: Panel,
        ends: Rows,
        *,
        log: bool,
        season_length: int,
        counts: bool = True,
        power: bool = False,
        own_units: bool = False,
    ) -> Self:
        """Learns from the rows of each series before ``ends`` (flat row numbers, ``(series,)``)."""
        part = _before(panel, ends)
        covariates = CovariateMoments(
            past=_moments(panel.past[part], panel.past_observed[part]),
            future=_moments(panel.future[part]),
            static=_moments(panel.static),
        )
        ids = tuple(str(name) for name in panel.ids)
        scales = _series_scales(panel, ends, log, season_length, counts, power)
        scales = scales.without_units() if own_units else scales
        return cls(log, ids, scales, covariates, season_length, counts, power, own_units)

    def index(self, panel: Panel) -> Rows:
        """Each series' number among those of the training, -1 for a new one."""
        return np.array([self._numbers.get(str(name), -1) for name in panel.ids], dtype=np.int64)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Each series' number, by its id: asked for several times by every forecast."""
        return {name: number for number, name in enumerate(self.ids)}

    def scales_of(self, panel: Panel, ends: Rows) -> SeriesScales:
        """Statistics of the panel's series: the training's, or for new series those of their rows before `ends`."""
        index = self.index(panel)
        if (index >= 0).all():
            return self.scales.rows(index)
        own = _series_scales(panel, ends, self.log, self.season_length, self.counts, self.power)
        own = own.without_units() if self.own_units else own
        return self.scales.rows(np.maximum(index, 0)).where(index >= 0, own)

    def transform(self, panel: Panel, scales: SeriesScales) -> Panel:
        """The panel at unit scale.

        Raises:
            OstinatoError: A target is not positive, or no count, where it should be.
        """
        if self.log or self.power:
            _refuse_not_positive(panel)
        if self.own_units:
            refuse_other_than_counts(panel)
        return replace(
            panel,
            target=self.unit(panel.target, scales.rows(np.repeat(np.arange(len(panel)), panel.lengths))),
            past=standard(panel.past, self.covariates.past) * panel.past_observed,
            future=standard(panel.future, self.covariates.future),
            static=standard(panel.static, self.covariates.static),
        )

    def unit(self, values: Floats, scales: SeriesScales) -> Floats:
        """Targets ``(rows,)`` at unit scale; `scales` of each row."""
        power = self._powers(scales)
        return np.asarray(((values if power is None else box_cox(values, power)) - scales.location) / scales.scale)

    def back(self, values: Floats, scales: SeriesScales) -> Floats:
        """Scaled targets or forecasts ``(rows, ...)`` in the target's own units; `scales` of each row."""
        shape = (-1,) + (1,) * (values.ndim - 1)
        scale, floor, power = scales.scale.reshape(shape), scales.floor.reshape(shape), self._powers(scales)
        values = values * scale + scales.location.reshape(shape)
        return np.asarray(
            np.where(values < floor + ROUNDING * scale, floor, values)
            if power is None
            else from_box_cox(values, power.reshape(shape))
        )

    def _powers(self, scales: SeriesScales) -> Floats | None:
        """Of the power transform, a number a row; None where there is none."""
        return np.zeros_like(scales.scale) if self.log else scales.power


def _before(panel: Panel, ends: Rows) -> npt.NDArray[np.bool_]:
    return np.arange(len(panel.target)) < np.repeat(ends, panel.lengths)


def _series_scales(
    panel: Panel, ends: Rows, log: bool, season_length: int, counts: bool, by_power: bool
) -> SeriesScales:
    values, seen, power = panel.target, panel.observed & _before(panel, ends), None
    if log or by_power:
        _refuse_not_positive(panel)
        power = np.zeros(len(panel)) if log else even_power(values, seen, panel.offsets, season_length)
        values = box_cox(values, np.repeat(power, panel.lengths))
    location = _series_mean(panel, values, seen)
    spread = np.sqrt(_series_mean(panel, (values - np.repeat(location, panel.lengths)) ** 2, seen))
    scale = np.where(_varies(location, spread), spread, 1.0)
    change = _series_change(panel, values, seen, 1) / scale
    season_error = _series_change(panel, panel.target, seen, season_length)
    lowest = np.minimum.reduceat(np.where(seen, panel.target, np.inf), panel.offsets[:-1])
    return SeriesScales(
        location,
        scale,
        np.where(change > 0, change, 1.0),
        np.where(season_error > 0, season_error, np.nan),
        np.where((lowest >= 0) & counts & (power is None), 0.0, -np.inf),
        power if by_power else None,
    )


def _series_mean(panel: Panel, values: Floats, mask: npt.NDArray[np.bool_]) -> Floats:
    starts = panel.offsets[:-1]
    total = np.add.reduceat(np.where(mask, values, 0.0), starts)
    return np.asarray(total / np.maximum(np.add.reduceat(mask.astype(np.int64), starts), 1), dtype=np.float64)


def _series_change(panel: Panel, values: Floats, seen: npt.NDArray[np.bool_], lag: int) -> Floats:
    """Mean absolute change over `lag` steps between observed values of the same series."""
    change = np.zeros_like(values)
    known = np.zeros_like(seen)
    change[lag:] = np.abs(values[lag:] - values[:-lag])
    inside = np.arange(len(values)) - np.repeat(panel.offsets[:-1], panel.lengths) >= lag
    known[lag:] = seen[lag:] & seen[:-lag]
    return _series_mean(panel, change, known & inside)


def _refuse_not_positive(panel: Panel) -> None:
    bad = panel.observed & (panel.target <= 0)
    if bad.any():
        raise OstinatoError(
            f"returns='log' and transform need positive values, but {panel.value_at(int(np.argmax(bad)))}: mend that "
            "row or leave them out"
        )


def _moments(columns: Floats, observed: npt.NDArray[np.bool_] | None = None) -> Floats:
    """Mean and standard deviation of each column ``(2, columns)``; 0 and 1 where there is nothing to measure."""
    mask = np.ones_like(columns, dtype=bool) if observed is None else observed
    count = np.maximum(mask.sum(0), 1)
    mean = np.where(mask, columns, 0.0).sum(0) / count
    spread = np.sqrt((np.where(mask, columns - mean, 0.0) ** 2).sum(0) / count)
    return np.stack([mean, np.where(_varies(mean, spread), spread, 1.0)])


def _varies(mean: Floats, spread: Floats) -> npt.NDArray[np.bool_]:
    """Whether a spread is more than the rounding of equal numbers."""
    return np.asarray(spread > 1e-12 * np.maximum(np.abs(mean), 1e-300))


def standard(columns: Floats, moments: Floats) -> Floats:
    """Columns at zero mean and unit deviation, by the `moments` of the training part."""
    return np.asarray((columns - moments[0]) / moments[1], dtype=np.float64)
