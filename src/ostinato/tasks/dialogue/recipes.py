"""Settings that are known to work, by name."""

from typing import Any

DEMOS: dict[str, dict[str, Any]] = {
    "chat": {
        "speaker": "shop",
        "tokenizer": "word",
        "cell": "gru",
        "hidden_size": 96,
        "embedding_size": 96,
        "attention": "additive",
        "tied_output": False,
        "dropout": 0.1,
        "epochs": 20,
        "learning_rate": 8e-3,
        "schedule": "cosine",
        "batch_size": 32,
        "num_threads": 1,
    }
}
"""The Chatbot's settings for the dialogues of the music shop."""

BENCHMARKS: dict[str, dict[str, Any]] = {
    "self_dialogue": {
        "tokenizer": "word",
        "vocabulary_size": 10_000,
        "lowercase": True,
        "cell": "gru",
        "hidden_size": 256,
        "embedding_size": 200,
        "dropout": 0.25,
        "epochs": 8,
        "learning_rate": 2e-3,
        "schedule": "cosine",
        "batch_size": 64,
        "patience": 3,
        "matmul_precision": "medium",
        "max_examples": 60_000,
        "max_length": 30,
        "context_turns": 2,
        "context_units": 60,
        "temperature": 0.9,
        "candidates": 16,
        "mutual_information": 0.5,
    },
}
"""Settings for public dialogues."""
