"""`ostinato predict`: numbers a person can read, files that are whole, errors by name."""

import io

import numpy as np
import pandas as pd
import pytest
from command import TINY, error_of, run

from ostinato import load
from ostinato.cli.digits import rounded_csv


def test_standard_output_holds_the_forecast_and_nothing_else_rounded_to_seven_digits(model, sales):
    ended = run("predict", model, sales)
    assert (ended.code, ended.err) == (0, "")
    header, first = ended.out.splitlines()[:2]
    assert header.startswith("unique_id,date,forecast,q0.025,q0.1,")
    name, day, *numbers = first.split(",")
    assert (name, day) == ("sales", "2024-05-30")
    assert all(len(number.replace(".", "")) <= 7 for number in numbers)
    shown = pd.read_csv(io.StringIO(ended.out))
    exact = load(model).predict(sales)
    assert len(shown) == 7
    assert shown["forecast"].to_numpy() == pytest.approx(exact["forecast"].to_numpy(), rel=1e-6)


def test_large_and_small_numbers_are_written_out(model, sales, monkeypatch):
    table = pd.DataFrame({"step": [1, 2], "forecast": [123456789.123, 0.0000123456789]})
    monkeypatch.setattr(type(load(model)), "predict", lambda self, data, future=None: table)
    assert run("predict", model, sales).out == "step,forecast\n1,123456800\n2,0.00001234568\n"


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1e9 + 1.25, 1e9 + 1.5, 1e9 + 3], ["1000000001.25", "1000000001.5", "1000000003"]),
        ([-70000.0001, -70000.0002, -70000.0004], ["-70000.0001", "-70000.0002", "-70000.0004"]),
        ([0.1 + 0.2, 1 / 3, 0.9], ["0.3", "0.3333333", "0.9"]),
        ([5.0, 5.0, np.nan], ["5", "5", ""]),
        ([0.0, 0.0, 0.0], ["0", "0", "0"]),
    ],
)
def test_as_many_digits_are_shown_as_tell_the_numbers_of_a_series_apart(values, shown):
    table = pd.DataFrame({"unique_id": ["a"] * 3 + ["b"], "forecast": [*values, 1e-3 / 3]})
    lines = rounded_csv(table).splitlines()
    assert [line.split(",")[1] for line in lines[1:]] == [*shown, "0.0003333333"]


def test_numbers_of_one_row_are_told_apart_too():
    table = pd.DataFrame({"step": [1, 2], "q0.1": [1e8 + 0.25, 5], "q0.9": [1e8 + 0.5, 2 / 3]})
    assert rounded_csv(table) == "step,q0.1,q0.9\n1,100000000.25,100000000.5\n2,5,0.6666667\n"


def test_a_file_holds_it_in_full_precision(model, sales, tmp_path):
    ended = run("predict", model, sales, "--out", tmp_path / "forecast.csv")
    assert ended == (0, "", "")
    written = pd.read_csv(tmp_path / "forecast.csv")
    assert written["q0.9"].tolist() == load(model).predict(sales)["q0.9"].tolist()


def test_a_plot_is_drawn_beside_it(model, sales, tmp_path):
    ended = run("predict", model, sales, "--plot", tmp_path / "forecast.png")
    assert ended.code == 0
    assert ended.out.startswith("unique_id,")
    assert (tmp_path / "forecast.png").read_bytes().startswith(b"\x89PNG")


def test_places_that_cannot_be_written_to_are_refused(model, sales, tmp_path):
    assert "ends in .png" in error_of("predict", model, sales, "--plot", tmp_path / "forecast.jpg")
    assert "there is no folder" in error_of("predict", model, sales, "--plot", tmp_path / "no" / "forecast.png")
    assert "there is no folder" in error_of("predict", model, sales, "--out", tmp_path / "no" / "forecast.csv")
    assert "a directory" in error_of("predict", model, sales, "--out", tmp_path)
    before = sales.read_text()
    assert "written over the data" in error_of("predict", model, sales, "--out", sales)
    assert sales.read_text() == before


