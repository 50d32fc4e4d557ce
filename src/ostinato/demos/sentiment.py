"""Short reviews that praise or blame, told apart by the order of their words."""

from collections.abc import Iterator
from pathlib import Path

from ostinato.demos.data import load_reviews
from ostinato.demos.demo import Demo, Materials, Shown
from ostinato.storage import write_durably
from ostinato.tasks import SequenceClassifier
from ostinato.tasks.estimator import NextStep

TEXT = "the film looked dull at first and turned out to be far from boring"


def _materials() -> Materials:
    reviews = load_reviews()
    training, test = (reviews[reviews["part"] == part].drop(columns="part") for part in ("training", "test"))
    return Materials(training, test)


def _intro(materials: Materials) -> str:
    return (
        f"{len(materials.data) + len(materials.test):,} short reviews that praise and blame in the same words, written "
        'for this package: "not dull at all" is praise. The test sentences are made to patterns that training does not '
        "have.\n"
    )


def _story(model: SequenceClassifier, materials: Materials, folder: Path) -> Iterator[Shown]:
    for name, part in (("training", materials.data), ("test", materials.test)):
        write_durably(folder / f"{name}.csv", part.to_csv(index=False).encode())
    yield "\nWords that speak for the label in blue, against it in orange:\n"
    yield model.explain(TEXT).rich()
    yield ""
    yield NextStep("Ask it about your own", ("explain", folder, "hardly a good idea"))
    yield NextStep("A table of predictions", ("predict", folder, folder / "test.csv"))


DEMO = Demo(
    verb="classifier",
    settings={
        "hidden_size": 32,
        "embedding_size": 32,
        "bidirectional": False,
        "pooling": "last",
        "dropout": 0.2,
        "learning_rate": 0.005,
        "epochs": 60,
        "patience": 12,
    },
    materials=_materials,
    intro=_intro,
    story=_story,
    scored_on="Scores on patterns not seen",
)
