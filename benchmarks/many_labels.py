"""Texts under many labels, made from public ones: topics of dialogues, speakers in plays, keys of tunes.

`topics`: 22 topics of recorded dialogues, told by the first turn alone; of equal turns the first.
`speakers`: the 50 who speak most often in the plays of tinyshakespeare, told by one speech, its line ends as spaces.
`keys`: of fiddle tunes in ABC notation, told by their notes alone; keys that 20 tunes have or more.
All are shuffled by seed 0 and cut into training, validation and test part. Beside the model with its default settings:
its baselines, and the linear support vector machines that scikit-learn makes of its own defaults.
"""

import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from benchmark import Row, Run, data_file, rows_of
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from ostinato import SequenceClassifier
from ostinato.tasks.classification.scores import scores_of

SPEAKERS = 50
KEY_TUNES = 20
Labelled = tuple[str, str]
"""A text and its label."""


def topics(run: Run) -> Iterator[Row]:
    """4,500 turns to learn from, 500 to choose when to stop, 3,000 to score."""
    seen: set[str] = set()
    by_topic: dict[str, list[str]] = {}
    with gzip.open(data_file("dialogue/self_dialogue.jsonl.gz"), "rt", encoding="utf-8") as file:
        for line in file:
            dialogue = json.loads(line)
            turn = dialogue["turns"][0].strip()
            if turn.lower() not in seen:
                seen.add(turn.lower())
                by_topic.setdefault(dialogue["topic"], []).append(turn)
    rows = [(turn, topic) for topic, turns in by_topic.items() for turn in turns]
    return _figures(run, rows, 4500, 5000, 8000)


def speakers(run: Run) -> Iterator[Row]:
    """Eight tenths of the speeches to learn from, one to choose when to stop, one to score."""
    rows = []
    for speech in data_file("tinyshakespeare/input.txt").read_text(encoding="utf-8").split("\n\n"):
        speaker, _, said = speech.partition(":\n")
        if said and "\n" not in speaker:
            rows.append((" ".join(said.split()), speaker))
    most = {speaker for speaker, _ in Counter(speaker for _, speaker in rows).most_common(SPEAKERS)}
    rows = [row for row in rows if row[1] in most]
    return _figures(run, rows, int(0.8 * len(rows)), int(0.9 * len(rows)), len(rows))


def keys(run: Run) -> Iterator[Row]:
    """Eight tenths of the tunes to learn from, one to choose when to stop, one to score."""
    rows = []
    for book in ("airdsAirs", "oneills1850", "ryansMammoth"):
        with gzip.open(data_file(f"folk_abc/{book}.abc.gz"), "rt", encoding="utf-8", errors="replace") as file:
            tunes = re.split(r"\n(?=X:)", file.read())
        for tune in tunes:
            if key := re.search(
                r"^K:[ \t]*([A-G][b#]?)[ \t]*(m(?:in|aj|ix)?|dor)?", tune, re.MULTILINE | re.IGNORECASE
            ):
                mode = {"m": "min", "maj": ""}.get((key[2] or "").lower(), (key[2] or "").lower())
                notes = [line for line in tune[key.end() :].splitlines()[1:] if not re.match(r"\s*$|%|[A-Za-z]:", line)]
                rows.append((" ".join(notes), f"{key[1]} {mode}".strip()))
    often = {key for key, count in Counter(key for _, key in rows).items() if count >= KEY_TUNES}
    rows = [row for row in dict(rows).items() if row[0] and row[1] in often]
    return _figures(run, rows, int(0.8 * len(rows)), int(0.9 * len(rows)), len(rows))


def _figures(run: Run, rows: list[Labelled], learned: int, judged: int, scored: int) -> Iterator[Row]:
    random.Random(0).shuffle(rows)
    train, validation, test = (_apart(part) for part in (rows[:learned], rows[learned:judged], rows[judged:scored]))
    held = test if run.part == "test" else validation
    model, seconds = run.train(SequenceClassifier, train, validation)
    own = {"ece": model.report(held).error_after, "train_seconds": seconds}
    yield from rows_of(model.evaluate(held), **own)
    if run.first:
        targets = np.searchsorted(model.classes_, held[1])
        for name, longest in (("words", 1), ("words and pairs", 2)):
            machine = make_pipeline(TfidfVectorizer(ngram_range=(1, longest)), LinearSVC()).fit(*train)
            yield Row(f"scikit-learn's defaults, {name}", scores_of(machine.decision_function(held[0]), targets))


def _apart(rows: Sequence[Labelled]) -> tuple[list[str], list[str]]:
    return [text for text, _ in rows], [label for _, label in rows]
