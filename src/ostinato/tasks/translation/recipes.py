"""Settings that are known to work, by name."""

from typing import Any

DEMO: dict[str, Any] = {
    "tokenizer": "char",
    "hidden_size": 64,
    "embedding_size": 64,
    "epochs": 8,
    "patience": None,
    "batch_size": 64,
    "learning_rate": 5e-3,
    "schedule": "cosine",
    "warmup": 50,
    "dropout": 0.0,
    "label_smoothing": 0.0,
}
"""The Translator's settings for dates between languages."""

BENCHMARKS: dict[str, dict[str, Any]] = {
    "multi30k": {
        "lowercase": True,
        "tokenizer": "word",
        "min_count": 2,
        "hidden_size": 400,
        "embedding_size": 256,
        "dropout": 0.3,
        "label_smoothing": 0.1,
        "batch_size": 64,
        "epochs": 16,
        "patience": None,
        "learning_rate": 1.5e-3,
        "schedule": "cosine",
        "warmup": 300,
        "weight_decay": 0.01,
        "ema_decay": 0.998,
        "ensemble": 2,
        "matmul_precision": "medium",
        "max_length": 60,
        "length_penalty": 2.0,
    },
}
"""Settings for public data sets, chosen on their validation parts."""
