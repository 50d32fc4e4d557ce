import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import scenario
import torch

from ostinato.errors import OstinatoError
from ostinato.training import Trainer, clear_checkpoints, latest
from ostinato.training.checkpoint import checkpoints, load_checkpoint, save_checkpoint


@pytest.fixture(scope="module")
def graveyard(tmp_path_factory):
    """What trainings left that were killed in mid-epoch in another process."""
    root = tmp_path_factory.mktemp("killed")
    program = f"import scenario; scenario.train_all_until_killed({str(root)!r})"
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, check=True)
    return root


def killed(which, graveyard, folder):
    return shutil.copytree(graveyard / which, folder)


def assert_bit_identical(model, other):
    assert model.state_dict().keys() == other.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def without_times(line):
    return {name: value for name, value in line.items() if not name.startswith(("seconds", "steps_per"))}


def metrics(folder):
    return [without_times(json.loads(line)) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("which", scenario.SETTINGS)
def test_a_killed_training_when_resumed_ends_bit_for_bit_as_if_it_had_not_been(which, tmp_path, graveyard):
    whole, history = scenario.train(which, metrics=tmp_path / "whole")
    folder = killed(which, graveyard, tmp_path / "killed")
    _, facts = load_checkpoint(latest(folder))
    assert facts["progress"]["epoch"] == 1  # in mid-epoch, behind where the kill was
    assert 0 < facts["progress"]["batch"] < scenario.KILLED_AT - 9 - 1
    resumed, its_history = scenario.train(which, folder, resume=True, metrics=folder)
    assert_bit_identical(whole, resumed)
    assert [r.loss for r in history.epochs] == [r.loss for r in its_history.epochs]
    assert (history.best_epoch, history.best_score) == (its_history.best_epoch, its_history.best_score)
    assert metrics(tmp_path / "whole") == metrics(folder)


def test_the_last_weights_too_are_those_of_an_uninterrupted_training(tmp_path, graveyard):
    scenario.train("streams", tmp_path / "whole")
    folder = killed("streams", graveyard, tmp_path / "killed")
    scenario.train("streams", folder, resume=True)
    whole, facts = load_checkpoint(latest(tmp_path / "whole"))
    resumed, its_facts = load_checkpoint(latest(folder))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert {name.split(".")[0] for name in whole} == {"model", "average", "best", "optimizer", "process"}
    assert facts["schedule"] == its_facts["schedule"]


def test_resuming_a_finished_training_gives_its_result_again(tmp_path):
    model, history = scenario.train("rows", tmp_path)
    again, its_history = scenario.train("rows", tmp_path, resume=True)
    assert_bit_identical(model, again)
    assert history == its_history


# What cannot be resumed is refused with its reason.


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    scenario.train("rows", folder)
    return folder


def resume_with(folder, model=None, batches=None, **changes):
    settings = scenario.SETTINGS["rows"].model_copy(update=changes)
    trainer = Trainer(model or scenario.Model(), scenario.loss_function("rows"), settings, folder=folder)
    return trainer.fit(batches or scenario.batches("rows"), scenario.validation, resume=True)


def test_other_settings_are_named(finished):
    with pytest.raises(OstinatoError, match=r"learning_rate was 0\.01 and is 0\.02; seed was 0 and is 1"):
        resume_with(finished, learning_rate=0.02, seed=1)


def test_settings_that_only_say_when_to_stop_may_change(finished):
    assert resume_with(finished, patience=9, max_seconds=100.0, checkpoint_every=None).stopped == "epochs"


def test_more_epochs_may_be_asked_for_unless_the_schedule_depends_on_them(tmp_path, finished):
    with pytest.raises(OstinatoError, match="epochs was 3 and is 5"):
        resume_with(finished, epochs=5)
    settings = scenario.SETTINGS["rmsprop"]
    for epochs in (2, 4):
        trainer = Trainer(
            scenario.Model(),
            scenario.loss_function("rows"),
            settings.model_copy(update={"epochs": epochs}),
            folder=tmp_path,
        )
        history = trainer.fit(scenario.batches("rows"), resume=epochs == 4)
    assert len(history.epochs) == 4


def test_another_model_is_named_by_its_tensors(finished):
    model = scenario.Model()
    model.readout = torch.nn.Linear(5, 2)
    model.extra = torch.nn.Linear(1, 1, bias=False)
    with pytest.raises(
        OstinatoError, match=r"extra.weight is missing; .*readout.weight is float32\[1, 5\], not"
    ) as caught:
        resume_with(finished, model)
    assert "checkpoint-15.safetensors" in str(caught.value)


def test_other_data_is_named(finished):
    with pytest.raises(OstinatoError, match="batches in an epoch was 9 and is 5"):
        resume_with(finished, batches=scenario.IndexBatches(17, 4, lambda rows: rows))


def test_a_new_training_does_not_mix_with_the_checkpoints_of_an_old_one(tmp_path):
    save_checkpoint(tmp_path, 3, {}, {})
    with pytest.raises(OstinatoError, match="holds checkpoints of an earlier run"):
        scenario.train("rows", tmp_path)
    clear_checkpoints(tmp_path)
    scenario.train("rows", tmp_path)


def test_nothing_to_resume_from_is_an_error(tmp_path):
    with pytest.raises(OstinatoError, match="no checkpoint to resume from"):
        scenario.train("rows", tmp_path / "nowhere", resume=True)


# The files.


def test_the_newest_two_are_kept_in_order_of_their_numbers(tmp_path):
    for step in (8, 9, 10, 11):
        save_checkpoint(tmp_path, step, {"w": torch.ones(2)}, {"step": step})
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-10.safetensors", "checkpoint-11.safetensors"]
    tensors, facts = load_checkpoint(latest(tmp_path))
    assert torch.equal(tensors["w"], torch.ones(2))
    assert facts == {"step": 11}


@pytest.mark.parametrize("damage", [lambda c: c[:-5], lambda c: c[:3], lambda c: b"", lambda c: b"\x00" * len(c)])
def test_a_damaged_checkpoint_is_named_with_what_to_do(tmp_path, damage):
    save_checkpoint(tmp_path, 1, {"w": torch.ones(20)}, {"step": 1})
    path = latest(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(OstinatoError, match=r"checkpoint-1.safetensors is damaged .*remove it to resume from the"):
        load_checkpoint(path)


def test_other_safetensors_files_are_not_taken_for_checkpoints(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "checkpoint-1.safetensors"
    save_file({"w": torch.ones(2)}, path)
    with pytest.raises(OstinatoError, match="is not a checkpoint"):
        load_checkpoint(path)


def test_a_writer_killed_again_and_again_always_leaves_checkpoints_that_load(tmp_path):
    step, (begun, begin) = 0, os.pipe()
    for attempt in range(40):
        writer = os.fork()
        if not writer:
            try:
                for number in range(step + 1, step + 10**6):
                    save_checkpoint(tmp_path, number, {"w": torch.full((2000,), float(number))}, {"step": number})
                    os.write(begin, b"." if number == step + 1 else b"")
            finally:
                os._exit(1)
        os.read(begun, 1)
        time.sleep(attempt * 0.0005)
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        found = checkpoints(tmp_path)
        for path in found:
            tensors, facts = load_checkpoint(path)
            assert torch.equal(tensors["w"], torch.full((2000,), float(facts["step"])))
        step = facts["step"]
    assert step >= 40
    save_checkpoint(tmp_path, step + 1, {}, {})
    assert len(checkpoints(tmp_path)) == 2
    assert not [path for path in Path(tmp_path).iterdir() if path.name.startswith(".")]
