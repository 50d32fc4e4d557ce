"""A small text with some order in it, and small models of it."""

import os
import random
import signal
from functools import cache

import torch

from ostinato import LanguageModel
from ostinato.training import TrainingLogger

SUBJECTS = ["the sailor", "the captain", "an old man", "the sea", "a grey gull", "the wind"]
VERBS = ["sings to", "waits for", "remembers", "follows", "looks at", "never forgets"]
OBJECTS = ["the harbour", "the morning", "a distant light", "the waves", "his ship", "the silent stars"]
TINY = {"hidden_size": 24, "embedding_size": 12, "bptt_steps": 24, "batch_size": 8, "epochs": 6, "learning_rate": 0.02}
TOKENIZERS = {
    "char": {},
    "byte": {"tokenizer": "byte"},
    "word": {"tokenizer": "word", "softmax": "tied", "bptt_steps": 12},
    "bpe": {"tokenizer": "bpe", "vocabulary_size": 300, "bptt_steps": 12},
}


def verses(lines, seed=0):
    """Lines of a song: who does what decides to whom, which no bigram sees."""
    draw = random.Random(seed)
    pairs = ((draw.randrange(6), draw.randrange(6)) for _ in range(lines))
    return "".join(f"{SUBJECTS[who]} {VERBS[does]} {OBJECTS[(who + does) % 6]}.\n" for who, does in pairs)


@cache
def model(tokenizer="char", **changes):
    """A small model, trained once for all tests; not to be changed."""
    return LanguageModel(**TINY | TOKENIZERS[tokenizer] | changes).fit([verses(500)])


def untrained(**settings):
    """A model after one step on a few lines."""
    settings = {"hidden_size": 8, "embedding_size": 6, "bptt_steps": 8, "epochs": 1, "max_seconds": 1e-9} | settings
    return LanguageModel(**settings).fit([verses(20)])


def same_numbers(one, other):
    theirs = other.model.saved()[0]
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.model.saved()[0].items())


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
    """All that must survive a kill: carried state, jittered chunks, every dropout."""
    return LanguageModel(
        hidden_size=8,
        embedding_size=6,
        num_layers=2,
        bptt_steps=16,
        bptt_jitter=3,
        batch_size=4,
        epochs=2,
        embedding_dropout=0.1,
        input_dropout=0.1,
        dropout=0.2,
        output_dropout=0.2,
        weight_drop=0.2,
        checkpoint_every=5,
        ema_decay=0.9,
    )


def fit_until_killed(folder):
    """Trains in this process, which is killed in its second epoch; a checkpoint of a step or two before is there."""
    torch.set_num_threads(1)
    interruptible().fit([verses(60)], folder=folder, logger=_Killer(43))
