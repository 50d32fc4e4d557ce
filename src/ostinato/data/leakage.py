"""Covariates that give the answer away: the target itself or a shift of it, where a forecast could not know it."""

import numpy as np
import numpy.typing as npt

from ostinato.data.panel import Panel
from ostinato.data.words import input_names
from ostinato.errors import OstinatoError

_ROWS = 20_000  # enough evidence; more rows only cost time
_FEWEST = 10
_EXACT = 1e-9


def check_leakage(panel: Panel, horizon: int) -> None:
    """Raise when a covariate is an exact affine image of target values that lie within the forecast.

    A future covariate is known for all of the next `horizon` steps, so it gives the target away when its value at t is
    that of the target at any of t - horizon + 1, ..., t + horizon; only lags of `horizon` steps and more are known in
    truth. A past covariate is known up to now, so it gives the target away when its value at t is that of the target
    at t + 1, ..., t + horizon. "Is" means: after the best affine fit, less than 1e-9 of the variance is left, over at
    least 10 rows. A target that is an exact affine image of its own last value (a straight line) is not judged.

    Args:
        panel: the panel, before any split; up to 20,000 rows of series spread over it are looked at.
        horizon: steps of a forecast.

    Raises:
        OstinatoError: naming the column and the shift.

    Example:
        >>> import numpy as np
        >>> import pandas as pd
        >>> from ostinato.data import Panel, PanelSpec, check_leakage
        >>> y = np.random.default_rng(0).normal(size=200)
        >>> table = pd.DataFrame({"step": range(200), "y": y, "plan": 2 * y + 1})
        >>> check_leakage(Panel.from_table(table, PanelSpec(target="y", future=("plan",))), horizon=10)
        Traceback (most recent call last):
            ...
        ostinato.errors.OstinatoError: ...
    """
    panel = _sample(panel)
    codes = panel.codes

    def same(column: npt.NDArray[np.float64], known: npt.NDArray[np.bool_], shift: int) -> bool:
        """Whether column[t] is the target at t + shift, within each series."""
        rows = np.arange(max(0, -shift), len(codes) - max(0, shift))
        later = rows + shift
        rows, later = (side[codes[rows] == codes[later]] for side in (rows, later))
        pairs = known[rows] & panel.observed[later]
        return _affine(column[rows[pairs]], panel.target[later[pairs]])

    if same(panel.target, panel.observed, 1):
        return
    for i, name in enumerate(input_names(panel.names.future, panel.names.categories)):
        column, known = panel.future[:, i], np.ones(len(codes), np.bool_)
        for shift in sorted(range(1 - horizon, horizon + 1), key=abs):
            if same(column, known, shift):
                raise _leak(panel, name, shift, "known into the future", f"lag it by {horizon} steps or more")
    for i, name in enumerate(input_names(panel.names.past, panel.names.categories)):
        for shift in range(1, horizon + 1):
            if same(panel.past[:, i], panel.past_observed[:, i], shift):
                raise _leak(panel, name, shift, "known in the past", "lag it")


def _leak(panel: Panel, column: str, shift: int, known: str, mend: str) -> OstinatoError:
    when = "itself" if shift == 0 else f"{abs(shift)} steps {'later' if shift > 0 else 'earlier'}"
    return OstinatoError(
        f"column {column!r}, named as {known}, is the target {panel.names.target!r} {when}: "
        f"it gives the forecast away: leave it out, or {mend}"
    )


def _affine(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> bool:
    if len(x) < _FEWEST:
        return False
    x, y = x - x.mean(), y - y.mean()
    spread = float(x @ x) * float(y @ y)
    return spread > 0 and float(x @ y) ** 2 > (1 - _EXACT) * spread


def _sample(panel: Panel) -> Panel:
    """Whole series spread over the panel, and of each its last rows, up to about `_ROWS` in all."""
    if len(panel.times) <= _ROWS:
        return panel
    keep = np.unique(np.linspace(0, len(panel) - 1, min(len(panel), _ROWS // 200)).astype(np.int64))
    lengths = np.zeros(len(panel), np.int64)
    lengths[keep] = np.minimum(panel.lengths[keep], max(_ROWS // len(keep), 1))
    return panel.tail(lengths)
