"""Commands heard in a running stream, between digits that are none, from voices that training has not heard."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ostinato.data import Recordings
from ostinato.demos.demo import Demo, Materials, Shown
from ostinato.demos.voices import COMMANDS, DIGITS, RATE, Voice, speak
from ostinato.tasks import SequenceClassifier
from ostinato.tasks.classification.spotting import Spotting
from ostinato.tasks.classification.spotting_picture import draw_posteriors
from ostinato.tasks.estimator import NextStep

VOICES = {"training": range(24), "validation": range(24, 30), "test": range(30, 40)}
"""Seeds of the voices of each part."""

NOISE = 0.01
"""Amplitude of the noise behind every voice, at most."""

BEARABLE = 1.0
"""False alarms an hour that somebody who leaves it listening may put up with."""

SAID = "three stop go seven left off one up yes"
"""What the stream of the picture holds."""

Wave = npt.NDArray[np.float32]


def _materials() -> Materials:
    return Materials(_words("training", 2), _words("test", 1), _words("validation", 1))


def _words(part: str, times: int) -> Recordings:
    """Every command and every digit, said by each voice of a part so many times."""
    said = [(word, seed) for seed in VOICES[part] for word in (*COMMANDS, *DIGITS) for _ in range(times)]
    rng = np.random.default_rng(VOICES[part].start)
    waves = [_in_noise([speak(word, Voice.drawn(seed), rng)], rng) for word, seed in said]
    return Recordings.of_waves(waves, RATE, [word for word, _ in said], [f"voice {seed}" for _, seed in said])


def _in_noise(waves: Sequence[Wave], rng: np.random.Generator) -> Wave:
    """Waves one after another, in the same noise."""
    wave = np.concatenate(waves)
    noisy = wave + rng.standard_normal(len(wave), np.float32) * np.float32(rng.uniform(0, NOISE))
    return np.clip(noisy, -1, 1)


def _intro(materials: Materials) -> str:
    voices = ", ".join(f"{len(seeds)} for {part}" for part, seeds in VOICES.items())
    count = sum(map(len, materials))
    return (
        f"{count:,} words from a formant synthesiser, in noise: ten commands, and ten digits that are unknown to it. "
        f"Every voice speaks in one part only: {voices}.\n"
    )


def _story(model: SequenceClassifier, materials: Materials, folder: Path) -> Iterator[Shown]:
    spotting = model.spot(materials.test)
    yield "\nThe same words as one stream, in which digits are to be passed over:\n"
    yield spotting.rich()
    yield f"\n{_verdict(spotting)}\n"
    yield _worst(model, materials.test)
    sound = _stream()
    _write(folder / "stream.wav", sound)
    stream = model.stream()
    told = [*stream.feed(sound), *stream.flush()]
    draw_posteriors(model.model, sound, told, folder / "stream.png")
    spotting.plot(folder / "trade_off.png")
    yield f"\nA new voice says: {SAID}"
    yield f"Heard:            {', '.join(f'{each.keyword} ({each.seconds:.1f} s)' for each in told) or 'nothing'}"
    yield f"\nWhat the network says at every step: {folder / 'stream.png'}"
    yield f"Misses over false alarms an hour: {folder / 'trade_off.png'}\n"
    yield NextStep("Listen with", ("listen", folder, folder / "stream.wav"))


def _verdict(spotting: Spotting) -> str:
    """What the figures mean for somebody who would use it."""
    at, seconds = spotting.threshold, 3600 * spotting.hours
    alarms = int((spotting.alarms >= at).sum())
    told = f"It misses {spotting.missed(at):.0%} of the commands, and takes a digit for one {alarms} times in "
    if spotting.alarms_per_hour(at) <= BEARABLE:
        return f"{told}{seconds:.0f} seconds."
    return (
        f"{told}{seconds:.0f} seconds: far too often to leave it listening. Nothing has chosen its threshold; with "
        "--background `fit` does, for a rate of false alarms that you state, and more is missed then."
    )


def _worst(model: SequenceClassifier, test: Recordings) -> str:
    """One word that is heard wrongly, or the least sure one."""
    losses = model.losses(test)
    row = int(losses["loss"].argmax())
    found, voice = losses.iloc[row], test.clips[row].speaker
    what = f"{found['label']!r} by {voice}, heard as {found['told']!r}, {found['confidence']:.0%} sure"
    return f"Heard worst: {what}" if found["label"] == found["told"] else f"Heard wrongly: {what}"


def _stream() -> Wave:
    """Some commands and digits, with half a second of quiet around each."""
    rng, voice = np.random.default_rng(0), Voice.drawn(VOICES["test"].stop)
    quiet = np.zeros(RATE // 2, np.float32)
    return _in_noise([part for word in SAID.split() for part in (quiet, speak(word, voice, rng))] + [quiet], rng)


def _write(file: Path, wave: Wave) -> None:
    import soundfile  # not before: it is of the extra `audio`

    soundfile.write(file, wave, RATE)


DEMO = Demo(
    verb="classifier",
    settings={
        "streaming": True,
        "unknown": tuple(DIGITS),
        "hidden_size": 64,
        "channels": 16,
        "batch_size": 24,
        "learning_rate": 4e-3,
        "epochs": 14,
        "patience": None,
    },
    materials=_materials,
    intro=_intro,
    story=_story,
    scored_on="Scores on words of voices not heard",
)
