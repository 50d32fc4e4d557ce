"""`ostinato fit transcriber` and `transcribe`: from files to texts."""

import json
import re

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
    lines = run("transcribe", model, recordings / "0.wav", recordings / "1.wav", "--format=json").out.splitlines()
    assert [set(json.loads(line)) for line in lines] == [{"audio", "text", "confidence", "words"}] * 2


def test_what_cannot_be_read_is_named(model, recordings):
    assert "none.wav" in error_of("transcribe", model, recordings / "none.wav")
    broken = recordings / "broken.wav"
    broken.write_bytes(b"RIFF and nothing else")
    assert "broken.wav" in error_of("transcribe", model, broken)


def test_other_texts_are_told_behind_the_likeliest(model, recordings):
    (line,) = run("transcribe", model, recordings / "0.wav", "--n-best=3", "--format=json").out.splitlines()
    found = json.loads(line)
    assert found["confidence"] >= found["others"][0]["confidence"]
    lines = run("transcribe", model, recordings / "0.wav", "--n-best=3").out.splitlines()
    assert [line.split("\t")[1] for line in lines] == [found["text"], *(each["text"] for each in found["others"])]


def test_the_search_is_changed_by_options(model, recordings):
    (recordings / "words.txt").write_text("low\n", encoding="utf-8")
    told = run("transcribe", model, recordings / "0.wav", "--lexicon", recordings / "words.txt").out
    assert re.fullmatch("(low)*", told.strip())  # no text of training has a space
    assert "'zebra' holds" in error_of("transcribe", model, recordings / "0.wav", "--hot-words=zebra")


def test_what_does_not_go_together_is_refused(model, recordings):
    two = [recordings / "0.wav", recordings / "1.wav"]
    assert "give recordings to write down, or --mic" in error_of("transcribe", model)
    assert "give one file" in error_of("transcribe", model, *two, "--format=srt")
    assert "of whole recordings" in error_of("transcribe", model, two[0], "--n-best=2", "--format=srt")
    assert "bidirectional=False" in error_of("transcribe", model, two[0], "--stream")


def test_long_files_are_heard_as_streams(recordings):
    folder = recordings / "streaming"
    made = run(
        "fit", "transcriber", recordings / "clips.csv", "--out", folder, *SMALL, "--set=bidirectional=false",
        "--set=max_audio_seconds=1",
    )  # fmt: skip
    assert made.code == 0, made.err
    wave = np.sin(np.arange(24000) * 0.1) / 2
    soundfile.write(recordings / "long.wav", wave, 8000)
    assert "max_audio_seconds=1" in error_of("transcribe", folder, recordings / "long.wav")
    for form in ("txt", "srt", "json"):
        told = run("transcribe", folder, recordings / "long.wav", "--stream", f"--format={form}")
        assert (told.code, told.err) == (0, "")


def test_the_worst_may_be_a_page_and_the_first_a_picture(model, recordings):
    told = run("evaluate", model, recordings / "clips.csv", "--worst=2", "--out", recordings / "worst.html")
    assert (told.code, told.err) == (0, "")
    assert "a real-time factor of" in told.out
    assert "<audio" in (recordings / "worst.html").read_text(encoding="utf-8")
    told = run("predict", model, recordings / "clips.csv", "--plot", recordings / "heard.png")
    assert (told.code, told.err) == (0, "")
    assert (recordings / "heard.png").is_file()
