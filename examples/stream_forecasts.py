"""Train on the past, then forecast anew with every observation that comes in."""

import pandas as pd

from ostinato import Forecaster
from ostinato.demos.data import load_embedded


def main() -> None:
    table = load_embedded("co2")
    past, news = table.iloc[:-8], table.iloc[-8:]
    forecaster = Forecaster(horizon=26, window=208, segment=13, hidden_size=32, epochs=10).fit(past)
    stream = forecaster.stream(history=past)
    for row in news.itertuples():
        y = None if pd.isna(row.co2) else row.co2
        forecast = stream.update(y)
        low, high = forecast.quantiles[-1, 0], forecast.quantiles[-1, -1]
        print(f"{row.date}: {row.co2} ppm; in 26 weeks {forecast.point[-1]:.1f}, 95 % between {low:.1f} and {high:.1f}")


if __name__ == "__main__":
    main()
