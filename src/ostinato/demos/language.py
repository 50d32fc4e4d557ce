"""Python's own source, character by character, to write some more of it."""

from collections.abc import Iterator
from pathlib import Path

from ostinato.demos.data.python_source import python_source
from ostinato.demos.demo import Demo, Materials, Shown
from ostinato.tasks import LanguageModel
from ostinato.tasks.estimator import NextStep

PROMPT = "    def "
BEGUN = ("        return ", "    if isinstance(val")
"""What the words to come are suggested for."""


def _materials() -> Materials:
    return Materials(*python_source().split(0.1))


def _intro(materials: Materials) -> str:
    paths = materials.data.text.paths
    return (
        f"{len(paths)} modules of this Python's standard library, {paths[0].name} to {paths[-1].name}, read character "
        "by character. This takes two minutes or so.\n"
    )


def _story(model: LanguageModel, materials: Materials, folder: Path) -> Iterator[Shown]:
    yield f"\nWhat it writes after {PROMPT!r}:\n"
    yield PROMPT + "".join(model.generate(PROMPT, length=300, temperature=0.6, seed=0))
    for text in BEGUN:
        words = ", ".join(f"{word} {share:.0%}" for word, share in model.suggest(text, k=4))
        yield f"\nWhat it suggests after {text!r}: {words}"
    yield ""
    yield NextStep("Let it write", ("generate", folder, "--prompt", "import "))
    yield NextStep("Ask for words", ("suggest", folder, "for key in "))


DEMO = Demo(
    verb="language-model",
    settings={  # for a megabyte of text within two minutes on two cores
        "tokenizer": "char",
        "hidden_size": 192,
        "embedding_size": 64,
        "bptt_steps": 100,
        "epochs": 8,
        "learning_rate": 4e-3,
        "num_threads": 1,
    },
    materials=_materials,
    intro=_intro,
    story=_story,
    scored_on="Scores on the last 10% of the source",
)
