"""`ostinato fit assistant` and `ask`: from recordings of orders to replies."""

import json

import numpy as np
import pytest
import soundfile
from command import error_of, run

GRAMMAR = "expressions: {play: [$pitch tone]}\nslots: {pitch: [low, high]}\nreplies: {play: 'A {pitch} tone.'}\n"
SMALL = ["--set=hidden_size=8", "--set=num_layers=1", "--set=channels=4", "--set=epochs=1"]


def tone(number):
    rng = np.random.default_rng(number)
    return np.sin(np.arange(4000) * (0.1 + 0.1 * (number % 2))) / 2 + rng.normal(size=4000) * 0.01


@pytest.fixture(scope="module")
def orders(tmp_path_factory):
    """A manifest of 20 orders, and a grammar."""
    folder = tmp_path_factory.mktemp("orders")
    for number in range(20):
        soundfile.write(folder / f"{number}.wav", tone(number), 8000)
    rows = [f'{n}.wav,play,"{{""pitch"": ""{"high" if n % 2 else "low"}""}}"' for n in range(20)]
    (folder / "orders.csv").write_text("\n".join(["audio,intent,slots", *rows]))
    (folder / "tones.yaml").write_text(GRAMMAR)
    return folder


@pytest.fixture(scope="module")
def model(orders):
    out = orders / "model"
    ended = run("fit", "assistant", orders / "orders.csv", "--grammar", orders / "tones.yaml", "--out", out, *SMALL)
    assert ended.code == 0, ended.err
    assert "F1 %" in ended.out
    assert "requests are taken" in ended.out
    return out


def test_one_file_gives_its_reply_and_several_a_line_each(model, orders):
    one = run("ask", model, orders / "0.wav", "--threshold", "0")
    assert one.out in ("A low tone.\n", "A high tone.\n")
    several = run("ask", model, orders / "0.wav", orders / "1.wav").out.splitlines()
    assert [line.split("\t")[0] for line in several] == [str(orders / "0.wav"), str(orders / "1.wav")]


def test_json_has_a_line_for_each_file(model, orders):
    lines = run("ask", model, orders / "0.wav", orders / "1.wav", "--json").out.splitlines()
    told = [json.loads(line) for line in lines]
    assert [set(each) for each in told] == [{"audio", "intent", "slots", "confidence", "taken", "reply", "heard"}] * 2
    assert told[0]["slots"]["pitch"] in ("low", "high")


def test_what_is_not_taken_says_how_sure(model, orders):
    assert run("ask", model, orders / "0.wav", "--threshold", "0.999").out.startswith("I did not understand: ")


def test_the_reply_is_spoken(model, orders, tmp_path):
    pytest.importorskip("espeakng_loader")
    assert run("ask", model, orders / "0.wav", "--say", tmp_path / "reply.wav").code == 0
    assert soundfile.info(tmp_path / "reply.wav").duration > 0.5
    assert "cannot be written" in run("ask", model, orders / "0.wav", "--say", tmp_path / "none" / "reply.wav").err


def test_the_microphone_is_answered_order_by_order(model, monkeypatch):
    quiet = np.random.default_rng(0).normal(size=800).astype(np.float32) * 1e-3
    chunks = [quiet] * 5 + [tone(1).astype(np.float32)] + [quiet] * 10
    monkeypatch.setattr("ostinato.data.microphone.microphone", lambda rate: iter(chunks))
    assert run("ask", model, "--mic", "--threshold", "0").out in ("A low tone.\n", "A high tone.\n")


def test_evaluate_and_predict_know_assistants(model, orders, tmp_path):
    assert "F1 %" in run("evaluate", model, orders / "orders.csv").out
    assert run("predict", model, orders / "orders.csv", "--out", tmp_path / "told.csv").code == 0
    assert (tmp_path / "told.csv").read_text().startswith("audio,intent,slots,confidence,taken,reply,heard")


def test_bad_input_is_one_clear_error(model, orders):
    assert "give recordings to answer, or --mic" in error_of("ask", model)
    assert "--say WAV speaks the reply to one file" in error_of("ask", model, "a.wav", "b.wav", "--say", "c.wav")
    assert "give a .wav file" in error_of("ask", model, orders / "0.wav", "--say", "reply.txt")
    assert "none.wav" in error_of("ask", model, orders / "none.wav")
    assert "--grammar FILE" in error_of("fit", "assistant", orders / "orders.csv", "--out", orders / "other")
