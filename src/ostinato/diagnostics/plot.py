"""Pictures of an examination, for a laptop's screen and any colour vision."""

import math
from collections.abc import Sequence
from itertools import cycle

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from ostinato.diagnostics.activity import Gate, Units
from ostinato.diagnostics.flow import SHARE, GradientFlow
from ostinato.diagnostics.lags import DataLags
from ostinato.diagnostics.layers import Layer
from ostinato.diagnostics.memory_span import MemorySpan
from ostinato.diagnostics.spectrum import StepSpectrum
from ostinato.palette import BLUE, DARK, GREEN, GREY, LINES, ORANGE

DEEPEST = 1e-12
"""Share of the largest gradient at which the axis ends: nothing below it is learned from in any number format."""


def figure(height: float = 3.6) -> tuple[Figure, Axes]:
    """An empty picture with one pair of axes."""
    made = Figure(figsize=(8, height), layout="constrained")
    FigureCanvasAgg(made)
    axes = made.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#eeeeee")
    axes.set_axisbelow(True)
    return made, axes


def plot_flow(flows: Sequence[GradientFlow], needed: int | None = None) -> Figure:
    """The gradient of the last step's loss with respect to the state of k steps before, for every lag k.

    Args:
        flows: One line each, with a band from the 10 % to the 90 % quantile of the rows.
        needed: The lag that the data need, drawn as a mark.
    """
    made, axes = figure()
    largest = max((_largest(flow.typical) for flow in flows), default=1.0) or 1.0
    reached = []
    for flow, (colour, dashes) in zip(flows, cycle(LINES), strict=False):
        typical = _numbers(flow.typical)
        lags = np.arange(1, len(typical) + 1)
        shown = _shown(typical, largest)
        axes.plot(lags, shown, color=colour, linestyle=dashes, lw=1.8, label=_of_flow(flow))
        if flow.reach:
            reached.append(axes.plot(flow.reach, shown[flow.reach - 1], "o", color=colour, ms=5, clip_on=False)[0])
        low, high = (_numbers(edge) for edge in flow.band())
        axes.fill_between(lags, _shown(low, largest), _shown(high, largest), color=colour, alpha=0.15, lw=0)
    if reached:
        reached[-1].set_label(f"the last lag with {SHARE:.0%} of a line's largest")
    if needed is not None:
        _mark(axes, needed, f"the data need {needed}")
    axes.set_yscale("log")
    axes.set_xlim(1, max([2, *(len(flow.typical) for flow in flows)]))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("lag k (steps before the last)")
    axes.set_ylabel("norm of ∂ loss at T / ∂ state at T − k")
    _legend(axes)
    return made


def plot_memory(span: MemorySpan, lags: DataLags | None = None) -> Figure:
    """How far back the input still changes the output, beside how far back the data tell something.

    Args:
        span: Of a recurrent module.
        lags: Of the data.
    """
    made, axes = figure()
    for found, effect, (colour, dashes), name in (
        (span.lags, span.by_perturbation, LINES[0], "output changed by another input"),
        (span.gradient_lags, span.by_gradient, LINES[1], "gradient of the output"),
    ):
        shown = _shown(_numbers(effect), 1.0)
        axes.plot(_numbers(found), shown, color=colour, linestyle=dashes, lw=1.8, label=name)
    if lags is not None and len(lags.lags):
        told = _numbers(lags.information)
        top = float(told.max(initial=0.0))
        stands_out = told > lags.threshold
        if stands_out.any():
            there = _numbers(lags.lags)[stands_out]
            axes.plot(there, told[stands_out] / top, ".", color=GREEN, ms=6, label=_of_data(top))
        if lags.needed is not None:
            _mark(axes, lags.needed, f"the data need {lags.needed}")
    axes.axhline(span.share, color=GREY, lw=1, linestyle=(0, (2, 2)))
    axes.set_yscale("log")
    axes.set_ylim(bottom=min(span.share / 10, 1e-4), top=2)
    axes.set_xlim(left=0, right=max(1.0, float(span.gradient_lags[-1])))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("lag (steps before the last)")
    axes.set_ylabel("share of the largest effect")
    _legend(axes)
    return made


