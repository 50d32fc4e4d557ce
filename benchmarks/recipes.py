"""Settings that are known to work on public data, by name, chosen on validation parts."""

from typing import Any

CLASSIFY: dict[str, dict[str, Any]] = {
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
    "fsdd": {
        "label": "digit",
        "hidden_size": 96,
        "subsampling": 2,
        "dropout": 0.4,
        "label_smoothing": 0.1,
        "batch_size": 32,
        "epochs": 20,
        "patience": None,
    },
    "arabic_commands": {
        "label": "keyword",
        "hidden_size": 128,
        "dropout": 0.4,
        "label_smoothing": 0.1,
        "batch_size": 32,
        "epochs": 20,
        "patience": None,
    },
}
"""Settings for public data sets, chosen on their validation parts."""

ASSIST: dict[str, dict[str, Any]] = {
    "coffee": {
        "hidden_size": 96,
        "batch_size": 8,
        "learning_rate": 0.004,
        "sentences": 2000,
        "epochs": 40,
        "patience": None,
    },
}
"""Settings for spoken orders; none was chosen on a fold that is scored."""

CHAT: dict[str, dict[str, Any]] = {
    "self_dialogue": {
        "attention": "multiplicative",
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

FORECAST: dict[str, dict[str, Any]] = {
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

LANGUAGE: dict[str, dict[str, Any]] = {
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

TAG: dict[str, dict[str, Any]] = {
    "python_names": {"cell": "lstm", "hidden_size": 64, "batch_size": 8, "epochs": 10, "min_count": 2},
}
"""Settings for larger data, chosen on their validation parts."""

TRANSLATE: dict[str, dict[str, Any]] = {
    "multi30k": {
        "attention": "multiplicative",
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
