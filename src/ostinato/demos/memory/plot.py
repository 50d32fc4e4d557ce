"""Who learns at which lag, above; whose gradient reaches back that far, below."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from ostinato.demos.memory.trial import SOLVED, Trial
from ostinato.palette import (
    BLUE,
    DARK,
    DASH_DOT,
    DASHED,
    DOTTED,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    RED,
    SKY,
    SOLID,
)


class Style(NamedTuple):
    """How a cell is drawn."""

    color: str
    marker: str
    dashes: Any


# The markers differ too, and the dashes of the lower row.
STYLES = (
    Style(RED, "o", SOLID),
    Style(ORANGE, "s", DASHED),
    Style(BLUE, "D", SOLID),
    Style(SKY, "^", DASHED),
    Style(GREEN, "v", DOTTED),
    Style(PINK, "X", DASH_DOT),
)

FLOOR = 1e-16
"""Share of a gradient below which nothing is drawn."""


def plot_trials(trials: Sequence[Trial]) -> Figure:
    """Draws a column per task: the score against the lag, and the gradient before training against the steps back.

    Gradients are those of the networks for the task's longest lag, as a share of what reaches the state of one step
    back. On a logarithmic axis a rate that does not change is a straight line.

    Args:
        trials: Of any tasks, cells and lags.
    """
    tasks = list(dict.fromkeys(trial.task for trial in trials))
    styles = dict(zip(dict.fromkeys(trial.cell for trial in trials), STYLES, strict=False))
    figure = Figure(figsize=(3.3 * len(tasks) + 0.8, 7.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, len(tasks), squeeze=False)
    for number, task in enumerate(tasks):
        own = [trial for trial in trials if trial.task == task]
        above, below = panels[:, number]
        above.set_title(task, loc="left", fontsize=13, fontweight="bold")
        _draw_scores(above, own, styles)
        _draw_gradients(below, own, styles)
        for axes in (above, below):
            _dress(axes)
            if number:
                axes.tick_params(labelleft=False)
    panels[0, 0].set_ylabel("score (1 is perfect)")
    panels[1, 0].set_ylabel("gradient before training\n(share of that one step back)")
    figure.suptitle(
        "Who learns at which lag, and whose gradient reaches back", x=0.01, ha="left", fontsize=15, fontweight="bold"
    )
    named = dict(zip(*reversed(panels[0, 0].get_legend_handles_labels()), strict=True))
    names = [*styles, *(name for name in named if name not in styles)]
    figure.legend(
        [named[name] for name in names], names, loc="outside lower center", ncols=len(names), frameon=False, fontsize=11
    )
    return figure


def _draw_scores(axes: Axes, trials: Sequence[Trial], styles: Mapping[str, Style]) -> None:
    lags = sorted({trial.lag for trial in trials})
    axes.axhline(
        trials[0].baseline, color=GREY, linewidth=1.2, linestyle=(0, (2, 2)), zorder=1, label="answers without looking"
    )
    axes.axhspan(SOLVED, 1.04, color="#E3EFE3", linewidth=0, zorder=0, label="solved")
    for number, (cell, (color, marker, dashes)) in enumerate(styles.items()):
        aside = 1.035 ** (number - (len(styles) - 1) / 2)  # so that points of equal score can all be seen
        own = sorted((trial for trial in trials if trial.cell == cell), key=lambda trial: trial.lag)
        axes.plot(
            [trial.lag * aside for trial in own],
            [trial.score for trial in own],
            color=color, linestyle=dashes, marker=marker, markersize=7.5, linewidth=1.8, markeredgecolor="white",
            label=cell,
        )  # fmt: skip
    axes.set(xscale="log", ylim=(-0.06, 1.04), xlabel="lag T (steps)", xlim=(lags[0] / 1.25, lags[-1] * 1.25))
    axes.set_xticks(lags, [str(lag) for lag in lags])
    axes.xaxis.set_minor_locator(NullLocator())


def _draw_gradients(axes: Axes, trials: Sequence[Trial], styles: Mapping[str, Style]) -> None:
    longest = max(trial.lag for trial in trials)
    for cell, (color, marker, dashes) in styles.items():
        for trial in trials:
            if (trial.cell, trial.lag) != (cell, longest):
                continue
            norms = trial.norms.numpy()
            share = np.full_like(norms, np.nan)
            if norms[0] > 0:
                share = norms / norms[0]
            share[~(share >= FLOOR)] = np.nan
            steps = np.arange(1, len(norms) + 1)
            shown = int(np.isfinite(share).sum())
            axes.plot(
                steps, share, color=color, linestyle=dashes, linewidth=1.8, marker=marker, markersize=6,
                markeredgecolor="white", markevery=max(shown // 4, 1),
            )  # fmt: skip
    axes.set(yscale="log", ylim=(FLOOR, 1e3), xlim=(0, longest), xlabel=f"steps back from the end (T = {longest})")
    axes.yaxis.set_major_locator(LogLocator(numticks=7))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_locator(NullLocator())


def _dress(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(color=GREY, labelcolor=DARK, labelsize=10)
    axes.grid(axis="y", color="#ECECEC", linewidth=0.8)
    axes.set_axisbelow(True)