def test_data_and_models_that_are_not_there_are_told_of(model, sales, tmp_path):
    assert error_of("predict", model, tmp_path / "no.csv") == f"{tmp_path / 'no.csv'}: no such file"
    assert "give the folder that a model was saved to" in error_of("predict", tmp_path / "no", sales)
    assert "has no bundle.json" in error_of("predict", tmp_path, sales)


def test_data_without_the_columns_of_training_are_refused(model, tmp_path):
    (tmp_path / "other.csv").write_text("date,turnover\n2024-01-01,1\n2024-01-02,2\n")
    assert "no column 'sales'" in error_of("predict", model, tmp_path / "other.csv")


def test_numbers_that_can_be_read_in_two_ways_are_asked_about(sales, model, tmp_path):
    frame = pd.read_csv(sales)
    frame["sales"] = frame["sales"].map("{:,.0f}".format)
    tabbed = tmp_path / "sales.tsv"
    frame[frame["sales"].str.contains(",")].to_csv(tabbed, sep="\t", index=False)
    assert "can be read as" in error_of("predict", model, tabbed)
    thousands, decimals = (
        pd.read_csv(io.StringIO(run("predict", model, tabbed, option, ",").out))["forecast"].median()
        for option in ("--thousands", "--decimal")
    )
    assert 900 < thousands < 1100
    assert decimals < 100
    assert "decimal = 'comma'" in error_of("predict", model, tabbed, "--decimal", "comma")
    fitted = tmp_path / "model"
    assert "can be read as" in error_of("fit", "forecaster", tabbed, "--out", fitted, *TINY)
    assert run("fit", "forecaster", tabbed, "--out", fitted, *TINY, "--thousands", ",").code == 0
    assert load(fitted).predict(tabbed)["forecast"].median() == pytest.approx(1000, rel=0.1)


def test_a_frequency_and_a_zone_may_be_set(tmp_path):
    months = pd.date_range("2018-01-28", periods=60, freq="MS") + pd.Timedelta(days=27)
    data, folder = tmp_path / "sold.csv", tmp_path / "model"
    pd.DataFrame({"month": months, "sold": np.arange(60) % 12}).to_csv(data, index=False)
    set_ = ["--set=frequency=ME", "--set=zone=Europe/Berlin"]
    assert run("fit", "forecaster", data, "--out", folder, *TINY, *set_).code == 0
    first = run("predict", folder, data).out.splitlines()[1]
    assert first.startswith("sold,2023-02-28 00:00:00+01:00,")
    assert "frequency 'monthly' is not known" in error_of(
        "fit", "forecaster", data, "--out", tmp_path / "b", "--set=frequency=monthly"
    )
    assert "'Berlin' is the name of no time zone" in error_of(
        "fit", "forecaster", data, "--out", tmp_path / "b", "--set=zone=Berlin"
    )


def test_sample_paths_and_sums_are_printed_as_forecasts_are(model, sales):
    paths = pd.read_csv(io.StringIO(run("predict", model, sales, "--samples", 3).out))
    assert list(paths.columns) == ["unique_id", "date", "sample", "forecast"]
    assert len(paths) == 7 * 3
    total = pd.read_csv(io.StringIO(run("predict", model, sales, "--total", "horizon").out))
    assert len(total) == 1
    assert 6000 < total["forecast"].item() < 8000  # of seven days of about 1,000
    assert run("predict", model, sales, "--samples", 0).code == 2
    assert "horizon" in run("predict", model, sales, "--total", "all").err


def test_series_that_are_new_to_the_model_are_said(model, sales, tmp_path):
    long = pd.read_csv(sales).rename(columns={"sales": "y"}).assign(unique_id="newcomer")
    long.to_csv(tmp_path / "long.csv", index=False)
    fitted = tmp_path / "model"
    known = pd.concat([long.assign(unique_id=name) for name in ("a", "b")])
    known.to_csv(tmp_path / "known.csv", index=False)
    assert run("fit", "forecaster", tmp_path / "known.csv", "--out", fitted, "--no-refit", *TINY).code == 0
    ended = run("predict", fitted, tmp_path / "long.csv")
    assert ended.code == 0
    assert ended.err.startswith("note: 1 series is new to the model (newcomer): forecast by the past given here alone")
    assert run("predict", fitted, tmp_path / "known.csv").err == ""
