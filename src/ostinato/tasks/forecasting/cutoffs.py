"""Forecasts from past cutoffs, one row each: what cross-validation over time gives."""

from typing import Any

import numpy as np
import pandas as pd

from ostinato.tasks.forecasting.backtest import batches
from ostinato.tasks.forecasting.model import ForecasterModel
from ostinato.tasks.forecasting.split import PanelPart


def forecasts_from_cutoffs(model: ForecasterModel, part: PanelPart, stride: int) -> pd.DataFrame:
    """Every forecast of some rows of a panel, and what came.

    Args:
        model: Fitted on no row of the part.
        part: The rows to forecast; those before them are the past.
        stride: Steps from one cutoff to the next, counted back from the last.

    Returns:
        One row per series, cutoff and step: the id, the time, "cutoff" (the last time that was known), "y" (missing
        where it was), "forecast", and "q0.1" and so on.
    """
    panel, horizon = part.panel, model.settings.horizon
    scales = model.standardiser.scales_of(panel, panel.offsets[:-1] + part.start)
    windows = part.windows(model.standardiser.transform(panel, scales), model.settings, stride=stride)
    forecast, frames = model.adapting_on(panel), []
    for batch in batches(windows.in_time_order()):
        point, quantiles = forecast(batch)
        units, origin = scales.rows(batch.series.numpy()), batch.origin.numpy()
        rows = (origin[:, None] + np.arange(1, horizon + 1)).ravel()
        columns: dict[str, Any] = {
            panel.names.id or "unique_id": panel.ids[panel.codes[rows]].astype(object),
            panel.names.time or "step": panel.clock.written(panel.times[rows]),
            "cutoff": panel.clock.written(panel.times[np.repeat(origin, horizon)]),
            "y": np.where(panel.observed[rows], panel.target[rows], np.nan),
        }
        back = model.standardiser.back
        columns |= model.columns(back(point, units), None if quantiles is None else back(quantiles, units))
        frames.append(pd.DataFrame(columns | {"row": rows, "origin": np.repeat(origin, horizon)}))
    return pd.concat(frames).sort_values(["origin", "row"], ignore_index=True).drop(columns=["row", "origin"])
