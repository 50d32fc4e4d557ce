"""Dates in English to dates in three languages, one model for all."""

from collections.abc import Iterator
from pathlib import Path

from ostinato.demos.data.date_pairs import LANGUAGES, date_pairs
from ostinato.demos.demo import Demo, Materials, Shown
from ostinato.storage import write_durably
from ostinato.tasks import Translator
from ostinato.tasks.estimator import NextStep


def _materials() -> Materials:
    return Materials(*date_pairs())


def _intro(materials: Materials) -> str:
    return (
        f"Dates in English to dates in {', '.join(LANGUAGES.values())}, one model for all: {len(materials.data):,} "
        "pairs to learn from.\nSource: Unicode CLDR, by the library Babel.\n"
    )


def _story(model: Translator, materials: Materials, folder: Path) -> Iterator[Shown]:
    training, test, _ = materials
    text, picture, data = test.sources[2 * len(LANGUAGES)], folder / "attention.png", folder / "dates.tsv"
    yield ""
    for language, meaning in LANGUAGES.items():
        yield f"{text}  {meaning}: {model.translate(text, to=language)}"
    model.plot_attention(text, picture, to="de")
    rows = zip(training.sources, training.targets, training.languages or (), strict=True)
    lines = ["source\ttarget\tlanguage", *map("\t".join, rows)]
    write_durably(data, "".join(f"{line}\n" for line in lines).encode())
    yield f"\nWhat it looked at while it wrote the German one: {picture}"
    yield f"The pairs it learned from: {data}"
    yield NextStep("Translate with", ("translate", folder, "--to", "fr", text))


DEMO = Demo(
    verb="translator",
    settings={
        "tokenizer": "char",
        "hidden_size": 64,
        "embedding_size": 64,
        "epochs": 8,
        "patience": None,
        "batch_size": 64,
        "learning_rate": 5e-3,
        "schedule": "cosine",
        "warmup": 50,
        "dropout": 0.0,
        "label_smoothing": 0.0,
    },
    materials=_materials,
    intro=_intro,
    story=_story,
    scored_on="Scores on days it has not seen",
)
