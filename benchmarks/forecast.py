"""Forecasting public data sets with the standard splits: one line a model, MSE and MAE over all test windows.

    OSTINATO_DATA=path/to/data python benchmarks/forecast.py --dataset etth1 --horizon 96

Every variable is standardised by the training part, as in the papers; all windows of the test part count, none dropped.
Settings were chosen on the validation part alone; the test part is scored once, after training.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from recipes import FORECAST

from ostinato import Forecaster

MONTH = 30 * 24


def etth1(folder: Path) -> tuple[pd.DataFrame, int, int]:
    """Hourly load and oil temperature of a transformer, 12/4/4 months (Zhou et al. 2021)."""
    frame = pd.read_csv(existing(folder / "ett" / "ETTh1.csv"), parse_dates=["date"])
    return frame.iloc[: 20 * MONTH], 12 * MONTH, 16 * MONTH


def exchange_rate(folder: Path) -> tuple[pd.DataFrame, int, int]:
    """Daily exchange rates of eight countries, 70/10/20 per cent (Lai et al. 2018)."""
    frame = pd.read_csv(existing(folder / "exchange_rate" / "exchange_rate.txt.gz"), header=None)
    frame.columns = [f"country_{number}" for number in range(1, 9)]
    frame.insert(0, "step", range(len(frame)))
    rows = len(frame)
    return frame, int(rows * 0.7), rows - int(rows * 0.2)


DATASETS = {"etth1": etth1, "exchange_rate": exchange_rate}


def existing(path: Path) -> Path:
    if not path.exists():
        sys.exit(f"{path} is missing: OSTINATO_DATA must name the folder with the public data sets")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=DATASETS, required=True)
    parser.add_argument("--horizon", type=int, default=96)
    parser.add_argument("--recipe", choices=FORECAST, default="segment_gru", help="named settings, of recipes.py")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--num-threads", type=int, default=2)
    arguments = parser.parse_args()
    if "OSTINATO_DATA" not in os.environ:
        sys.exit("set OSTINATO_DATA to the folder with the public data sets")
    torch.set_num_threads(arguments.num_threads)
    frame, train, validation = DATASETS[arguments.dataset](Path(os.environ["OSTINATO_DATA"]))
    columns = frame.columns[1:]
    part = frame[columns].iloc[:train]
    frame = frame.assign(**((frame[columns] - part.mean()) / part.std(ddof=0)))
    settings: dict[str, Any] = {**FORECAST[arguments.recipe], "horizon": arguments.horizon, "seed": arguments.seed}
    settings["segment"] = min(settings["segment"], arguments.horizon)
    print(f"{arguments.dataset}, horizon {arguments.horizon}, seed {arguments.seed}: {settings}", flush=True)
    began = time.perf_counter()
    forecaster = Forecaster(target=tuple(columns), **settings)
    forecaster.fit(frame.iloc[:train], validation=frame.iloc[train:validation])
    seconds = time.perf_counter() - began
    table = forecaster.evaluate(frame)
    print(f"{forecaster.summary()} Trained in {seconds:.0f} s on {arguments.num_threads} threads.")
    print(f"{table.count} test windows:")
    for name, scores in table.rows.items():
        label = f"ostinato {arguments.recipe}" if name == "ostinato" else name
        print(f"{label} MSE {scores['mse']:.3f} MAE {scores['mae']:.3f}")


if __name__ == "__main__":
    main()
