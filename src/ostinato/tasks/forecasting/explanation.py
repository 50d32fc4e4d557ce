"""Why a forecast came out as it did: what each lag and each covariate of its window contributes."""

import io
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import Tensor

from ostinato.data import Panel, WindowBatch
from ostinato.data.calendar import period_of
from ostinato.data.words import column_of
from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.model import ForecasterModel
from ostinato.tasks.forecasting.network import ForecastNetwork
from ostinato.tasks.forecasting.scaling import scale_window

Array = npt.NDArray[np.float64]

INPUTS = ("past_target", "past_covariates", "past_known", "future_known", "static")
"""Of a `WindowBatch`: the numbers that a network reads; what is observed is the same on the whole path."""

MISSED = 0.01
"""Share of all contributions to a step by which their sum may miss the difference that they explain."""

ROUNDED = 1e-6
"""Of the unit of a series: what sums of single precision may miss, however little the contributions are."""

MOST_FACTOR = 16
"""Times as many points as asked for that are taken where contributions do not add up yet."""

NEAR = 1e-4
"""How near to a forecast, at unit scale, its slope in the target's own units is measured."""

SHOWN = 8
"""Lags in the table for a terminal."""


class Input(NamedTuple):
    """What a contribution is of.

    Attributes:
        feature: The target, a covariate, or a period of the calendar.
        lag: Steps before the first one of the forecast: 1 is the newest row. None for what is not in the past.
        ahead: The step of the forecast that it belongs to, from 1. None for what is not in the future.
    """

    feature: str
    lag: int | None = None
    ahead: int | None = None


@dataclass(frozen=True, eq=False)
class ForecastExplanation:
    """What a forecast is made of.

    Contributions are integrated gradients (Sundararajan, Taly & Yan 2017, "Axiomatic Attribution for Deep Networks",
    equation 1) of the median (or of the point; of a distribution of counts, of its mean) along the straight line from a
    baseline to the window: for each step of the horizon they add up to what its forecast is above that of the baseline.
    The baseline is a window of the same series, length and gaps in which nothing happens: the target stays at the mean
    of its last segment, covariates at that of the training part, the calendar at none. Contributions are in the units
    of the target; where the network works with logarithms or powers, the line is straight in these.

    Attributes:
        target: The target's name.
        id: The series.
        times: ``(horizon,)``.
        forecast: ``(horizon,)``.
        baseline: ``(horizon,)``, what is forecast from the baseline.
        inputs: What was looked at; the words of a covariate are one, and so are sine and cosine.
        contributions: ``(horizon, inputs)``.
    """

    target: str
    id: str
    times: Any
    forecast: Array
    baseline: Array
    inputs: tuple[Input, ...]
    contributions: Array

    def table(self, *, by_step: bool = False) -> pd.DataFrame:
        """One row an input: "feature", "lag" or "ahead", "contribution" to the mean over the horizon.

        Args:
            by_step: One row for each "step" of the horizon, too, with its own contribution.
        """
        steps = range(1, len(self.forecast) + 1) if by_step else (None,)
        rows = self.contributions if by_step else self.contributions.mean(axis=0, keepdims=True)
        table = pd.DataFrame([(step, *each) for step in steps for each in self.inputs])
        table = table.set_axis(["step", *Input._fields], axis=1).astype({"lag": "Int64", "ahead": "Int64"})
        table = table.assign(contribution=rows.ravel())
        return table if by_step else table.drop(columns="step")

    def features(self) -> pd.DataFrame:
        """One row a feature, over all its lags and steps ahead, the one that moves most first.

        Returns:
            "feature", "contribution" (to the mean over the horizon), and "share" of the size of all contributions.
        """
        table = self.table()
        size = table["contribution"].abs().groupby(table["feature"], sort=False).sum()
        summed = table.groupby("feature", sort=False)["contribution"].sum().to_frame()
        summed = summed.assign(share=size / (size.sum() or 1.0))
        return summed.sort_values("share", ascending=False, kind="stable").reset_index()

    def lags(self) -> pd.Series:
        """Contributions of the target's own past to the mean over the horizon, by lag."""
        table = self.table()
        own = table[(table["feature"] == self.target) & table["lag"].notna()]
        return own.astype({"lag": int}).set_index("lag")["contribution"].sort_index()

    def plot(self, path: str | Path) -> None:
        """Draws the contributions of lags and covariates into a PNG file.

        Raises:
            OstinatoError: It cannot be written.
        """
        from ostinato.tasks.forecasting.explanation_plot import plot_explanation  # not before: matplotlib is slow
        from ostinato.tasks.plot import save_plot

        save_plot(plot_explanation(self), path)

    def headline(self) -> str:
        """What is explained."""
        first, last = (str(pd.Series(self.times).iloc[place]).removesuffix(" 00:00:00") for place in (0, -1))
        name = self.target if self.id == self.target else f"{self.target} of {self.id}"
        when = first if len(self.forecast) == 1 else f"{first} to {last}"
        mean, flat = self.forecast.mean(), self.baseline.mean()
        on_average = " on average" * (len(self.forecast) > 1)
        return (
            f"{name}, {when}: {mean:.6g}{on_average}, {mean - flat:+.4g} beside a window in which nothing happens "
            f"({flat:.6g})"
        )

    def rich(self) -> Table:
        """The features, and the lags of the target that move most, for a terminal."""
        table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
        table.add_column("input")
        table.add_column("contribution", justify="right")
        table.add_column("share", justify="right")
        lags = self.lags()
        strongest = lags.loc[lags.abs().sort_values(ascending=False, kind="stable").index[:SHOWN]]
        for feature, contribution, share in self.features().itertuples(index=False):
            table.add_row(Text(feature), f"{contribution:+.4g}", f"{share:.1%}")
            for lag, part in strongest.items() if feature == self.target else ():
                table.add_row(f"  lag {lag}", f"{part:+.4g}")
        return table

    def __str__(self) -> str:
        """As plain text."""
        text = io.StringIO()
        console = Console(file=text, width=120, color_system=None, markup=False, highlight=False)
        console.print(self.headline(), soft_wrap=True)
        console.print(self.rich())
        return text.getvalue().rstrip("\n")


