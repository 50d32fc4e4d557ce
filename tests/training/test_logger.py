import json
import sys

import pytest
import torch
from torch import nn

from ostinato.data.batches import IndexBatches
from ostinato.errors import OstinatoError
from ostinato.training import LossSum, MetricsRecord, Trainer, TrainingLogger, TrainingSettings
from ostinato.training import logger as logger_module


def record(step, epoch, kind="step", score=None):
    return MetricsRecord(kind, step, epoch, 0.5, score, 1e-3, 2.0, float(step), 1.0)


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def train(logger, epochs=2):
    x = torch.randn(8, 2)

    def loss(model, batch, state):
        return LossSum(model(x[batch]).square().mean(), 1)

    batches = IndexBatches(8, 2, torch.from_numpy)
    return Trainer(nn.Linear(2, 1), loss, TrainingSettings(epochs=epochs), logger=logger).fit(
        batches, lambda model: 1.0
    )


def test_there_is_a_line_for_every_epoch_and_for_every_so_many_steps(tmp_path):
    history = train(TrainingLogger(tmp_path / "new", every=3))
    written = lines(tmp_path / "new")
    assert [(line["kind"], line["epoch"], line["step"]) for line in written] == [
        ("step", 1, 3),
        ("epoch", 1, 4),
        ("step", 2, 6),
        ("epoch", 2, 8),
    ]
    assert [MetricsRecord(**line) for line in written if line["kind"] == "epoch"] == list(history.epochs)
    assert written[1]["score"] == 1.0
    assert all(line["seconds"] > 0 and line["steps_per_second"] > 0 and line["gradient_norm"] > 0 for line in written)


def test_a_new_training_starts_its_file_anew(tmp_path):
    train(TrainingLogger(tmp_path))
    train(TrainingLogger(tmp_path), epochs=1)
    assert [line["epoch"] for line in lines(tmp_path)] == [1]


def test_a_resumed_training_drops_the_lines_past_its_checkpoint_and_a_torn_one(tmp_path):
    before = TrainingLogger(tmp_path, every=1)
    before.begin(9, 0, 0)
    for step in (1, 2):
        before.record(record(step, 1))
    before.record(record(2, 1, "epoch", 0.3))
    before.record(record(3, 2))
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "st')
    after = TrainingLogger(tmp_path, every=1)
    after.begin(9, 2, 0)  # the checkpoint of step 2 was written before the epoch was scored
    assert [(line["kind"], line["step"]) for line in lines(tmp_path)] == [("step", 1), ("step", 2)]
    after.record(record(2, 1, "epoch", 0.3))
    after.record(record(3, 2))
    assert [(line["kind"], line["step"]) for line in lines(tmp_path)] == [
        ("step", 1),
        ("step", 2),
        ("epoch", 2),
        ("step", 3),
    ]


def test_a_metrics_file_of_something_else_is_named_by_line_and_left_alone(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"kind": "step", "epoch": 1, "step": 1}\nhello\n[]\n')
    with pytest.raises(OstinatoError, match=r"metrics\.jsonl, line 2"):
        TrainingLogger(tmp_path).begin(9, 2, 0)
    assert "hello" in (tmp_path / "metrics.jsonl").read_text()


def test_it_is_silent_when_stderr_is_no_terminal(capfd):
    train(TrainingLogger())
    train(None)
    assert capfd.readouterr() == ("", "")


def test_a_terminal_sees_a_bar(capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    train(TrainingLogger())
    out, err = capfd.readouterr()
    assert out == ""
    assert "epoch 2" in err
    assert "8/8" in err
    train(TrainingLogger(progress=False))
    assert capfd.readouterr() == ("", "")


def test_tensorboard_gets_the_same_numbers(tmp_path):
    train(TrainingLogger(tmp_path, every=1, tensorboard=True))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    losses = [line["loss"] for line in lines(tmp_path) if line["kind"] == "step"]
    assert [event.value for event in events.Scalars("step/loss")] == pytest.approx(losses)
    assert [event.step for event in events.Scalars("epoch/score")] == [4, 8]


def test_tensorboard_that_is_missing_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(OstinatoError, match=r"pip install 'ostinato\[tensorboard\]'"):
        TrainingLogger(tmp_path, tensorboard=True)
    with pytest.raises(OstinatoError, match="needs a folder"):
        TrainingLogger(tensorboard=True)


def test_a_log_gets_a_plain_line_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(logger_module, "LINE_SECONDS", 0.0)
    train(TrainingLogger(), epochs=1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("epoch 1  loss ")
    assert "step 1 of 4, 0 min left at most" in lines[0]
    monkeypatch.setattr(logger_module, "LINE_SECONDS", 60.0)
    train(TrainingLogger(), epochs=1)
    assert capsys.readouterr().err == ""
