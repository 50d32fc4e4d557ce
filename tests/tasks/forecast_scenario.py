"""Small tables and forecasters for the tests of forecasting."""

import os
import signal
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn

from ostinato import Forecaster
from ostinato.cells import Cell
from ostinato.training import TrainingLogger

TINY = {
    "horizon": 5,
    "window": 12,
    "hidden_size": 8,
    "epochs": 2,
    "batch_size": 16,
    "batches_per_epoch": 4,
    "quantiles": (0.1, 0.5, 0.9),
    "peers": False,
}
COVARIATES = {"past": ("wind", "rain"), "future": ("promo",), "static": ("size", "region")}


class LeakyState(NamedTuple):
    h: torch.Tensor


class Leaky(Cell[LeakyState]):
    """A user's own cell."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.inputs = nn.Linear(input_size, hidden_size)
        self.weight_hh = self.new_weight(hidden_size, hidden_size)

    def initial_state(self, batch_size, device=None, dtype=None):
        return LeakyState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x, state):
        h = 0.5 * state.h + 0.5 * torch.tanh(self.inputs(x) + state.h @ self.weight_hh.T)
        return h, LeakyState(h)


def wide(rows=90, *columns, seed=0, missing=0.0, freq="D"):
    """A wide table, column "ds" and a series a column ("y" unless named): weekly season, level and noise."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-06", periods=rows, freq=freq)})
    for number, name in enumerate(columns or ("y",)):
        values = 100 * (number + 1) + 10 * np.sin(2 * np.pi * np.arange(rows) / 7) + random.normal(size=rows)
        values[random.random(rows) < missing] = np.nan
        frame[name] = values
    return frame


def long(lengths=(80, 70, 60), seed=0, missing=0.15):
    """A long table with covariates of every kind; targets and past covariates have holes."""
    random = np.random.default_rng(seed)
    frames = []
    for number, rows in enumerate(lengths):
        season = np.sin(2 * np.pi * (np.arange(rows) + number) / 7)
        wind, rain, promo = random.normal(size=(3, rows))
        promo = (promo > 0.8).astype(float)
        y = 50 * 10**number * (1 + 0.2 * season + 0.3 * promo + 0.02 * random.normal(size=rows))
        holes = random.random((3, rows)) < missing
        holes[0, [0, -1]] = False
        frames.append(
            pd.DataFrame(
                {
                    "unique_id": f"shop {number}",
                    "ds": pd.date_range("2024-01-01", periods=rows, freq="D"),
                    "y": np.where(holes[0], np.nan, y),
                    "wind": np.where(holes[1], np.nan, wind),
                    "rain": np.where(holes[2], np.nan, rain),
                    "promo": promo,
                    "size": 3.0 + number,
                    "region": ("north", "south")[number % 2],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def ahead(frame, horizon, seed=1):
    """Rows with the future covariate for the steps after the end of each series, and no target."""
    random = np.random.default_rng(seed)
    frames = []
    for name, one in frame.groupby("unique_id", sort=False):
        times = pd.date_range(one["ds"].iloc[-1], periods=horizon + 1, freq="D")[1:]
        promo = random.integers(0, 2, horizon).astype(float)
        frames.append(
            pd.DataFrame({"unique_id": name, "ds": times, "promo": promo} | dict(one.iloc[-1][["size", "region"]]))
        )
    return pd.concat(frames, ignore_index=True)


class _Killer(TrainingLogger):
    """Kills the process after an optimiser step, with no chance to clean up."""

    def __init__(self, step):
        super().__init__(progress=False)
        self.step = step

    def record(self, record):
        super().record(record)
        if record.step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def interruptible():
    return Forecaster(**TINY | {"epochs": 3, "checkpoint_every": 3, "cell": "lstm", "num_layers": 2} | COVARIATES)


def fit_until_killed(folder):
    """Trains in this process, which is killed after step 7 of 12, in mid-epoch; a checkpoint is there from step 6."""
    torch.set_num_threads(1)
    interruptible().fit(long(), holdout=0.2, folder=folder, logger=_Killer(7))
