"""Settings that are known to work, by name."""

from typing import Any

DEMOS: dict[str, dict[str, Any]] = {
    "sentiment": {
        "hidden_size": 32,
        "embedding_size": 32,
        "bidirectional": False,
        "pooling": "last",
        "dropout": 0.2,
        "learning_rate": 0.005,
        "epochs": 60,
        "patience": 12,
    }
}
"""The SequenceClassifier's settings for embedded data."""

BENCHMARKS: dict[str, dict[str, Any]] = {
    "sst2": {
        "layout": "lines",
        "split": "whitespace",
        "hidden_size": 16,
        "embedding_size": 32,
        "ensemble": 5,
        "dropout": 0.5,
        "word_dropout": 0.2,
        "ema_decay": 0.99,
        "batch_size": 50,
        "epochs": 6,
        "patience": None,
    },
}
"""Settings for public data sets, chosen on their validation parts."""
