"""One global model over many series: rows and windows a second, and peak memory."""

import resource
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from benchmark import Row, Run, timed

from ostinato import Forecaster
from ostinato.data import Panel


def panel(series: int, points: int, seed: int) -> pd.DataFrame:
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


def throughput(run: Run) -> Iterator[Row]:
    """Every stage; `batches` are those of 256 windows in each of 5 epochs."""
    series, points, batches = (run.options[name] for name in ("series", "points", "batches"))
    frame = panel(series, points, run.seed)
    rows = len(frame)
    yield Row("before the work, the table there", {"peak_mb": peak_mb()})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "panel.csv"
        frame.to_csv(path, index=False)
        yield stage("CSV file to checked panel, rows", lambda: Panel.from_table(path), rows)
    yield stage("DataFrame to checked panel, rows", lambda: Panel.from_table(frame), rows)
    forecaster = Forecaster(
        horizon=28,
        window=56,
        segment=7,
        epochs=5,
        batch_size=256,
        batches_per_epoch=batches,
        learning_rate=3e-3,
        peers=False,
    )
    yield stage("fit with baselines, windows", lambda: forecaster.fit(frame, holdout=0.1), 5 * batches * 256)
    yield stage("predict, series", lambda: forecaster.predict(frame), series)
    yield stage("evaluate (stride 7), rows", lambda: forecaster.evaluate(frame, stride=7), rows)
    run.say(forecaster.metrics)


def stage(name: str, work: Callable[[], object], count: int) -> Row:
    _, seconds = timed(work)
    return Row(name, {"stage_seconds": seconds, "per_second": count / seconds, "peak_mb": peak_mb()})


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
