"""Settings that are known to work, by name."""

from typing import Any

DEMOS: dict[str, dict[str, Any]] = {
    "co2": {"horizon": 26, "window": 208, "segment": 13, "hidden_size": 32, "calendar": False},
    "sunspots": {"horizon": 11, "season_length": 11, "window": 33, "segment": 11, "hidden_size": 32, "scaling": "none"},
}
"""The Forecaster's settings for each embedded series, chosen without a look at the held-out fifth of it."""

BENCHMARKS: dict[str, dict[str, Any]] = {
    "segment_gru": {
        "window": 720,
        "segment": 48,
        "hidden_size": 128,
        "dropout": 0.5,
        "scaling": "last",
        "linear": False,
        "series_embedding": 64,
        "calendar": False,
        "output": "mae",
        "epochs": 12,
        "patience": 4,
        "batch_size": 448,
        "weight_decay": 0.0,
        "ema_decay": None,
    },
}
"""Settings for public data sets, chosen on their validation parts."""
