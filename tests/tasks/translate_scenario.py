"""Small pairs of texts, and a Translator trained once for all tests that use it."""

import os
import random
import signal
from functools import cache

import torch

from ostinato import Translator
from ostinato.training import TrainingLogger

NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SMALL = {
    "tokenizer": "word",
    "hidden_size": 32,
    "embedding_size": 32,
    "dropout": 0.0,
    "label_smoothing": 0.0,
    "epochs": 10,
    "batch_size": 32,
    "learning_rate": 1e-2,
}
TINY = SMALL | {"hidden_size": 8, "embedding_size": 8, "epochs": 2, "dropout": 0.2, "word_dropout": 0.1}


@cache
def numbers(count=700, seed=0):
    """Numbers in words, and their digits from the last to the first."""
    rng = random.Random(seed)
    rows = [[rng.randrange(10) for _ in range(rng.randint(1, 5))] for _ in range(count)]
    return [(" ".join(NUMBERS[n] for n in row), " ".join(str(n) for n in reversed(row))) for row in rows]


def two_ways(count=600, seed=0):
    """Words to digits as they come ("as it is") or backwards ("backwards")."""
    pairs = numbers(count // 2, seed)
    return [
        each
        for source, target in pairs
        for each in ((source, target, "backwards"), (source, " ".join(reversed(target.split())), "as it is"))
    ]


@cache
def trained():
    """Not to be changed."""
    return Translator(**SMALL).fit(numbers())


def unseen(count=100):
    known = {source for source, _ in numbers()}
    return [pair for pair in numbers(2 * count, 1) if pair[0] not in known][:count]


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
    return Translator(**TINY | {"checkpoint_every": 4, "scheduled_sampling": 0.5, "sampling_ramp": 10})


def fit_until_killed(folder):
    """Trains in this process, which is killed in mid-epoch after step 7; a checkpoint is there from step 4."""
    torch.set_num_threads(1)
    interruptible().fit(numbers(150), folder=folder, logger=_Killer(7))
