"""Interruption: what is told, and that the training can go on to the same end."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pytest
from command import TINY, run

from ostinato import Forecaster
from ostinato.cli.train import program
from ostinato.training import Interrupted, TrainingLogger

SETTINGS = [*TINY[:-1], "--set=epochs=60"]


def weights(folder):
    [path] = folder.glob("weights-*.safetensors")
    return path.read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_training_saves_a_checkpoint_and_says_how_to_go_on(number, sales, tmp_path, monkeypatch):
    record = TrainingLogger.record

    def interrupting(self, line):
        record(self, line)
        if line.step == 3:
            signal.raise_signal(number)

    out = tmp_path / "a model"
    command = ["fit", "forecaster", sales, "--out", out, *TINY]
    with monkeypatch.context() as patch:
        patch.setattr(TrainingLogger, "record", interrupting)
        ended = run(*command)
    told = "interrupted after optimiser step 4; a checkpoint is saved\ngo on with: "
    assert (ended.code, ended.out) == (130, "")
    assert ended.err.startswith(told)
    resuming = shlex.split(ended.err.removeprefix(told))
    assert resuming[1:] == [*map(str, command), "--resume"]
    assert "go on with --resume" in run(*command).err

    assert run(*resuming[1:]).code == 0
    assert run("fit", "forecaster", sales, "--out", tmp_path / "whole", *TINY).code == 0
    assert weights(out) == weights(tmp_path / "whole")


def test_the_line_that_is_told_resumes_when_pasted(sales, tmp_path):
    """From a shell of its own, as a person would: Ctrl-C, then the line."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    script = Path(sys.executable).parent / "ostinato"
    command = [script, "fit", "forecaster", sales, "--out", "model", *SETTINGS]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "model" / "metrics.jsonl").exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
    assert process.returncode == 130
    line = told.splitlines()[1].removeprefix("go on with: ")
    resumed = subprocess.run(line, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (resumed.returncode, resumed.stderr) == (0, "")

    assert run("fit", "forecaster", sales, "--out", tmp_path / "whole", *SETTINGS).code == 0
    assert weights(tmp_path / "model") == weights(tmp_path / "whole")


def test_the_program_is_named_as_it_was_started(tmp_path, monkeypatch):
    def started_as(first, path=""):
        monkeypatch.setenv("PATH", path)
        with mock.patch.object(sys, "argv", [str(first)]):
            return program("info", "my model")

    script = tmp_path / "ostinato"
    script.touch(mode=0o755)
    assert started_as(script, path=str(tmp_path)) == "ostinato info 'my model'"
    assert started_as(script) == f"{script} info 'my model'"
    assert started_as(tmp_path / "__main__.py") == f"{sys.executable} -m ostinato info 'my model'"


def test_a_forecaster_is_trained_anew_on_all_rows_once_it_is_scored(sales, tmp_path):
    fitted = run("fit", "forecaster", sales, "--out", tmp_path / "all", *TINY)
    kept = run("fit", "forecaster", sales, "--out", tmp_path / "scored", "--no-refit", *TINY)
    assert "Training anew on all rows (--no-refit keeps the model that was scored)." in fitted.out
    assert "anew" not in kept.out
    assert weights(tmp_path / "all") != weights(tmp_path / "scored")
    assert Forecaster.load(tmp_path / "all").metrics is not None
    assert "nothing to score" in run("evaluate", tmp_path / "all", sales).err


def test_ctrl_c_while_training_anew_leaves_the_model_that_was_scored(sales, tmp_path, monkeypatch):
    def interrupting(*arguments, **named):
        raise Interrupted(None, 3)

    monkeypatch.setattr(Forecaster, "refit", interrupting)
    ended = run("fit", "forecaster", sales, "--out", tmp_path / "model", *TINY)
    assert ended.code == 130
    assert ended.err.endswith("model holds the model that was scored\n")
    assert run("predict", tmp_path / "model", sales).code == 0


def test_what_cannot_be_trained_without_scores_is_not_trained_anew_and_says_so(sales, tmp_path):
    fitted = run("fit", "forecaster", sales, "--out", tmp_path / "model", *TINY, "--set", "schedule=plateau")
    assert "note: not trained anew on all rows: plateau needs rows kept from training" in fitted.out


def test_ctrl_c_after_an_epoch_leaves_a_model_that_works(sales, tmp_path, monkeypatch):
    record = TrainingLogger.record

    def interrupting(self, line):
        record(self, line)
        if line.kind == "epoch":
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(TrainingLogger, "record", interrupting)
    ended = run("fit", "forecaster", sales, "--out", tmp_path / "model", *TINY)
    assert ended.code == 130
    assert f"a checkpoint is saved, and the best model so far, unscored, in {tmp_path / 'model'}" in ended.err
    assert run("predict", tmp_path / "model", sales).code == 0
    monkeypatch.undo()
    assert run("fit", "forecaster", sales, "--out", tmp_path / "model", *TINY, "--resume").code == 0