def explained(model: ForecasterModel, panel: Panel, later: Panel, id: str | None, steps: int) -> ForecastExplanation:
    """Explains the forecast after the end of one series.

    Args:
        model: The fitted model.
        panel: The past.
        later: The steps to forecast, with their known covariates.
        id: The series to explain; None: the only one.
        steps: Points on the line from the baseline to the window, and as many more, up to `MOST_FACTOR` times, as
            contributions need to add up (see `MISSED`): where quantiles cross, or a forecast is held at 0, it bends.

    Raises:
        OstinatoError: There is no such series, or several and none is named; contributions do not add up even so.
    """
    if steps < 1:
        raise OstinatoError(f"steps must be at least 1, got {steps}")
    if id is None and len(panel) > 1:
        raise OstinatoError(f"the data hold {len(panel)} series: say which one to explain, id={str(panel.ids[0])!r}")
    name = str(panel.ids[0]) if id is None else str(id)
    panel, later = panel.named(name), later.named(name)
    scales = model.standardiser.scales_of(panel, panel.offsets[1:])
    windows = model.last_windows(panel, later, scales)
    batch = windows.gather(np.arange(1))
    batch = batch._replace(series=model.numbers_of(panel)[batch.series])
    network = model.network if model.settings.on_device.type == "cpu" else deepcopy(model.network).cpu()
    flat = baseline(batch, network.segment)

    def back(values: Array) -> Array:
        return model.standardiser.back(values, scales.rows(np.zeros(len(values), np.int64)))

    def slope(values: Array) -> Array:
        return (back(values + NEAR) - back(values - NEAR)) / (2 * NEAR)

    with torch.no_grad():
        at_ends = np.concatenate([_middle(network, each).double().numpy() for each in (batch, flat)])
    ends = back(at_ends)
    names, rounded = _names(model, panel, windows.known_names), ROUNDED * float(slope(at_ends).max())
    for points in (steps, MOST_FACTOR // 4 * steps, MOST_FACTOR * steps):
        parts = integrated_gradients(network, batch, flat, points, slope)
        inputs, contributions = _by_input(parts, names, int(batch.lengths[0]))
        missed = np.abs(contributions.sum(axis=1) - (ends[0] - ends[1])).max()
        if missed <= MISSED * np.abs(contributions).sum(axis=1).max() + rounded:
            break
    else:
        raise OstinatoError(f"with {points} steps contributions miss the forecast by {missed:.3g}: steps={4 * points}")
    return ForecastExplanation(
        target=panel.names.target,
        id=str(panel.ids[0]),
        times=later.clock.written(later.times),
        forecast=ends[0],
        baseline=ends[1],
        inputs=inputs,
        contributions=contributions,
    )


def baseline(batch: WindowBatch, segment: int) -> WindowBatch:
    """Windows in which nothing happens: see `ForecastExplanation`."""
    level = scale_window("level", batch.past_target, batch.past_observed, 1, segment).location
    inside = torch.arange(batch.past_target.shape[1]) >= batch.past_target.shape[1] - batch.lengths[:, None]
    nothing = {name: torch.zeros_like(getattr(batch, name)) for name in INPUTS}
    return batch._replace(**nothing | {"past_target": level * inside})


def integrated_gradients(
    network: ForecastNetwork,
    batch: WindowBatch,
    flat: WindowBatch,
    steps: int,
    slope: Callable[[Array], Array] = np.ones_like,
) -> dict[str, Array]:
    """What each input of a window contributes to each step of its forecast.

    The integral over the line from `flat` to `batch` is a sum over midpoints, closer together where it begins: there a
    window that is scaled by its own spread changes fastest.

    Args:
        network: In evaluation mode, on the CPU.
        batch: One window.
        flat: Its baseline.
        steps: Midpoints.
        slope: Of the forecast in other units, at forecasts ``(steps, horizon)``: those that contributions are to be in.

    Returns:
        Of each of `INPUTS` ``(horizon, ...)``, the shape of the input behind it.
    """
    ends = (torch.arange(steps + 1, dtype=torch.float64) / steps) ** 2
    places, widths = (ends[1:] + ends[:-1]) / 2, ends.diff()
    change = {name: getattr(batch, name) - getattr(flat, name) for name in INPUTS}
    line = {}
    for name, each in change.items():
        share = places.to(each.dtype).view(-1, *[1] * (each.ndim - 1))
        line[name] = (getattr(flat, name) + share * each).requires_grad_()
    same = {name: each.expand(steps, *each.shape[1:]) for name, each in batch._asdict().items() if name not in line}
    middle = _middle(network, WindowBatch(**same, **line))
    weight = torch.from_numpy(slope(middle.detach().double().numpy())) * widths[:, None]
    parts: dict[str, list[Array]] = {name: [] for name in INPUTS}
    for total in (middle * weight.to(middle.dtype)).sum(dim=0):
        gradients = torch.autograd.grad(total, list(line.values()), retain_graph=True, materialize_grads=True)
        for (name, each), gradient in zip(change.items(), gradients, strict=True):
            parts[name].append((gradient.double().sum(dim=0) * each[0].double()).numpy())
    return {name: np.stack(each) for name, each in parts.items()}


def _middle(network: ForecastNetwork, batch: WindowBatch) -> Tensor:
    """The median or the point that a network forecasts, at unit scale, ``(batch, horizon)``."""
    out: Tensor = network(batch)
    settings = network.settings
    if settings.output != "quantiles":
        return out[..., 0]
    return out.sort(dim=-1).values[..., settings.quantiles.index(0.5)]


def _names(model: ForecasterModel, panel: Panel, known: Sequence[str]) -> dict[str, list[str]]:
    """The features that the columns of each of `INPUTS` belong to."""
    names, sizes = panel.names, model.sizes
    past = [column_of(place, names.past, names.categories) for place in range(sizes.past)]
    given = panel.future.shape[1]
    ahead = [column_of(place, names.future, names.categories) for place in range(given)]
    ahead += [period_of(name) for name in known[given:]]
    return {
        "past_target": [names.target],
        "past_covariates": past,
        "past_known": ahead,
        "future_known": ahead,
        "static": list(names.static),
    }


def _by_input(parts: dict[str, Array], names: dict[str, list[str]], length: int) -> tuple[tuple[Input, ...], Array]:
    """Inputs, and their contributions ``(horizon, inputs)``; steps before the beginning of a series have none."""
    summed: dict[Input, Array] = {}
    for name, part in parts.items():
        columns = part[..., None] if name == "past_target" else part
        columns = columns[:, None] if name == "static" else columns  # (horizon, time, features)
        for place in range(columns.shape[1]):
            lag = columns.shape[1] - place
            if name.startswith("past") and lag > length:
                continue
            for number, feature in enumerate(names[name]):
                if name == "static":
                    key = Input(feature)
                elif name == "future_known":
                    key = Input(feature, ahead=place + 1)
                else:
                    key = Input(feature, lag=lag)
                summed[key] = summed.get(key, 0.0) + columns[:, place, number]
    return tuple(summed), np.stack(list(summed.values()), axis=1)
