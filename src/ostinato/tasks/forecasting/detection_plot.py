"""A picture of what was detected: what was observed, the interval forecast for it, the anomalies as dots."""

import math
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ostinato.palette import RED
from ostinato.tasks.forecasting.plot import ACTUAL, FORECAST, MOST_SERIES, dress, legend_below, tint
from ostinato.tasks.plot import save_plot


def draw_detection(table: pd.DataFrame, level: float, path: str | Path, *, column: str) -> None:
    """Writes the picture of a table of `Forecaster.detect`."""
    save_plot(plot_detection(table, level, column=column), path)


def plot_detection(table: pd.DataFrame, level: float, *, column: str) -> Figure:
    """Draws the series with the most anomalies, `MOST_SERIES` at most, one panel each.

    Args:
        table: As `Forecaster.detect` gives it.
        level: Of the interval.
        column: The name of the value, for its axis.

    Returns:
        A figure of no global state (pyplot is not involved); `save_plot` writes it.
    """
    counts = table.groupby(table.columns[0], sort=False)["anomaly"].sum()
    chosen = counts.sort_values(ascending=False, kind="stable").index[:MOST_SERIES]
    shown = [name for name in counts.index if name in set(chosen)]
    columns = 1 if len(shown) <= 2 else 2
    rows = math.ceil(len(shown) / columns)
    figure = Figure(
        figsize=(11 if columns == 1 else 14, 5.5 if len(shown) == 1 else 1.2 + 2.9 * rows), layout="constrained"
    )
    FigureCanvasAgg(figure)
    for number, name in enumerate(shown, start=1):
        one = table[table.iloc[:, 0] == name]
        times = one.iloc[:, 1]
        if isinstance(times.dtype, pd.DatetimeTZDtype):
            times = times.dt.tz_localize(None)
        axes = figure.add_subplot(rows, columns, number)
        _draw(axes, one.set_axis(times.to_numpy()), level)
        dress(axes, str(name), times.to_numpy(), column)
    figure.align_ylabels()
    legend_below(figure)
    return figure


def _draw(axes: Axes, one: pd.DataFrame, level: float) -> None:
    """One series, its times as the index."""
    times, found = one.index.to_numpy(), one[one["anomaly"]]
    band = f"{100 * level:g} % interval, one step ahead"
    axes.fill_between(times, one["low"], one["high"], color=tint(FORECAST, 0.3), linewidth=0, label=band)
    axes.plot(times, one["y"], color=ACTUAL, linewidth=1.0, label="observed")
    axes.plot(found.index.to_numpy(), found["y"], color=RED, linestyle="", marker="o", ms=6, label="anomaly")
