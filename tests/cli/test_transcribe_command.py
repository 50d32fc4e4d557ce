"""`ostinato fit transcriber` and `transcribe`: from files to texts."""

import json

import numpy as np
import pytest
import soundfile
from command import error_of, run

SMALL = ["--set=hidden_size=8", "--set=num_layers=1", "--set=channels=4", "--set=epochs=1"]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A manifest of 20 recordings, high and low."""
    folder, rng = tmp_path_factory.mktemp("recordings"), np.random.default_rng(0)
    for number in range(20):
        wave = np.sin(np.arange(4000) * (0.1 + 0.1 * (number % 2))) / 2 + rng.normal(size=4000) * 0.01
        soundfile.write(folder / f"{number}.wav", wave, 8000)
    rows = [f"{number}.wav,{'high' if number % 2 else 'low'}" for number in range(20)]
    (folder / "clips.csv").write_text("\n".join(["audio,text", *rows]))
    return folder


@pytest.fixture(scope="module")
def model(recordings):
    ended = run("fit", "transcriber", recordings / "clips.csv", "--out", recordings / "model", *SMALL)
    assert ended.code == 0, ended.err
    assert "WER %" in ended.out
    assert "95 % interval" in ended.out
    return recordings / "model"


def test_one_file_gives_its_text_and_several_a_line_each(model, recordings):
    one = run("transcribe", model, recordings / "0.wav")
    assert (one.code, one.err, one.out.count("\n")) == (0, "", 1)
    several = run("transcribe", model, recordings / "0.wav", recordings / "1.wav")
    assert [line.split("\t")[0] for line in several.out.splitlines()] == [
        str(recordings / "0.wav"),
        str(recordings / "1.wav"),
    ]


def test_json_has_a_line_for_each_file(model, recordings):
    lines = run("transcribe", model, recordings / "0.wav", recordings / "1.wav", "--json").out.splitlines()
    assert [set(json.loads(line)) for line in lines] == [{"audio", "text", "confidence"}] * 2


def test_what_cannot_be_read_is_named(model, recordings):
    assert "none.wav" in error_of("transcribe", model, recordings / "none.wav")
    broken = recordings / "broken.wav"
    broken.write_bytes(b"RIFF and nothing else")
    assert "broken.wav" in error_of("transcribe", model, broken)
