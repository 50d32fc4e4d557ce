"""Small sentences and taggers for the tests of tagging."""

import os
import signal

import numpy as np
import pandas as pd
import torch

from ostinato import SequenceTagger
from ostinato.training import TrainingLogger

TINY = {
    "hidden_size": 8,
    "embedding_size": 8,
    "char_hidden_size": 4,
    "char_embedding_size": 4,
    "epochs": 2,
    "batch_size": 8,
}
STEMS = ["bar", "kel", "mon", "rit", "sol", "tup", "vex", "zag", "lim", "dor", "fen", "gul"]


def sentences(count, seed=0, stems=STEMS):
    """Words that end in -an are people after "mr" and places after "in"; "to" parts them; lengths 1 to 10."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        words, tags = [], []
        for _ in range(random.integers(1, 5)):
            if random.random() < 0.3:
                words += ["to"]
                tags += ["O"]
                continue
            kind = int(random.integers(2))
            name = [str(random.choice(stems)) + "an" for _ in range(random.integers(1, 3))]
            words += [["mr", "in"][kind], *name]
            tags += ["O", *(f"{'I' if place else 'B'}-{['PER', 'LOC'][kind]}" for place in range(len(name)))]
        made.append((words, tags))
    return made


def moves(lengths=(30, 25, 40, 1, 35, 28), seed=0):
    """A long table: the label of a step tells whether the value before it was positive."""
    random = np.random.default_rng(seed)
    frames = []
    for number, steps in enumerate(lengths):
        value = random.normal(size=steps)
        before = np.concatenate([[0.0], value[:-1]])
        label = np.where(before > 0, "up", "down")
        frames.append(
            pd.DataFrame(
                {"id": f"run {number}", "step": np.arange(steps), "x": 100 + 5 * value, "zero": 0.0, "label": label}
            )
        )
    return pd.concat(frames, ignore_index=True)


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
    return SequenceTagger(**TINY | {"epochs": 3, "checkpoint_every": 3, "cell": "lstm"})


def fit_until_killed(folder):
    """Trains in this process, which is killed after step 7 of 15, in mid-epoch; a checkpoint is there from step 6."""
    torch.set_num_threads(1)
    interruptible().fit(sentences(40), validation=sentences(10, 1), folder=folder, logger=_Killer(7))
