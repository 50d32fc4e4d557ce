"""A small Chatbot of the music shop, trained once for all tests that talk to it."""

from functools import cache

from ostinato import Chatbot
from ostinato.demos.data import music_shop

SMALL = {
    "speaker": "shop",
    "tokenizer": "word",
    "hidden_size": 32,
    "embedding_size": 32,
    "attention": "additive",
    "tied_output": False,
    "dropout": 0.0,
    "epochs": 8,
    "learning_rate": 1e-2,
    "batch_size": 16,
}


@cache
def parts():
    """Dialogues to train on, to validate on, to test on."""
    rest, test = music_shop(300).split(0.15, 1)
    training, validation = rest.split(0.15, 2)
    return training, validation, test


@cache
def trained():
    """Not to be changed."""
    training, validation, _ = parts()
    return Chatbot(**SMALL).fit(training, validation=validation)
