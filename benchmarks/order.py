"""Spoken orders of coffee, of which only intent and slots are known: Picovoice's speech-to-intent recordings.

Five folds stand beside them, of files, not speakers. Of the others 15 % choose the epoch and the confidence; the
fold is scored once. "spoken first" begins with a network that has learned the grammar's sentences from a synthesiser.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from benchmark import Row, Run, data_file, rows_of, timed

from ostinato import Assistant
from ostinato.data import Recordings

KEPT = 0.15
"""Share of the recordings outside of a fold that are not trained on."""


def spoken_first(run: Run, grammar: Path) -> tuple[Assistant, float]:
    """A model of the grammar alone."""
    assistant = Assistant(**run.settings | {"epochs": run.options["spoken_epochs"]})
    return timed(partial(assistant.fit, grammar))


def coffee(run: Run) -> Iterator[Row]:
    grammar = data_file("coffee_intents/grammar.yaml.gz")
    settings = run.settings | {"grammar": grammar}
    whole = Assistant(**settings).read(data_file("coffee_intents/index.tsv"))
    first, seconds = spoken_first(run, grammar)
    folds = np.array([clip.split for clip in whole.clips])
    for fold in run.options["folds"]:
        training, validation = whole.take(np.flatnonzero(folds != f"fold{fold}")).split(KEPT, run.settings["seed"])
        scored = whole.take(np.flatnonzero(folds == f"fold{fold}")) if run.part == "test" else validation
        for name, start, before in (("spoken first", first, seconds), ("from scratch", None, 0.0)):
            yield from _rows(f"{name}, fold {fold}", settings, training, validation, scored, start, before)


def _rows(
    name: str,
    settings: dict[str, object],
    training: Recordings,
    validation: Recordings,
    scored: Recordings,
    start: Assistant | None,
    before: float,
) -> Iterator[Row]:
    model, seconds = timed(partial(Assistant(**settings).fit, training, validation=validation, warm_start=start))
    for row in rows_of(model.evaluate(scored), train_seconds=before + seconds):
        if row.name == "ostinato" or start is None:
            yield row._replace(name=name if row.name == "ostinato" else f"{row.name}, {name.partition(', ')[2]}")
