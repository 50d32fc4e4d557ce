"""Recordings of whistled letters."""

import numpy as np

from ostinato.data import Recordings

PITCH = {"a": 0.05, "b": 0.13, "c": 0.21, "d": 0.4, "e": 0.9, "f": 1.8}
"""Radians a sample."""

TINY = {"hidden_size": 8, "num_layers": 1, "epochs": 1, "channels": 4, "mels": 16, "num_threads": 1}
PLAIN = {"dropout": 0.0, "speed": 0.0, "noise": None, "specaugment": False, "silence": 0.0}


def spoken(text, rng, length=800):
    """Each letter as a tone of its own, a space as silence."""
    window = np.hanning(length) / 2
    parts = [np.sin(np.arange(length) * PITCH[sign]) * window if sign != " " else np.zeros(length) for sign in text]
    return np.concatenate(parts) + rng.normal(size=length * len(text)) * 0.005


def tones(count, seed=0, rate=8000):
    rng = np.random.default_rng(seed)
    texts = ["".join(rng.choice(list("abc"), 2)) + " " + "".join(rng.choice(list("abc"), 2)) for _ in range(count)]
    return Recordings.of_waves([spoken(text, rng) for text in texts], rate, texts)
