"""A small model of every verb, with what it predicts from; as a program it keeps their bundles for later versions."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from classify_scenario import TINY, reviews, waves
from forecast_scenario import COVARIATES, long
from forecast_scenario import TINY as TINY_FORECASTER
from tagger_scenario import TINY as TINY_TAGGER
from tagger_scenario import moves, sentences
from translate_scenario import numbers as numbers_in_words
from translate_scenario import two_ways

from ostinato import Chatbot, Forecaster, LanguageModel, SequenceClassifier, SequenceTagger, Translator

KEPT = Path(__file__).parent / "bundles"
"""A folder for each version of the format, and in it one for each model."""

PREDICTED = "predicted.json"
"""Beside the bundle: what the model gave when it was kept."""


def with_days_to_come():
    """The long table, with nothing known of the target in the last days of each series."""
    table = long()
    table.loc[table.groupby("unique_id").tail(TINY_FORECASTER["horizon"]).index, "y"] = None
    return table


class Small(NamedTuple):
    """A small model of a verb.

    Attributes:
        make: The estimator, not fitted.
        data: What it is fitted on.
        given: What it predicts from.
    """

    make: Callable[[], Any]
    data: Callable[[], Any]
    given: Callable[[], Any]

    def fit(self) -> Any:
        return self.make().fit(self.data())

    def predict(self, estimator: Any) -> pd.DataFrame:
        return estimator.predict(self.given())


FORECASTER = TINY_FORECASTER | COVARIATES | {"epochs": 1, "series_embedding": 2}
PIECES = {"tokenizer": "bpe", "shared_vocabulary": True, "attention": None, "ensemble": 2}
TEXTS = {"hidden_size": 4, "embedding_size": 4, "epochs": 1}

MODELS = {
    "translator": Small(
        lambda: Translator(**TEXTS, tokenizer="word"),
        lambda: two_ways(40),
        lambda: pd.DataFrame(two_ways(12, seed=1), columns=["source", "target", "language"]),
    ),
    "translator of pieces of words": Small(
        lambda: Translator(**TEXTS, **PIECES), lambda: numbers_in_words(40), lambda: ["one two", "nine"]
    ),
    "chatbot": Small(
        lambda: Chatbot(**TEXTS, tokenizer="char"),
        lambda: [["Hello.", f"Hi number {number}."] for number in range(20)],
        lambda: [["Hello.", "Hi number 3."], ["Hello.", "?"]],
    ),
    "forecaster": Small(lambda: Forecaster(**FORECASTER), long, with_days_to_come),
    "tagger": Small(
        lambda: SequenceTagger(**TINY_TAGGER),
        lambda: sentences(20),
        lambda: [words for words, _ in sentences(5, 1)],
    ),
    "tagger of numbers": Small(lambda: SequenceTagger(hidden_size=4, epochs=1), moves, lambda: moves((5, 2))),
    "language model": Small(
        lambda: LanguageModel(**TEXTS, bptt_steps=8), lambda: ["a rose is a rose. " * 40], lambda: ["a rose", "no rose"]
    ),
    "classifier": Small(lambda: SequenceClassifier(**TINY | {"epochs": 1}), reviews, lambda: reviews("test")[0][:5]),
    "classifier of numbers": Small(
        lambda: SequenceClassifier(hidden_size=4, epochs=1), lambda: waves(40), lambda: waves(4, seed=1)[0]
    ),
}


def as_json(table: pd.DataFrame) -> str:
    """A table of predictions as it is kept."""
    return table.to_json(orient="split", double_precision=15, date_format="iso")


if __name__ == "__main__":
    for name, small in MODELS.items():
        estimator, folder = small.fit(), KEPT / sys.argv[1] / name.replace(" ", "-")
        estimator.save(folder)
        (folder / PREDICTED).write_text(as_json(small.predict(estimator)) + "\n")
