"""`ostinato demo memory`: tables, a plot, a CSV file and a verdict."""

import os
from unittest import mock

import pandas as pd
import pytest
from command import error_of, run

from ostinato.demos.memory import demo
from ostinato.demos.memory.starts import STARTS
from ostinato.demos.memory.trial import Budget
from ostinato.training import Interrupted, Trainer


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(demo, "LAGS", {"recall": (3, 5), "adding": (4,)})
    monkeypatch.setattr(demo, "BUDGET", Budget(hidden_size=4, steps=4, batch_size=4, check_every=2, rows=8))


def test_it_prints_a_table_a_task_and_a_verdict_and_leaves_a_plot_and_a_csv_file(tmp_path):
    out = tmp_path / "new" / "demo"
    ended = run("demo", "memory", "--out", out)
    assert (ended.code, ended.err) == (0, "")
    assert "recall: name the first symbol after T steps of noise. Score (share of right" in ended.out
    assert "adding: add the two marked ones of T numbers. Score (R2; 0 without" in ended.out
    assert max(map(len, ended.out.splitlines()[:-1])) <= 80
    for cell in STARTS:
        assert ended.out.count(f"\n{cell} ") == 2
    assert "task was learned:" in ended.out
    assert (out / "memory.png").read_bytes().startswith(b"\x89PNG")
    assert len(pd.read_csv(out / "memory.csv")) == 3 * len(STARTS)
    assert ended.out.splitlines()[-1].endswith(f"Saved to {out}: memory.png, memory.csv")
    assert run("demo", "memory", "--out", out).code == 0


def test_there_is_nothing_to_resume(tmp_path):
    assert error_of("demo", "memory", "--out", tmp_path, "--resume").endswith("start it without --resume")


def test_a_place_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").touch()
    assert "is a file" in error_of("demo", "memory", "--out", tmp_path / "file")


def test_it_trains_in_one_process(tmp_path):
    with mock.patch.dict(os.environ, WORLD_SIZE="2", RANK="0", LOCAL_RANK="0"):
        assert error_of("demo", "memory", "--out", tmp_path).endswith("start it without torchrun")


def test_an_interruption_ends_it_in_one_line(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise Interrupted(None, 3)

    monkeypatch.setattr(Trainer, "fit", interrupted)
    ended = run("demo", "memory", "--out", tmp_path / "demo")
    assert (ended.code, ended.err) == (130, "interrupted; nothing is kept: begin anew\n")
    assert not (tmp_path / "demo").exists()
