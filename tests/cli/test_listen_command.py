"""`ostinato listen`, and `evaluate --background`: keywords in files, and at the microphone."""

import json

import numpy as np
import pytest
from audio_scenario import tone, write
from command import error_of, run

from ostinato.data import microphone

SMALL = [
    "--streaming",
    *(
        f"--set={each}"
        for each in ("hidden_size=12", "channels=4", "mels=16", "batch_size=8", "specaugment=false", "dropout=0")
    ),
]
RATE, PITCH = 8000, {"high": 1800, "low": 300}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for label, pitch in PITCH.items():
        for number in range(16):
            write(folder / "words" / label / f"{number}.wav", tone(0.3, RATE, pitch + number, seed=number), RATE)
    for number in range(3):
        write(folder / "music" / f"{number}.wav", tone(3.0, RATE, 800, seed=number), RATE)
    return folder


@pytest.fixture(scope="module")
def model(clips):
    steps = ["--set=epochs=10", "--set=learning_rate=0.02", "--background", clips / "music"]
    ended = run("fit", "classifier", clips / "words", "--out", clips / "model", *SMALL, *steps)
    assert ended.code == 0, ended.err
    return clips / "model"


@pytest.fixture(scope="module")
def evening(clips):
    quiet = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 1e-3
    parts = [quiet, tone(0.3, RATE, PITCH["low"], seed=50), quiet, tone(0.3, RATE, PITCH["high"], seed=51), quiet]
    return write(clips / "evening.wav", np.concatenate(parts), RATE)


def test_a_file_is_heard_and_each_keyword_has_its_time(model, evening):
    ended = run("listen", model, evening, "--threshold=0.3")
    assert (ended.code, ended.err) == (0, "")
    lines = [line.split() for line in ended.out.splitlines()]
    assert [line[2] for line in lines] == ["low", "high"]
    assert 1 < float(lines[0][0]) < 1.6 < 2.3 < float(lines[1][0]) < 2.9


def test_several_files_are_named_and_json_has_all(model, evening):
    ended = run("listen", model, evening, evening, "--threshold=0.3", "--json")
    told = [json.loads(line) for line in ended.out.splitlines()]
    assert [each["keyword"] for each in told] == ["low", "high"] * 2
    assert set(told[0]) == {"audio", "keyword", "seconds", "confidence"}
    assert str(evening) in run("listen", model, evening, evening, "--threshold=0.3").out


def test_the_microphone_is_heard(model, evening, monkeypatch):
    import soundfile

    sound, _ = soundfile.read(evening, dtype="float32")
    monkeypatch.setattr(microphone, "microphone", lambda rate: np.array_split(sound, 37))
    assert [line.split()[2] for line in run("listen", model, "--mic", "--threshold=0.3").out.splitlines()] == [
        "low",
        "high",
    ]


def test_a_stream_is_scored_with_background_and_drawn(model, clips, tmp_path):
    where = ["--background", clips / "music" / "1.wav"]
    ended = run("evaluate", model, clips / "words", *where, "--plot", tmp_path / "det.png")
    assert ended.code == 0, ended.err
    assert "false alarms an hour" in ended.out
    assert (tmp_path / "det.png").stat().st_size > 1000
    told = json.loads(run("evaluate", model, clips / "words", *where, "--json").out)["stream"]
    assert told["keywords"] == 32
    assert told["background_hours"] == pytest.approx(3 / 3600)
    assert told["false_alarms_per_hour"] <= 1200  # one, at most
    assert told["missed"] < 0.5


def test_what_is_missing_is_named(model, evening, clips):
    assert error_of("listen", model) == "give recordings to listen to, or --mic"
    assert error_of("listen", model, evening, "--mic") == "give recordings to listen to, or --mic"
    assert "none.wav" in error_of("listen", model, clips / "none.wav")
    assert "threshold must be from 0 to 1" in error_of("listen", model, evening, "--threshold=2")
    assert "give that, too" in error_of("evaluate", model, clips / "words", "--plot", clips / "det.png")
