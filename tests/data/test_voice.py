"""Texts spoken by eSpeak NG."""

import subprocess
import sys

import numpy as np
import pytest

from ostinato.data import Voice, speak
from ostinato.data.voice import ENGLISH, RATE, VARIANTS
from ostinato.errors import OstinatoError

pytest.importorskip("espeakng_loader")


def test_a_text_is_the_same_wave_whatever_is_spoken_beside_it():
    text, voice = "a large latte", Voice("en-us", "f2")
    alone = speak([text], [voice])[0]
    beside = speak(["get me a mocha", text, text], [Voice("en", "m3"), voice, voice])
    assert (beside[1] == alone).all()
    assert (beside[2] == alone).all()


def test_another_process_speaks_alike():
    program = (
        "import sys; from ostinato.data import Voice, speak; "
        "sys.stdout.buffer.write(speak(['a large latte'], [Voice('en-us', 'f2')])[0].tobytes())"
    )
    spoken = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    assert spoken == speak(["a large latte"], [Voice("en-us", "f2")])[0].tobytes()


def test_voices_differ():
    waves = speak(["a large latte"] * 4, [Voice(), Voice(variant="m2"), Voice("en-gb-scotland"), Voice(pitch=80)])
    assert len({wave.tobytes() for wave in waves}) == 4


def test_a_quick_voice_takes_less_time():
    slow, quick = speak(["a large latte with milk"] * 2, [Voice(speed=100), Voice(speed=220)])
    assert len(quick) < 0.7 * len(slow)
    assert 1 < len(slow) / RATE < 5


def test_every_voice_that_is_drawn_speaks():
    every = [Voice(ENGLISH[number % len(ENGLISH)], variant) for number, variant in enumerate(VARIANTS)]
    assert all(np.abs(wave).max() > 0.05 for wave in speak(["two coffees"] * len(every), every))
    drawn = [Voice.drawn(np.random.default_rng(seed)) for seed in range(20)]
    assert len(set(drawn)) == 20
    assert Voice.drawn(np.random.default_rng(0), "de").language == "de"


def test_letters_beyond_ascii_are_spoken():
    assert len(speak(["ein großer Kaffee für dich"], [Voice("de")])[0]) > RATE


@pytest.mark.parametrize(
    ("text", "voice", "said"),
    [
        ("", Voice(), "cannot be spoken"),
        ("two\0three", Voice(), "cannot be spoken"),
        ("two", Voice("xx"), "no voice 'xx'"),
        ("two", Voice("en", "f99"), "variant='f99': there are"),
        ("two", Voice(pitch=100), "pitch=100"),
        ("two", Voice(speed=1), "speed=1"),
    ],
)
def test_what_cannot_be_spoken_says_why(text, voice, said):
    with pytest.raises(OstinatoError, match=said):
        speak([text], [voice])


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("ostinato.data.voice.find_spec", lambda name: None)
    with pytest.raises(OstinatoError, match=r"pip install 'ostinato\[voice\]'"):
        speak(["two"], [Voice()])
