"""One global model over many series: rows and windows a second, and peak memory.

python benchmarks/panel.py --series 1000 --points 500
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ostinato import Forecaster
from ostinato.data import Panel


def panel(series: int, points: int, seed: int = 0) -> pd.DataFrame:
    """Daily series with a weekly season, a trend and noise of their own."""
    random = np.random.default_rng(seed)
    steps = np.arange(points)
    season = random.normal(size=(series, 7))[:, steps % 7]
    level = 100 + random.normal(size=(series, 1)) * 20 + random.normal(size=(series, 1)) * steps / points * 10
    values = level + 5 * season + random.normal(size=(series, points))
    return pd.DataFrame(
        {
            "unique_id": np.repeat([f"series_{number}" for number in range(series)], points),
            "ds": np.tile(pd.date_range("2020-01-01", periods=points, freq="D"), series),
            "y": values.ravel(),
        }
    )


@contextmanager
def timed(what: str, count: int, unit: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:<34} {seconds:7.2f} s  {count / seconds:12,.0f} {unit}/s  peak memory {memory:6.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--points", type=int, default=500)
    parser.add_argument("--batches", type=int, default=100, help="batches of 256 windows in each of 5 epochs")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    frame = panel(arguments.series, arguments.points)
    rows = len(frame)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{arguments.series} series x {arguments.points} points, {rows:,} rows; {memory:.0f} MB with the table alone")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "panel.csv"
        frame.to_csv(path, index=False)
        with timed("CSV file to checked panel", rows, "rows"):
            Panel.from_table(path)
    with timed("DataFrame to checked panel", rows, "rows"):
        Panel.from_table(frame)
    forecaster = Forecaster(
        horizon=28,
        window=56,
        segment=7,
        epochs=5,
        batch_size=256,
        batches_per_epoch=arguments.batches,
        learning_rate=3e-3,
    )
    trained = 5 * arguments.batches
    with timed(f"fit: {trained} batches, and baselines", trained * 256, "windows"):
        forecaster.fit(frame, holdout=0.1)
    with timed("predict", arguments.series, "series"):
        forecaster.predict(frame)
    with timed("evaluate (stride 7)", rows, "rows"):
        table = forecaster.evaluate(frame, stride=7)
    print(table)
    print(table.verdict())


if __name__ == "__main__":
    main()
