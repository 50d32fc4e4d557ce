"""Names of people, places, organisations and dates in sentences."""

from collections.abc import Iterator
from pathlib import Path

from ostinato.data import write_conll
from ostinato.demos.data import name_sentences
from ostinato.demos.demo import Demo, Materials, Shown
from ostinato.tasks import SequenceTagger
from ostinato.tasks.estimator import NextStep

SHOWN = ["Jordan", "visited", "Paris", "in", "May", ",", "and", "May", "flew", "to", "Jordan", "."]
"""A sentence with two words that mean two things each."""


def _materials() -> Materials:
    training, validation, test = name_sentences((1500, 300, 500))
    return Materials(training, test, validation)


def _intro(materials: Materials) -> str:
    return (
        f"{len(materials.data):,} sentences made from templates, with the names of people, places, organisations and "
        "dates tagged. Many names can be several things (Jordan, Paris, May), and only the words around them tell; the "
        "other names of the test sentences stand in no training sentence.\n"
    )


def _story(model: SequenceTagger, materials: Materials, folder: Path) -> Iterator[Shown]:
    for part, sentences in zip(("train", "test", "validation"), materials, strict=True):
        write_conll(folder / f"{part}.conll", sentences)
    yield " ".join(SHOWN)
    for word, (tag, confidence) in zip(SHOWN, model.tag(SHOWN), strict=True):
        if tag != "O":
            yield f"  {word:8} {tag:8} {confidence:.0%}"
    yield ""
    yield NextStep("Tag with", ("predict", folder, folder / "test.conll"))


DEMO = Demo(
    verb="tagger",
    settings={"cell": "lstm", "hidden_size": 48, "epochs": 12},
    materials=_materials,
    intro=_intro,
    story=_story,
    scored_on="Scores on names not seen",
)
