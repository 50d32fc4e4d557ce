"""`ostinato doctor`, and `--doctor` of `ostinato fit`."""

import json

import pytest
from command import TINY, error_of, run


def test_it_prints_a_verdict_and_writes_a_page(model, sales, tmp_path):
    ended = run("doctor", model, sales, "--html", tmp_path / "doctor.html", columns=200)
    assert (ended.code, ended.err) == (0, "")
    verdict, _, reason = ended.out.splitlines()[0].partition(": ")
    assert verdict in ("healthy", "vanishing", "exploding", "saturated", "dead", "not learning")
    assert reason
    assert ended.out.splitlines()[-1] == f"Report: {tmp_path / 'doctor.html'}"
    page = (tmp_path / "doctor.html").read_text()
    assert f"<h1>{model.name} on {sales.name}</h1>" in page
    assert f"<strong>{verdict}</strong>" in page


def test_json_has_the_figures_of_each_layer(model, sales, tmp_path):
    ended = run("doctor", model, sales, "--json", "--html", tmp_path / "doctor.html")
    found = json.loads(ended.out)
    assert {"verdict", "reason", "findings", "layers", "needed_lag", "exponents"} <= found.keys()
    assert all({"rate", "reach", "growth", "largest_state"} <= layer.keys() for layer in found["layers"].values())


def test_a_page_that_would_hide_the_data_is_refused(model, sales):
    assert "would be written over the data" in error_of("doctor", model, sales, "--html", sales)


def looks(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == "doctor"]


@pytest.mark.parametrize("asked", [["--doctor"], ["--doctor", "watch"], ["--doctor", "fix"]])
def test_fit_looks_while_it_trains_and_tells_the_last_look(asked, sales, tmp_path):
    ended = run("fit", "forecaster", *asked, sales, "--out", tmp_path / "model", *TINY, columns=200)
    assert ended.code == 0
    (look,) = looks(tmp_path / "model")
    assert look["step"] == 1
    assert ended.err.splitlines()[-1] == f"doctor, last look at step 1: {'; '.join(look['findings'])}"


def test_another_doctor_is_refused(sales, tmp_path):
    error = error_of("fit", "forecaster", sales, "--doctor=guess", "--out", tmp_path / "model", *TINY)
    assert "doctor = 'guess'" in error


def test_the_help_says_what_the_doctor_does():
    assert "Measure gradients through time" in run("fit", "language-model", "--help", columns=200).out