def plot_activity(gates: Sequence[Gate], units: Sequence[Units]) -> Figure:
    """How open the gates are, and how many units are dead or saturated, as horizontal bars."""
    rows = [
        (f"{gate.layer}\n{gate.name} gate", (gate.share_low, 1 - gate.share_low - gate.share_high, gate.share_high))
        for gate in gates
    ]
    rows += [
        (f"{own.layer}\nunits of {own.state}", (own.dead, max(1 - own.dead - own.saturated, 0.0), own.saturated))
        for own in units
    ]
    made, axes = figure(1.4 + 0.4 * len(rows))
    places = np.arange(len(rows))[::-1]
    left = np.zeros(len(rows))
    labels = ("below 0.05, or never changing", "between", "above 0.95, or saturated")
    for number, (colour, label) in enumerate(zip((ORANGE, "#dddddd", BLUE), labels, strict=True)):
        widths = np.array([100 * shares[number] for _, shares in rows])
        axes.barh(places, widths, left=left, color=colour, height=0.7, label=label, edgecolor="white", lw=0.5)
        left += widths
    axes.set_yticks(places, [name for name, _ in rows], fontsize=8)
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of values or units (%)")
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    return made


def plot_steps(steps: dict[Layer, StepSpectrum], exponents: dict[Layer, Tensor]) -> Figure:
    """The singular values of one step, as the data drive it: above 1 it stretches a direction, below it shrinks it."""
    made, axes = figure()
    for (layer, step), (colour, dashes) in zip(steps.items(), cycle(LINES), strict=False):
        values = _shown(_numbers(step.singular), float(step.singular.max()))
        found = exponents.get(layer)
        label = f"{layer}: spectral radius {step.radius:.3g}"
        label += "" if found is None or not len(found) else f", largest Lyapunov exponent {float(found[0]):.3g}"
        axes.plot(np.arange(1, len(values) + 1), values, color=colour, linestyle=dashes, lw=1.8, label=label)
    axes.axhline(1, color=GREY, lw=1, linestyle=(0, (2, 2)))
    axes.set_yscale("log")
    axes.set_xlim(left=1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("direction of the state, the most stretched first")
    axes.set_ylabel("singular value of a step")
    _legend(axes)
    return made


def _legend(axes: Axes) -> None:
    """Names of the lines, where they hide least; a mark that lies beneath stays away from the letters."""
    axes.legend(fontsize=8, loc="best", framealpha=0.85, edgecolor="none")


def _of_flow(flow: GradientFlow) -> str:
    rate = flow.rate
    if math.isnan(rate):
        return f"{flow}: too few lags" if flow.reach else f"{flow}: no gradient"
    return f"{flow}: ×{math.exp(rate):.3g} a step"


def _of_data(top: float) -> str:
    return f"information in the data above chance (1 is {top:.2g} nats)"


def _mark(axes: Axes, lag: int, words: str) -> None:
    axes.axvline(lag, color=DARK, lw=1, linestyle=(0, (4, 2)))
    _write(axes, words, (lag, 0.02), ("data", "axes fraction"), rotation=90)


def _write(axes: Axes, words: str, place: tuple[float, float], units: tuple[str, str], rotation: float = 0) -> None:
    """A few words beside a line, which take no room from the axes."""
    note = axes.annotate(
        words, place, xycoords=units, rotation=rotation, ha="right", va="bottom", fontsize=8, color=DARK
    )
    note.set_in_layout(False)


def _numbers(tensor: Tensor) -> npt.NDArray[np.float64]:
    return np.asarray(tensor.detach().to(torch.float64).cpu().numpy())


def _largest(tensor: Tensor) -> float:
    finite = tensor[tensor.isfinite()]
    return float(finite.amax()) if len(finite) else 0.0


def _shown(values: npt.NDArray[np.float64], largest: float) -> npt.NDArray[np.float64]:
    """What a logarithmic axis can show of some values: those of more than `DEEPEST` of the largest."""
    return np.where(np.isfinite(values) & (values > DEEPEST * largest), values, np.nan)
