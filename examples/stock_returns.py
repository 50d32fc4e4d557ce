"""Prices are modelled by their log returns and scored against the random walk, which is hard to beat: see for yourself.

The prices here are a random walk by construction, so an honest table must show that nothing beats naive by much.
"""

import numpy as np
import pandas as pd

from ostinato import Forecaster


def prices(days: int = 1500, seed: int = 0) -> pd.DataFrame:
    """A geometric random walk on business days, 1 % a day."""
    returns = np.random.default_rng(seed).normal(0.0002, 0.01, days)
    return pd.DataFrame({"ds": pd.bdate_range("2018-01-01", periods=days), "y": 100 * np.exp(returns.cumsum())})


def main() -> None:
    table = prices()
    forecaster = Forecaster(horizon=5, window=60, returns="log", hidden_size=16, epochs=5)
    forecaster.fit(table, holdout=0.2)
    scores = forecaster.evaluate(table)
    print(scores)
    print(scores.verdict())
    print(forecaster.predict(table)[["ds", "q0.1", "forecast", "q0.9"]])


if __name__ == "__main__":
    main()
