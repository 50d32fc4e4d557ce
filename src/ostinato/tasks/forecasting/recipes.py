"""Settings that are known to work, by name."""

from typing import Any

DEMOS: dict[str, dict[str, Any]] = {
    "co2": {"horizon": 26},
    "sunspots": {"horizon": 11},
}
"""The Forecaster's settings for each embedded series, chosen on its validation part."""

BENCHMARKS: dict[str, dict[str, Any]] = {
    "segment_gru": {
        "window": 720,
        "segment": 48,
        "hidden_size": 128,
        "dropout": 0.5,
        "scaling": "last",
        "series_embedding": 16,
        "calendar": False,
        "output": "mae",
        "epochs": 12,
        "patience": 4,
        "batch_size": 64,
        "schedule": "cosine",
    },
}
"""Settings for public data sets, chosen on their validation parts."""
