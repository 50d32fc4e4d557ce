"""Small labelled data, and settings under which a classifier is trained in a second or two."""

import os
import signal

import numpy as np
import torch

from ostinato import SequenceClassifier
from ostinato.demos.data import load_reviews
from ostinato.training import TrainingLogger

TINY = {"hidden_size": 8, "embedding_size": 8, "epochs": 2, "batch_size": 64}


def reviews(part="training"):
    """The embedded reviews of a part, as texts and labels."""
    rows = load_reviews().query("part == @part")
    return list(rows["text"]), list(rows["label"])


def waves(count=160, seed=0):
    """Noisy sine waves of two frequencies and any phase: their means and spreads tell nothing."""
    random = np.random.default_rng(seed)
    arrays, labels = [], []
    for number in range(count):
        steps = np.arange(random.integers(20, 41))
        phase = random.uniform(0, 2 * np.pi)
        arrays.append(np.sin((0.5, 0.8)[number % 2] * steps + phase) + random.normal(0, 0.2, len(steps)))
        labels.append(("slow", "fast")[number % 2])
    return arrays, labels


SKIES = {"frost": ("ice", "cold"), "rain": ("wet", "shower"), "sun": ("bright", "warm"), "wind": ("gust", "kite")}
"""Each label and the words that tell it."""


def skies(count=200, seed=0):
    """Texts with any number of four labels, or none, and a word for each among others that tell nothing."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(count):
        own = [label for label in SKIES if random.random() < 0.35]
        words = [random.choice(SKIES[label]) for label in own]
        words += list(random.choice(["the", "day", "was", "a", "walk", "in", "park"], 4))
        texts.append(" ".join(random.permutation(words)))
        labels.append(own)
    return texts, labels


class _Killer(TrainingLogger):
    """Kills the process after an optimiser step, with no chance to clean up."""

    def __init__(self, step):
        super().__init__(progress=False)
        self.step = step

    def record(self, record):
        super().record(record)
        if record.step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def interruptible():
    return SequenceClassifier(**TINY | {"checkpoint_every": 3, "ensemble": 2, "ema_decay": 0.9, "patience": None})


def fit_until_killed(folder):
    """Trains in this process, which is killed after step 8 of 22, in mid-epoch; a checkpoint is there from step 6."""
    torch.set_num_threads(1)
    interruptible().fit(reviews(), folder=folder, logger=_Killer(8))
