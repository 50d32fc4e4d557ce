"""A picture of what attention looked at."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ostinato.palette import DARK
from ostinato.tasks.translation.attention import Attention

SQUARE = 0.3
"""Inches of one weight..."""
MOST = 24.0
"""...but at most so many of a side."""


def plot_attention(attention: Attention) -> Figure:
    """Draws the weights as a heat map, the source along the top, the translation down the side."""
    rows, columns = attention.weights.shape
    figure = Figure(figsize=(min(2.2 + SQUARE * columns, MOST), min(1.6 + SQUARE * rows, MOST)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    picture = axes.imshow(attention.weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    letters = all(len(unit) == 1 for unit in attention.source[1:-1])  # the first may be a tag, the last is the end
    axes.xaxis.tick_top()
    axes.set_xticks(range(columns), [_shown(unit) for unit in attention.source])
    axes.set_yticks(range(rows), [_shown(unit) for unit in attention.target])
    axes.tick_params(length=0, labelsize=9, labelcolor=DARK)
    for label in axes.get_xticklabels():
        if not letters or len(label.get_text()) > 1:
            label.set(rotation=45, ha="left", rotation_mode="anchor")
    axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("read", color=DARK)
    axes.xaxis.set_label_position("top")
    axes.set_ylabel("written", color=DARK)
    bar = figure.colorbar(picture, ax=axes, format=PercentFormatter(1), shrink=0.6, aspect=25)
    bar.set_label("share of attention", color=DARK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=8, labelcolor=DARK)
    return figure


def _shown(unit: str) -> str:
    """A unit that can be seen: a blank as an open box; a dollar sign would begin a formula."""
    return "␣" if unit == " " else unit.strip(" ").replace("\n", "↵").replace("$", r"\$")
