"""`ostinato evaluate`: a table and a verdict for people, JSON for programs."""

import json

import pandas as pd
import pytest
from command import TINY, error_of, run


def test_it_prints_the_table_and_the_verdict(model, sales):
    ended = run("evaluate", model, sales)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("Backtest after the rows the model was fitted on, 24 forecasts:\n")
    for row in ("ostinato", "naive", "drift", "seasonal naive", "seasonal drift", "ridge"):
        assert f"\n{row} " in ended.out
    for word in ("MAE", "RMSE", "sMAPE %", "MASE", "CRPS", "coverage", "width", "95 %"):
        assert word in ended.out
    assert "…" not in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
    assert "No figure is better" in ended.out or "beats" in ended.out


def test_json_is_all_there_is_on_standard_output(model, sales):
    ended = run("evaluate", model, sales, "--json")
    assert (ended.code, ended.err) == (0, "")
    content = json.loads(ended.out)
    assert content["count"] == 24
    assert set(content["scores"]) >= {"ostinato", "naive", "ridge"}
    assert content["verdict"]


def test_a_stride_makes_fewer_forecasts(model, sales):
    assert json.loads(run("evaluate", model, sales, "--json", "--stride", 7).out)["count"] == 4


def test_data_without_new_rows_are_refused(model, sales, tmp_path):
    early = tmp_path / "early.csv"
    early.write_text("".join(sales.read_text().splitlines(keepends=True)[:100]))
    assert "nothing to score" in error_of("evaluate", model, early)


def test_the_worst_rows_are_refused_where_there_are_none(model, sales, tmp_path):
    assert error_of("evaluate", model, sales, "--worst", "3").startswith(
        "worst is for classifiers and taggers; this is"
    )
    assert "--out is where the rows of --worst" in error_of("evaluate", model, sales, "--out", tmp_path / "worst.csv")
    assert "written over the data" in error_of("evaluate", model, sales, "--worst", "3", "--out", sales)


def test_a_report_holds_the_scores_of_each_series(model, sales, tmp_path):
    report = tmp_path / "series.csv"
    ended = run("evaluate", model, sales, "--report", report)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.rstrip().endswith(f"Scores of each series: {report}")
    table = pd.read_csv(report)
    assert table["unique_id"].unique().tolist() == ["sales"]
    scores = json.loads(run("evaluate", model, sales, "--json").out)["scores"]
    assert dict(zip(table["model"], table["mae"], strict=True)) == pytest.approx(
        {name: each["mae"] for name, each in scores.items()}
    )
    assert "written over the data" in error_of("evaluate", model, sales, "--report", sales)


def test_fit_writes_one_too(sales, tmp_path):
    report = tmp_path / "series.csv"
    ended = run("fit", "forecaster", sales, "--out", tmp_path / "model", "--no-refit", "--report", report, *TINY)
    assert f"Scores of each series: {report}" in ended.out
    assert len(pd.read_csv(report)) == 6
    nothing = error_of(
        "fit", "forecaster", sales, "--out", tmp_path / "other", "--holdout", 0, "--report", tmp_path / "r.csv", *TINY
    )
    assert nothing == "--report: nothing is scored here: give --holdout or --test"
