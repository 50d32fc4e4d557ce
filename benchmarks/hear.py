"""Spoken digits and commands.

Digits are the Free Spoken Digit Dataset: 3,000 clips of six speakers, cut as its authors say. Of each speaker and digit
the clips 0 to 4 are the test part. Of the others the clips 5 to 9 are kept from training, and chose the settings.
`fsdd_speakers` asks more: all clips of a speaker whom training has not heard.

Commands are 40 Arabic words, cut by speakers as their authors say; the validation part is to choose settings. A second
model hears them in a stream, and then speech that holds none, of which it has learned nothing.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
from benchmark import Row, Run, data_file, rows_of, timed

from ostinato import SequenceClassifier
from ostinato.data import LabelledSequences

KEPT = 10
"""Clips of a lower number are not trained on."""

SPEECH = ("an4/index.tsv", "mboshi/index.tsv")
"""English and Mboshi, in which nobody says an Arabic command."""

MISSED = 0.05
"""The share of commands that may be missed where false alarms are counted."""


def parts(run: Run) -> tuple[LabelledSequences, LabelledSequences, LabelledSequences]:
    """Clips to train on, to validate on, and those of the test part."""
    whole = SequenceClassifier(**run.settings).read(data_file("fsdd/index.tsv"))
    training, test = whole.part("train"), whole.part("test")
    assert training is not None
    assert test is not None
    number = np.array([int(name.removesuffix(".flac").split("_")[-1]) for name in training.names])
    return training.take(np.flatnonzero(number >= KEPT)), training.take(np.flatnonzero(number < KEPT)), test


def fsdd(run: Run) -> Iterator[Row]:
    training, validation, test = parts(run)
    model, seconds = run.train(SequenceClassifier, training, validation)
    scores = model.evaluate(test if run.part == "test" else validation)
    for row in rows_of(scores, train_seconds=seconds):
        if run.first or row.name == scores.model:
            yield row


def of_speaker(part: LabelledSequences, speaker: str, *, own: bool) -> LabelledSequences:
    """The clips of a speaker; or those of all others."""
    return part.take(np.flatnonzero([(clip.speaker == speaker) == own for clip in part.clips]))


def without(run: Run, training: LabelledSequences, validation: LabelledSequences, speaker: str) -> SequenceClassifier:
    """A model that has not heard a speaker."""
    heard, checked = (of_speaker(part, speaker, own=False) for part in (training, validation))
    return SequenceClassifier(**run.settings).fit(heard, validation=checked)


def fsdd_speakers(run: Run) -> Iterator[Row]:
    training, validation, test = parts(run)
    scored = test if run.part == "test" else validation
    accuracies = []
    for speaker in sorted({clip.speaker for clip in scored.clips}):
        model, seconds = timed(partial(without, run, training, validation, speaker))
        accuracy = model.evaluate(of_speaker(scored, speaker, own=True)).rows["ostinato"]["accuracy"]
        accuracies.append(accuracy)
        yield Row(f"without {speaker}", {"accuracy": accuracy, "train_seconds": seconds})
    yield Row("mean of the speakers left out", {"accuracy": float(np.mean(accuracies))})


def arabic_commands(run: Run) -> Iterator[Row]:
    whole = SequenceClassifier(**run.settings).read(data_file("arabic_commands/index.tsv"))
    training, validation, test = (whole.part(name) for name in ("train", "val", "test"))
    assert training is not None
    scored = test if run.part == "test" else validation
    model, seconds = run.train(SequenceClassifier, training, validation)
    scores = model.evaluate(scored)
    for row in rows_of(scores, train_seconds=seconds):
        if run.first or row.name == scores.model:
            yield row
    listener, seconds = run.train(SequenceClassifier, training, validation, streaming=True)
    spotting = listener.spot(scored, [data_file(name) for name in SPEECH])
    run.say(spotting.to_dict())
    figures = {
        "accuracy": listener.evaluate(scored).rows["ostinato"]["accuracy"],
        "accuracy_in_stream": spotting.accuracy,
        "train_seconds": seconds,
    }
    threshold = spotting.threshold_missing(MISSED)
    if spotting.missed(threshold) <= MISSED:
        figures["false_alarms_per_hour"] = spotting.alarms_per_hour(threshold)
    else:  # commands that no threshold tells
        run.say(f"No threshold misses as few as {MISSED:.0%}: at the lowest it is {spotting.missed(threshold):.1%}.")
    yield Row("ostinato, over a stream", figures)
