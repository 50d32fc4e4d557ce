"""`ostinato demo`: from a series in the package to a model, a plot and a line to go on with."""

import shlex

import pandas as pd
import pytest
from command import error_of, run

from ostinato.demos.data import EMBEDDED
from ostinato.demos.registry import DEMOS
from ostinato.training import DistributedContext

SERIES = ["co2", "sunspots"]


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    for name in SERIES:
        for setting, value in {"hidden_size": 4, "epochs": 1, "batches_per_epoch": 2}.items():
            monkeypatch.setitem(DEMOS[name].load().settings, setting, value)


def test_the_help_names_every_demo():
    shown = run("demo", "--help").out
    assert all(f"{name}:" in shown for name in DEMOS)


@pytest.mark.parametrize("name", SERIES)
def test_it_leaves_a_model_a_plot_and_the_data_and_runs_again_over_them(name, tmp_path):
    out = tmp_path / "demo"
    ended = run("demo", name, "--out", out, columns=500)
    assert (ended.code, ended.err) == (0, "")
    assert EMBEDDED[name].description in ended.out
    assert EMBEDDED[name].source in ended.out
    assert "\nridge " in ended.out
    assert (out / "forecast.png").read_bytes().startswith(b"\x89PNG")
    assert len(pd.read_csv(out / f"{name}.csv")) > 100
    line = ended.out.splitlines()[-1].removeprefix("Forecast with: ")
    assert run(*shlex.split(line)[1:]).code == 0
    assert "holds a Forecaster saved on" in error_of("demo", name, "--out", out)
    assert run("demo", name, "--out", out, "--force").code == 0


def test_an_unknown_name_is_refused_with_those_there_are():
    assert error_of("demo", "tides") == f"no demo 'tides': choose one of {', '.join(DEMOS)}"


def test_a_foreign_folder_is_refused(tmp_path):
    (tmp_path / "thesis.doc").touch()
    ended = run("demo", "--out", tmp_path)
    assert ended.code == 2
    assert ended.err.startswith(f"error: {tmp_path} holds thesis.doc")


def test_only_the_first_process_prints_and_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(DistributedContext, "main", False)
    assert run("demo", "sunspots", "--out", tmp_path / "demo") == (0, "", "")
    assert not (tmp_path / "demo" / "forecast.png").exists()


def test_the_default_folder_is_written_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("demo", "sunspots").code == 0
    assert run("demo", "co2").code == 0
    assert {"co2.csv", "sunspots.csv"} <= {path.name for path in (tmp_path / "demo").iterdir()}
