"""`ostinato detect`: a table of anomalies, a line that counts them, a picture."""

import io

import numpy as np
import pandas as pd
import pytest
from command import error_of, run

from ostinato import SequenceClassifier, load


@pytest.fixture(scope="module")
def spiked(sales, tmp_path_factory):
    """`sales` with a value after the model's end that is far out."""
    frame = pd.read_csv(sales)
    frame.loc[140, "sales"] = 3000.0
    path = tmp_path_factory.mktemp("spiked") / "sales.csv"
    frame.to_csv(path, index=False)
    return path


def test_anomalies_stand_on_standard_output_and_their_number_on_standard_error(model, spiked, tmp_path):
    ended = run("detect", model, spiked, "--plot", tmp_path / "anomalies.png")
    assert ended.code == 0
    shown = pd.read_csv(io.StringIO(ended.out))
    exact = load(model).detect(spiked)
    assert list(shown) == list(exact)
    assert shown["date"].tolist() == exact[exact["anomaly"]]["date"].astype(str).tolist()
    assert "2024-05-20" in set(shown["date"])
    count = f"{len(shown)} of 30 observations lie outside the 95 % interval (5 % are expected to)\n"
    assert ended.err == count
    assert (tmp_path / "anomalies.png").read_bytes().startswith(b"\x89PNG")


def test_all_rows_a_level_and_a_threshold(model, spiked):
    ended = run("detect", model, spiked, "--all", "--level", "0.8", "--threshold", "20")
    shown = pd.read_csv(io.StringIO(ended.out))
    assert len(shown) == 30
    assert shown["anomaly"].tolist() == (shown["score"] > 20).tolist()
    assert "more than 20 times as far from the median as the ends of the 80 % interval" in ended.err


def test_standard_input_and_a_file_to_write(model, spiked, tmp_path, monkeypatch):
    with spiked.open("rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
        assert run("detect", model, "-", "--all", "--out", tmp_path / "all.csv").out == ""
    written = pd.read_csv(tmp_path / "all.csv")
    assert np.array_equal(written["score"], load(model).detect(spiked)["score"])


def test_where_nothing_is_out_of_the_ordinary_there_is_a_header(model, sales):
    ended = run("detect", model, sales, "--threshold", "1e6")
    assert ended.out == "unique_id,date,y,forecast,low,high,score,anomaly\n"


def test_what_it_cannot_do_is_refused_in_one_line(model, spiked, tmp_path):
    assert error_of("detect", model, spiked, "--level", "0.99").startswith("--level 0.99: the model has the intervals")
    assert "threshold must be above 0" in error_of("detect", model, spiked, "--threshold", "-1")
    assert "written over the data" in error_of("detect", model, spiked, "--out", spiked)
    assert "no such file" in error_of("detect", model, tmp_path / "no.csv")
    assert "ends in .png" in error_of("detect", model, spiked, "--plot", tmp_path / "no.jpg")
    texts = [f"good {number}" for number in range(20)] + ["bad"] * 20
    classifier = SequenceClassifier(hidden_size=4, embedding_size=4, epochs=1).fit((texts, ["up"] * 20 + ["down"] * 20))
    classifier.save(tmp_path / "model")
    assert error_of("detect", tmp_path / "model", spiked) == (
        f"detect is for forecasters; {tmp_path / 'model'} is a SequenceClassifier"
    )
