"""Settings that are known to work, by name."""

from typing import Any

DEMO: dict[str, Any] = {
    "tokenizer": "char",
    "hidden_size": 192,
    "embedding_size": 64,
    "bptt_steps": 100,
    "epochs": 8,
    "learning_rate": 4e-3,
    "num_threads": 1,
}
"""For the demo: a megabyte of Python, within two minutes on two cores."""

BENCHMARKS: dict[str, dict[str, Any]] = {
    "char_shakespeare": {
        "tokenizer": "char",
        "num_layers": 2,
        "hidden_size": 256,
        "embedding_size": 64,
        "dropout": 0.3,
        "output_dropout": 0.3,
        "bptt_steps": 100,
        "batch_size": 32,
        "epochs": 12,
        "learning_rate": 2e-3,
        "warmup": 200,
        "schedule": "cosine",
        "weight_decay": 0.01,
        "ema_decay": 0.998,
    },
    "ptb": {
        "tokenizer": "word",
        "split": "whitespace",
        "num_layers": 2,
        "hidden_size": 256,
        "embedding_size": 256,
        "softmax": "tied",
        "embedding_dropout": 0.05,
        "input_dropout": 0.4,
        "dropout": 0.25,
        "output_dropout": 0.4,
        "weight_drop": 0.2,
        "bptt_steps": 35,
        "batch_size": 20,
        "epochs": 15,
        "learning_rate": 3e-3,
        "warmup": 200,
        "schedule": "cosine",
        "weight_decay": 0.02,
        "ema_decay": 0.998,
    },
    "ptb_full": {
        "tokenizer": "word",
        "split": "whitespace",
        "num_layers": 3,
        "hidden_size": 1150,
        "last_size": 400,
        "embedding_size": 400,
        "softmax": "tied",
        "embedding_dropout": 0.1,
        "input_dropout": 0.4,
        "dropout": 0.25,
        "output_dropout": 0.4,
        "weight_drop": 0.5,
        "activation_regularisation": 2.0,
        "temporal_regularisation": 1.0,
        "bptt_steps": 70,
        "bptt_jitter": 5,
        "batch_size": 20,
        "epochs": 500,
        "optimizer": "sgd",
        "momentum": 0.0,
        "learning_rate": 30.0,
        "schedule": "constant",
        "weight_decay": 1.2e-6,
        "clip_norm": 0.25,
        "averaging_trigger": 5,
    },
}
"""Settings for public data sets: two for less than an hour on two cores, and AWD-LSTM as published (Merity et al.).

They were chosen on the validation parts.
"""
