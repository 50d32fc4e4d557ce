"""Spare parts: in most months none is sold. What is to be expected is a mean, and a forecast of zero is hard to beat.

The parts here are made up: each sells at a rate of its own, more in winter, and slowly comes into use or goes out.
"""

import numpy as np
import pandas as pd

from ostinato import Forecaster


def sales(parts: int = 50, months: int = 60, seed: int = 0) -> pd.DataFrame:
    """Pieces sold of each part in each month, of three in four none."""
    random = np.random.default_rng(seed)
    month = np.arange(months)
    winter = 0.6 * np.cos(2 * np.pi * month / 12)
    growth = random.normal(0, 1, (parts, 1)) * (month / months - 0.5)
    rate = np.exp(random.normal(-1.2, 0.7, (parts, 1)) + winter + growth)
    pieces = random.poisson(rate * random.gamma(0.7, 1 / 0.7, (parts, months)))
    times = np.tile(pd.date_range("2018-01-01", periods=months, freq="MS"), parts)
    names = np.repeat([f"part {number}" for number in range(parts)], months)
    return pd.DataFrame({"unique_id": names, "ds": times, "y": pieces.ravel()})


def main() -> None:
    table = sales()
    forecaster = Forecaster(horizon=6, output="negative_binomial", hidden_size=16, epochs=8, peers=False)
    forecaster.fit(table, holdout=0.2)
    print(*forecaster.notes, sep="\n")
    scores = forecaster.evaluate(table)
    print(scores)
    print(scores.verdict())
    print(forecaster.predict(table)[["unique_id", "ds", "forecast", "mean", "q0.9", "q0.975"]].head(6))


if __name__ == "__main__":
    main()
