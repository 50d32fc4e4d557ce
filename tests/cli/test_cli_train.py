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

from ostinato.cli.train import program
from ostinato.training import TrainingLogger

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
