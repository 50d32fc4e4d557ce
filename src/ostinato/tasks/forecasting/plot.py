"""A picture of forecasts: history, median, shaded intervals, what really happened, the baselines."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ostinato.data import Panel
from ostinato.errors import OstinatoError
from ostinato.palette import BLUE, GREY, LINES
from ostinato.tasks.forecasting.model import ForecasterModel
from ostinato.tasks.forecasting.scores import symmetric_pairs
from ostinato.tasks.plot import save_plot

Array = npt.NDArray[np.float64]

MOST_SERIES = 6
HISTORY_HORIZONS = 3
"""History shown, in horizons..."""
LEAST_HISTORY = 24
"""...but at least so many steps."""

MOST_INTERVALS = 3
"""The widest ones; more shades cannot be told apart."""

ACTUAL = "#000000"
HISTORY = "#555555"
FORECAST, BASELINES = BLUE, LINES[1:]


@dataclass(frozen=True, eq=False)
class SeriesForecast:
    """One series' forecast, ready to be drawn.

    Args:
        name: The series' name.
        history_times: ``(past,)`` of ``datetime64`` or of numbers, rising.
        history: ``(past,)``; NaN leaves a gap.
        times: ``(horizon,)``, as `history_times`.
        point: ``(horizon,)``, the median or mean.
        quantiles: ``(horizon, levels)``, or None for a model that only gives points.
        levels: Of the quantiles; the widest pairs that are symmetric about the median are drawn as intervals.
        actual: ``(horizon,)`` where known; NaN where not.
        baselines: Name to points ``(horizon,)``, drawn as thin lines.
    """

    name: str
    history_times: npt.NDArray[Any]
    history: Array
    times: npt.NDArray[Any]
    point: Array
    quantiles: Array | None = None
    levels: Sequence[float] = ()
    actual: Array | None = None
    baselines: Mapping[str, Array] = field(default_factory=dict)


def draw_forecasts(model: ForecasterModel, panel: Panel, later: Panel | None, path: str | Path, *, unit: str) -> None:
    """Writes the picture of `Forecaster.plot`.

    Args:
        model: What forecasts.
        panel: The past.
        later: The steps to forecast; None: the last `horizon` steps of the panel, which are drawn, too.
        path: The file to write.
        unit: The target's unit, if any.
    """
    actual = later is None
    if later is None:
        panel, later = panel.split(rows=model.settings.horizon)
    drawn = forecasts_to_draw(model, panel, later, actual=actual)
    save_plot(plot_forecast(drawn, column=panel.names.target, unit=unit), path)


def forecasts_to_draw(model: ForecasterModel, panel: Panel, later: Panel, *, actual: bool) -> list[SeriesForecast]:
    """The forecasts of the first series of a panel, `MOST_SERIES` at most, and of baselines.

    Args:
        model: What forecasts.
        panel: The past.
        later: The steps to forecast.
        actual: Whether these hold what really happened.
    """
    forecast = model.after(panel, later, model.network_on(panel))
    names = [name for name in ("ridge", "seasonal naive", "naive") if name in model.baselines.names]
    shown = names if len(panel) == 1 else names[:1]  # more would hide a small panel's forecast
    lines = {name: model.after(panel, later, model.baseline_on(panel, name)).point for name in shown}
    drawn = []
    for number in range(min(len(panel), MOST_SERIES)):
        one, next_ = panel.series(number), later.series(number)
        drawn.append(
            SeriesForecast(
                name=str(panel.ids[number]),
                history_times=one.clock.local(one.times),
                history=np.where(one.observed, one.target, np.nan),
                times=next_.clock.local(next_.times),
                point=forecast.point[number],
                quantiles=None if forecast.quantiles is None else forecast.quantiles[number],
                levels=model.settings.quantiles,
                actual=np.where(next_.observed, next_.target, np.nan) if actual else None,
                baselines={name: line[number] for name, line in lines.items()},
            )
        )
    return drawn


def plot_forecast(series: Sequence[SeriesForecast], *, column: str, unit: str = "", title: str = "") -> Figure:
    """Draws up to `MOST_SERIES` forecasts, one panel each.

    Args:
        series: What to draw.
        column: The name of the value, for its axis.
        unit: Its unit, if any.
        title: Stands above all panels, if any; every panel bears its series' name.

    Returns:
        A figure of no global state (pyplot is not involved); `save_plot` writes it.

    Raises:
        OstinatoError: There are no series, or more than fit.
    """
    if not 1 <= len(series) <= MOST_SERIES:
        raise OstinatoError(f"a plot holds 1 to {MOST_SERIES} series, got {len(series)}: choose some")
    columns = 1 if len(series) <= 2 else 2
    rows = math.ceil(len(series) / columns)
    figure = Figure(
        figsize=(11 if columns == 1 else 14, 5.5 if len(series) == 1 else 1.2 + 2.9 * rows), layout="constrained"
    )
    FigureCanvasAgg(figure)
    label = f"{column} ({unit})" if unit else column
    for number, one in enumerate(series, start=1):
        axes = figure.add_subplot(rows, columns, number)
        _draw(axes, one)
        dress(axes, one.name, one.times, label)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=14, fontweight="bold", parse_math=False)
    figure.align_ylabels()
    legend_below(figure)
    return figure


def legend_below(figure: Figure) -> None:
    """One for all panels, below them."""
    handles: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(text, handle)
    columns = len(handles) if len(handles) <= 6 else math.ceil(len(handles) / 2)
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=columns, frameon=False)


def _draw(axes: Axes, one: SeriesForecast) -> None:
    """Lines and intervals in the order of the legend; the whole future starts at the last value of the history."""
    shown = max(HISTORY_HORIZONS * len(one.times), LEAST_HISTORY)
    past_times, past = one.history_times[-shown:], one.history[-shown:]
    times = np.concatenate([past_times[-1:], one.times])
    marker = "o" if len(one.times) <= 3 else ""

    def ahead(values: Array) -> Array:
        return np.concatenate([past[-1:], values])

    def line(label: str, values: Array, zorder: float, color: str, linewidth: float) -> None:
        axes.plot(
            times, ahead(values), zorder=zorder, color=color, linewidth=linewidth, marker=marker, ms=5, label=label
        )

    axes.plot(past_times, past, color=HISTORY, linewidth=1.4, label="history")
    if one.actual is not None:
        line("actual", one.actual, zorder=3, color=ACTUAL, linewidth=1.6)
    line("forecast", one.point, zorder=4, color=FORECAST, linewidth=2.2)
    if one.quantiles is not None:
        pairs = dict(list(symmetric_pairs(one.levels).items())[:MOST_INTERVALS])
        for depth, (nominal, (low, high)) in enumerate(pairs.items()):
            bounds = ahead(one.quantiles[:, low]), ahead(one.quantiles[:, high])
            shade = tint(FORECAST, 0.16 + 0.36 * depth / len(pairs))
            axes.fill_between(times, *bounds, color=shade, linewidth=0, label=f"{100 * nominal:g} % interval")
    for (name, values), (color, dashes) in zip(one.baselines.items(), cycle(BASELINES), strict=False):
        axes.plot(times, ahead(values), color=color, linestyle=dashes, linewidth=1.2, zorder=2.5, label=name)
    axes.axvline(past_times[-1], color=GREY, linewidth=0.8, linestyle=":", zorder=0)


def dress(axes: Axes, name: str, times: npt.NDArray[Any], label: str) -> None:
    """Title, labels, grid and ticks of one series over time."""
    axes.set_title(name, loc="left", fontsize=12, parse_math=False)
    axes.set_ylabel(label, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.01)
    if np.issubdtype(times.dtype, np.datetime64):
        locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
        dates = ConciseDateFormatter(  # type: ignore[no-untyped-call]
            locator,
            formats=["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%S.%f"],
            zero_formats=["", "%Y", "%d %b", "%d %b", "%H:%M", "%H:%M"],
            offset_formats=["", "%Y", "%Y", "%d %b %Y", "%d %b %Y", "%d %b %Y %H:%M"],
        )
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=9, integer=True))
        axes.set_xlabel("time step")


def tint(color: str, strength: float) -> tuple[float, ...]:
    """The colour mixed with white: opaque, so that the legend shows what the picture shows."""
    return tuple(1 - strength * (1 - part) for part in to_rgb(color))
