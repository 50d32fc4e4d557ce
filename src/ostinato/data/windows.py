"""Windows of a panel: every (context, horizon) pair as index arithmetic over the panel's flat arrays."""

from copy import copy
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch

from ostinato.data.calendar import time_features
from ostinato.data.panel import Panel
from ostinato.data.words import input_names

Places = int | npt.NDArray[np.int64]


class WindowBatch(NamedTuple):
    """Windows of one size; float32 unless said otherwise. B windows, P past, F future, C calendar, S static features.

    A context shorter than the window stands at its end: the steps before it are zeros and not observed.

    Attributes:
        past_target: (B, window) the target up to and with the origin; imputed where not observed.
        past_observed: (B, window) bool.
        past_covariates: (B, window, P).
        past_covariates_observed: (B, window, P) bool.
        past_known: (B, window, F + C) future covariates, then features of the calendar and holidays.
        future_known: (B, horizon, F + C) the same for the steps after the origin.
        static: (B, S).
        series: (B,) int64, the position of the window's series in the panel.
        lengths: (B,) int64, context steps that lie within the series, from 1 to window.
        target: (B, horizon) the target after the origin; imputed where not observed, NaN beyond the panel's data.
        target_observed: (B, horizon) bool.
        origin: (B,) int64, the panel row of the last context step.

    Example:
        >>> from ostinato.data import Panel, Windows
        >>> from ostinato.demos.data import load_embedded
        >>> windows = Windows(Panel.from_table(load_embedded("sunspots")), window=33, horizon=11)
        >>> batch = windows.gather([0, 1, 2])
        >>> batch.past_target.shape, batch.target.shape
        (torch.Size([3, 33]), torch.Size([3, 11]))
    """

    past_target: torch.Tensor
    past_observed: torch.Tensor
    past_covariates: torch.Tensor
    past_covariates_observed: torch.Tensor
    past_known: torch.Tensor
    future_known: torch.Tensor
    static: torch.Tensor
    series: torch.Tensor
    lengths: torch.Tensor
    target: torch.Tensor
    target_observed: torch.Tensor
    origin: torch.Tensor


