"""Orders to a small robot, spoken by a synthesiser of a few lines: what is asked for, directly from sound."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ostinato.data.audio import Recordings
from ostinato.data.grammar import Grammar, Request, Sentence
from ostinato.demos.demo import Demo, Materials, Shown
from ostinato.demos.voices import RATE, Voice, speak
from ostinato.storage import write_durably
from ostinato.tasks import Assistant
from ostinato.tasks.assisting.model import Answer
from ostinato.tasks.estimator import NextStep
from ostinato.tasks.plot import save_plot

GRAMMAR = """\
expressions:
  move:
    - "go $way:way $steps:steps"
    - "$steps:steps [up, down] $side:way"
    - "go $way:way"
  lamp: ["$lamp:lamp $state:state", "$state:state $lamp:lamp"]
  stop: ["stop", "no (no) stop"]
slots:
  way: [left, right, up, down]
  side: [left, right]
  steps: ["one", "two", "three", "four"]
  lamp: [{first: [one]}, {second: [two]}, {third: [three]}]
  state: ["on", "off"]
replies:
  move: "I go {way}[, {steps} steps]."
  lamp: "The {lamp} lamp is {state}."
  stop: "I stop."
"""

TRAINING, VALIDATION, TEST = 320, 40, 60
"""Orders of each part; the voices of each are heard in no other."""


def _orders(grammar: Grammar, count: int, seed: int, voices: int) -> tuple[list[np.ndarray[Any, Any]], list[Sentence]]:
    """Spoken orders: waves, and what is said."""
    rng = np.random.default_rng(seed)
    said = [grammar.sample(rng) for _ in range(count)]
    speakers = [Voice.drawn(1000 * seed + number % voices) for number in range(count)]
    return [speak(each.text, voice, rng) for each, voice in zip(said, speakers, strict=True)], said


def _materials() -> Materials:
    grammar = Grammar(GRAMMAR)
    parts = [_orders(grammar, count, seed, 12) for count, seed in ((TRAINING, 1), (VALIDATION, 2), (TEST, 4))]
    training, validation, test = (Recordings.of_waves(waves, RATE, list(map(str, said))) for waves, said in parts)
    return Materials(training, test, validation)


def _intro(materials: Materials) -> str:
    return (
        f"{len(materials.data)} orders to a robot, {Grammar(GRAMMAR).count} different ones, spoken by a small "
        f"synthesiser in 12 voices; scored on {len(materials.test)} orders in voices that training has not heard.\n"
    )


def _story(model: Assistant, materials: Materials, folder: Path) -> Iterator[Shown]:
    import soundfile

    write_durably(folder / "grammar.yaml", GRAMMAR.encode())
    test = materials.test
    for number, clip in enumerate(test.clips[:5]):
        soundfile.write(folder / f"{number}.wav", clip.wave(), RATE)
    answers = model.answers(test)
    asked = [Request.of_text(text) for text in test.require_texts()]
    wrong = [row for row, each in enumerate(answers) if each.request != asked[row]]
    shown = wrong[0] if wrong else 0
    yield f"\n{'Heard wrongly' if wrong else 'All are heard right, such as'}:\n{_told(answers[shown], asked[shown])}"
    save_plot(_picture(model, test, shown), folder / "heard.png")
    yield f"\nWhat it hears there, word by word: {folder / 'heard.png'}"
    yield NextStep("Ask it", ("ask", folder, folder / "0.wav"))


def _told(answer: Answer, asked: Request) -> str:
    return f"  asked for   {asked}\n  understood  {answer.request}\n  reply       {answer.reply}"


def _picture(model: Assistant, test: Recordings, row: int) -> Figure:
    """The probability of each word over time, below the bands of the sound."""
    clip = test.clips[row]
    (heard,) = model.model.hear([clip])
    figure = Figure(figsize=(8, 6), layout="constrained")
    bands, words = figure.subplots(2, 1, sharex=True)
    extent = (0.0, clip.seconds)
    frames = model.model.modality.steps(clip)
    bands.imshow(frames.T, origin="lower", aspect="auto", extent=(*extent, 0, frames.shape[1]))
    bands.set(ylabel="band", title=f"heard: {model.answers(test.take(np.array([row])))[0].heard}")
    names = model.model.words
    words.imshow(
        np.exp(heard[:, 1:]).T, aspect="auto", extent=(*extent, len(names), 0), vmin=0, vmax=1, interpolation="nearest"
    )
    words.set(yticks=np.arange(len(names)) + 0.5, yticklabels=names, xlabel="seconds")
    return figure


DEMO = Demo(
    verb="assistant",
    settings={
        "grammar": Grammar(GRAMMAR),
        "hidden_size": 48,
        "num_layers": 1,
        "channels": 16,
        "batch_size": 8,
        "epochs": 30,
        "patience": None,
        "learning_rate": 0.005,
        "dropout": 0.1,
        "speed": 0.0,
        "threshold": 0.5,
    },
    materials=_materials,
    intro=_intro,
    story=_story,
    scored_on="Scores on voices not heard",
)
