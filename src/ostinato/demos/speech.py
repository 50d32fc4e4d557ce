"""Strings of digits, spoken by a synthesiser of a few lines: written down as they are spoken."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ostinato.data.audio import Recordings
from ostinato.demos.demo import Demo, Materials, Shown
from ostinato.demos.voices import DIGITS, RATE, Voice, speak
from ostinato.tasks import Transcriber
from ostinato.tasks.estimator import NextStep

TRAINING, VALIDATION, TEST = 300, 40, 60
"""Strings of each part; the voices of each are heard in no other."""

VOICES = 12
"""Of each part."""

LENGTHS = (2, 5)
"""Digits of a string, at least and at most."""

SHOWN = 0.4
"""Seconds of sound between two looks at what is written so far."""


def _strings(count: int, seed: int) -> Recordings:
    """Spoken strings of digits."""
    rng = np.random.default_rng(seed)
    said = [" ".join(rng.choice(list(DIGITS), rng.integers(LENGTHS[0], LENGTHS[1] + 1))) for _ in range(count)]
    voices = [Voice.drawn(1000 * seed + number % VOICES) for number in range(count)]
    return Recordings.of_waves([speak(text, voice, rng) for text, voice in zip(said, voices, strict=True)], RATE, said)


def _materials() -> Materials:
    parts = ((TRAINING, 11), (VALIDATION, 12), (TEST, 14))
    training, validation, test = (_strings(count, seed) for count, seed in parts)
    return Materials(training, test, validation)


def _intro(materials: Materials) -> str:
    minutes = sum(clip.seconds for clip in materials.data.clips) / 60
    return (
        f"{len(materials.data)} strings of digits, {minutes:.0f} minutes, spoken by a small synthesiser in {VOICES} "
        f"voices; scored on {len(materials.test)} strings in {VOICES} voices that training has not heard. It learns "
        "from whole recordings and their texts alone where each letter is said.\n"
    )


def _story(model: Transcriber, materials: Materials, folder: Path) -> Iterator[Shown]:
    import soundfile

    test = materials.test
    for number, clip in enumerate(test.clips[:5]):
        soundfile.write(folder / f"{number}.wav", clip.wave(), RATE)
    yield f"\nAs it is spoken, {test.require_texts()[0]!r}:\n{_followed(model, test)}"
    worst = model.worst(test, 1).iloc[0]
    row = list(test.names).index(worst["audio"])
    heard = "Heard worst" if worst["loss"] else "All are heard right, such as"
    yield f"\n{heard}: {worst['text']!r}, written as {worst['told']!r}."
    model.plot(test.take(np.array([row])), folder / "heard.png")
    yield f"Where its letters are heard: {folder / 'heard.png'}"
    yield NextStep("Have it write", ("transcribe", folder, folder / "0.wav", folder / "1.wav"))


def _followed(model: Transcriber, test: Recordings) -> str:
    """What is written of the first recording, while it is played."""
    stream, wave = model.stream(None), test.clips[0].wave()
    chunk = round(SHOWN * stream.rate)
    parts = (stream.feed(wave[start : start + chunk])[-1:] for start in range(0, len(wave), chunk))
    heard = [each for part in parts for each in part] + stream.flush()
    return "\n".join(f"  {each.end:4.1f} s  {each.text}{'' if each.final else ' ...'}" for each in heard)


DEMO = Demo(
    verb="transcriber",
    settings={
        "hidden_size": 64,
        "num_layers": 1,
        "channels": 16,
        "bidirectional": False,
        "lexicon": "training",
        "epochs": 40,
        "num_threads": 1,
        "patience": None,
        "learning_rate": 0.005,
        "dropout": 0.1,
        "specaugment": False,
    },
    materials=_materials,
    intro=_intro,
    story=_story,
    scored_on="Scores on voices not heard",
)