class Windows:
    """All windows of a panel, listed by series and, within a series, in time.

    A window is its origin: the row of the last context step, with up to `window` rows of context that end there and
    `horizon` rows of target after it. Windows with nothing observed in their context or in their horizon are left out.

    Args:
        panel: the series.
        window: context steps.
        horizon: target steps.
        stride: steps between origins of a series, counted back from its last one.
        minimum_context: the fewest context steps; `window` when None. Below `window`, contexts near a series' start are
            padded on the left.
        origins_from: the first origin allowed, as a position within its series: one number, or one for each series. A
            negative number counts back from the series' end, as in Python.
        origins_to: the position that origins must stay below, given in the same way.
        calendar: whether calendar features stand behind the future covariates.
        holidays: the place whose public holidays are a feature behind them, "DE" or "DE-BY"; None for none.

    Attributes:
        origin: (windows,) int64, the panel row of each window's origin.
        series: (windows,) int64, the series of each.
        known_names: names of the features of `past_known` and `future_known`.

    Example:
        >>> from ostinato.data import Panel, Windows
        >>> from ostinato.demos.data import load_embedded
        >>> panel = Panel.from_table(load_embedded("sunspots"))
        >>> windows = Windows(panel, window=33, horizon=11, stride=11)
        >>> len(windows) < int(panel.lengths[0]) // 11
        True
    """

    def __init__(
        self,
        panel: Panel,
        window: int,
        horizon: int,
        stride: int = 1,
        *,
        minimum_context: int | None = None,
        origins_from: Places | None = None,
        origins_to: Places | None = None,
        calendar: bool = True,
        holidays: str | None = None,
    ) -> None:
        shortest = window if minimum_context is None else minimum_context
        if min(window, horizon, stride, shortest) < 1 or shortest > window:
            raise ValueError(
                f"window {window}, horizon {horizon}, stride {stride} and minimum_context {shortest} must be at least "
                "1, and minimum_context at most window"
            )
        self.panel, self.window, self.horizon = panel, window, horizon
        lengths = panel.lengths
        first = np.full(len(panel), shortest - 1)
        last = lengths - horizon - 1
        if origins_from is not None:
            first = np.maximum(first, _positions(origins_from, lengths))
        if origins_to is not None:
            last = np.minimum(last, _positions(origins_to, lengths) - 1)
        counts = np.maximum((last - first) // stride + 1, 0)
        ends = np.cumsum(counts)
        series = np.repeat(np.arange(len(panel)), counts)
        to_last = ends[series] - 1 - np.arange(len(series))
        self._index(series, panel.offsets[series] + last[series] - to_last * stride)
        seen = np.concatenate([[0], np.cumsum(panel.observed)])
        context = seen[self.origin + 1] - seen[self._starts(np.arange(len(self)))]
        ahead = seen[self.origin + 1 + horizon] - seen[self.origin + 1]
        useful = (context > 0) & (ahead > 0)
        self._index(series[useful], self.origin[useful])
        self._cast(calendar, holidays)

    @classmethod
    def last(
        cls,
        panel: Panel,
        window: int,
        horizon: int,
        ahead: Panel | None = None,
        *,
        calendar: bool = True,
        holidays: str | None = None,
    ) -> Self:
        """The one window of each series that ends at its last row: what a forecast starts from.

        Args:
            panel: the series.
            window: context steps; shorter series are padded on the left.
            horizon: steps to forecast.
            ahead: `panel.ahead(horizon, source)`. It may be left out when the panel has no future covariates.

        Returns:
            Windows in the order of the panel's series, whose `panel` goes on for `horizon` rows; their targets are NaN
            and not observed.
        """
        ahead = panel.ahead(horizon) if ahead is None else ahead
        if not (ahead.lengths == horizon).all():
            raise ValueError(f"the rows ahead must be {horizon} for every series, the horizon")
        self = cls.__new__(cls)
        self.panel = panel.extend(ahead)
        self.window, self.horizon = window, horizon
        self._index(np.arange(len(panel)), self.panel.offsets[1:] - horizon - 1)
        self._cast(calendar, holidays)
        return self

    def __len__(self) -> int:
        """The number of windows."""
        return len(self.origin)

    def spread(self, most: int) -> Self:
        """At most so many of these windows, evenly spread over series and time; all where there are no more."""
        if len(self) <= most:
            return self
        return self._chosen(np.linspace(0, len(self) - 1, most).round().astype(np.int64))

    def of_series(self, series: npt.NDArray[np.int64]) -> Self:
        """Those of some series."""
        return self._chosen(np.flatnonzero(np.isin(self.series, series)))

    def in_time_order(self) -> Self:
        """The same windows, those of all series together in the order of their origins' times."""
        return self._chosen(np.argsort(self.panel.times[self.origin], kind="stable"))

    def _chosen(self, rows: npt.NDArray[np.int64]) -> Self:
        """Those at some positions; what they are cut from is shared."""
        some = copy(self)
        some._index(self.series[rows], self.origin[rows])
        return some

    @property
    def numbers(self) -> int:
        """How many numbers one window holds, to tell how many windows fit into memory."""
        known, past = len(self.known_names), int(self.panel.past.shape[1])
        return self.window * (2 + 2 * past + known) + self.horizon * (2 + known)

    def gather(self, indices: npt.NDArray[np.int64] | torch.Tensor) -> WindowBatch:
        """The windows at `indices` (B,) as tensors on the CPU."""
        chosen = np.asarray(indices, np.int64)
        origin, series = self.origin[chosen], self.series[chosen]
        lengths = origin + 1 - self._starts(chosen)
        before = np.arange(self.window) < self.window - lengths[:, None]

        def past(rows: npt.NDArray[Any]) -> torch.Tensor:
            """The rows of each context, and zeros before its series begins."""
            taken = _slices(rows, origin + 1, self.window)
            taken[before] = 0
            return torch.from_numpy(taken)

        def later(rows: npt.NDArray[Any]) -> torch.Tensor:
            return torch.from_numpy(_slices(rows, origin + 1 + self.window, self.horizon))

        return WindowBatch(
            past_target=past(self._target),
            past_observed=past(self._observed),
            past_covariates=past(self._past),
            past_covariates_observed=past(self._past_observed),
            past_known=past(self._known),
            future_known=later(self._known),
            static=torch.from_numpy(self._static[series]),
            series=torch.from_numpy(series),
            lengths=torch.from_numpy(lengths),
            target=later(self._target),
            target_observed=later(self._observed),
            origin=torch.from_numpy(origin),
        )

    def context(self, batch: WindowBatch) -> npt.NDArray[np.float64]:
        """The targets of `past_target` (B, window) in full precision; before the first step of a series its value."""
        origin, lengths = batch.origin.numpy()[:, None], batch.lengths.numpy()[:, None]
        rows = np.maximum(origin + np.arange(1 - self.window, 1), origin - lengths + 1)
        return np.asarray(self.panel.target[rows])

    def _index(self, series: npt.NDArray[np.int64], origin: npt.NDArray[np.int64]) -> None:
        self.series, self.origin = series, origin

    def _starts(self, chosen: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The first context row of each chosen window."""
        return np.maximum(self.panel.offsets[self.series[chosen]], self.origin[chosen] - self.window + 1)

    def _cast(self, calendar: bool, holidays: str | None) -> None:
        """Keep the arrays that windows are cut from, a window of zeros before each: casting once is as casting all."""
        panel = self.panel
        times = panel.clock.local(panel.times)
        features, names = time_features(times, panel.frequency, calendar=calendar, holidays=holidays)
        self.known_names = (*input_names(panel.names.future, panel.names.categories), *names)

        def behind_zeros(rows: npt.NDArray[Any], kind: type = np.float32) -> npt.NDArray[Any]:
            kept = np.zeros((self.window + len(rows), *rows.shape[1:]), kind)
            kept[self.window :] = rows
            return kept

        self._target, self._past = behind_zeros(panel.target), behind_zeros(panel.past)
        self._observed = behind_zeros(panel.observed, np.bool_)
        self._past_observed = behind_zeros(panel.past_observed, np.bool_)
        self._known = behind_zeros(np.concatenate([panel.future.astype(np.float32), features], axis=1))
        self._static = panel.static.astype(np.float32)


def _slices(rows: npt.NDArray[Any], starts: npt.NDArray[np.int64], length: int) -> npt.NDArray[Any]:
    """From each start so many rows ``(B, length, ...)``, each slice copied whole: ten times as fast as row by row."""
    shape = (max(len(rows) - length + 1, 0), length, *rows.shape[1:])
    slices = np.lib.stride_tricks.as_strided(rows, shape, (rows.strides[0], *rows.strides), writeable=False)
    return slices[starts]


def _positions(places: Places, lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Positions within each series, negative ones counted back from its end."""
    given = np.broadcast_to(np.asarray(places, np.int64), lengths.shape)
    return np.where(given < 0, given + lengths, given)
