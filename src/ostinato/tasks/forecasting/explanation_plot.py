"""The picture of an explanation: bars over the lags of the target, and one for each covariate."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ostinato.palette import BLUE, RED

if TYPE_CHECKING:
    from ostinato.tasks.forecasting.explanation import ForecastExplanation

MOST_FEATURES = 20
"""Covariates with a bar; those that move least have none."""


def plot_explanation(explanation: "ForecastExplanation") -> Figure:
    """Draws contributions to the mean of a forecast over its horizon: blue ones raise it, red ones lower it.

    Returns:
        A figure of no global state (pyplot is not involved); `save_plot` writes it.
    """
    others = explanation.features().set_index("feature")["contribution"].drop(explanation.target)[:MOST_FEATURES]
    heights = [4.0, 0.5 + 0.32 * len(others)] if len(others) else [4.0]
    figure = Figure(figsize=(11, 1.2 + sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(explanation.headline(), x=0.01, ha="left", fontsize=12, parse_math=False, wrap=True)
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    lags, axes = explanation.lags(), figure.add_subplot(grid[0])
    axes.bar(lags.index, lags, color=_colours(lags.to_numpy()), width=0.8)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xlim(lags.index.max() + 1, 0)  # time goes to the right
    axes.xaxis.set_major_locator(MaxNLocator(nbins=15, integer=True))
    axes.set_xlabel("lag (steps before the first one of the forecast)")
    axes.set_ylabel(f"contribution to {explanation.target}", parse_math=False)
    _dress(axes, "y")
    if len(others):
        axes = figure.add_subplot(grid[1])
        axes.barh(np.arange(len(others)), others, color=_colours(others.to_numpy()), height=0.7)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_yticks(np.arange(len(others)), [str(name) for name in others.index], parse_math=False)
        axes.invert_yaxis()
        axes.set_xlabel(f"contribution to {explanation.target}, all lags and steps ahead together", parse_math=False)
        _dress(axes, "x")
    return figure


def _colours(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> list[str]:
    return [BLUE if value >= 0 else RED for value in values]


def _dress(axes: Axes, values: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=values, color="#E6E6E6", linewidth=0.8)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
