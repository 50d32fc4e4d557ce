"""What is said at the counter of a music shop, and what is not."""

import json
from collections.abc import Iterator
from pathlib import Path

from ostinato.demos.data.music_shop import DESCRIPTION, SOURCE, music_shop
from ostinato.demos.demo import Demo, Materials, Shown
from ostinato.storage import write_durably
from ostinato.tasks import Chatbot
from ostinato.tasks.estimator import NextStep

ASKED = (
    "Hello.",
    "How much is a cello?",
    "Can I rent one?",
    "Who teaches the harp here?",
    "Which planet has the most moons?",
    "Thank you.",
)
"""What is said to it at the end; the last question but one is not about a music shop."""


def _materials() -> Materials:
    return Materials(*music_shop().split(0.1))


def _intro(materials: Materials) -> str:
    return f"{len(materials.data) + len(materials.test)} dialogues: {DESCRIPTION}.\nSource: {SOURCE}.\n"


def _story(model: Chatbot, materials: Materials, folder: Path) -> Iterator[Shown]:
    data = folder / "dialogues.jsonl"
    write_durably(data, "".join(f"{json.dumps(dialogue.to_json())}\n" for dialogue in music_shop()).encode())
    yield "\nA conversation, seed 0:\n"
    conversation = model.conversation(seed=0)
    for said in ASKED:
        yield f"you: {said}\nbot: {conversation.say(said).text}"
    yield f"\nThe dialogues: {data}"
    yield NextStep("Talk to it with", ("chat", folder))


DEMO = Demo(
    verb="chatbot",
    settings={
        "speaker": "shop",
        "tokenizer": "word",
        "cell": "gru",
        "hidden_size": 96,
        "embedding_size": 96,
        "attention": "additive",
        "tied_output": False,
        "dropout": 0.1,
        "epochs": 20,
        "learning_rate": 8e-3,
        "schedule": "cosine",
        "batch_size": 32,
        "num_threads": 1,
    },
    materials=_materials,
    intro=_intro,
    story=_story,
    scored_on="Scores on the held-out 10% of the dialogues",
)
