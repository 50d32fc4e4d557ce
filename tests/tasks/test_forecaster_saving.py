"""A Forecaster that was saved and loaded, or killed and resumed, is the same to the last bit."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from forecast_scenario import COVARIATES, TINY, Leaky, ahead, interruptible, long, wide

import ostinato
from ostinato import Forecaster, OstinatoError
from ostinato.bundle import save_bundle
from ostinato.cells import GRU
from ostinato.training import latest

CASES = {
    "plain": {},
    "covariates": COVARIATES | {"series_embedding": 2, "decoding": "recurrent"},
    "many to one": {"wiring": "many_to_one", "linear": False, "num_layers": 2},
    "log returns": {"returns": "log"},
    "points": {"output": "mse", "scaling": "trend"},
    "own cell": {"cell": Leaky},
}


def table(chosen):
    return long() if "past" in chosen else wide(90, "y", missing=0.1)


def assert_same_forecasts(first, second, frame, *, future=None):
    pd.testing.assert_frame_equal(
        first.predict(frame, future=future), second.predict(frame, future=future), check_exact=True
    )


def assert_same_numbers(first, second):
    theirs, _ = second.model.saved()
    for name, tensor in first.model.saved()[0].items():
        np.testing.assert_array_equal(tensor.numpy(), theirs[name].numpy(), err_msg=name)


@pytest.mark.parametrize("which", CASES)
def test_a_loaded_model_forecasts_and_scores_bit_for_bit_as_the_saved_one(which, tmp_path):
    chosen = CASES[which]
    frame = table(chosen)
    future = ahead(frame, 5) if "future" in chosen else None
    saved = Forecaster(**TINY | chosen).fit(frame, holdout=0.2)
    table_of_scores = saved.evaluate(frame)
    saved.save(tmp_path)
    own = {"cell": Leaky} if "cell" in chosen else {}
    loaded = Forecaster.load(tmp_path, **own)
    assert loaded.settings == saved.settings
    assert loaded.notes == saved.notes
    assert loaded.summary() == saved.summary()
    assert loaded.metrics.to_dict() == table_of_scores.to_dict()
    assert_same_numbers(saved, loaded)
    assert_same_forecasts(saved, loaded, frame, future=future)
    assert loaded.evaluate(frame).to_dict() == table_of_scores.to_dict()
    loaded.save(tmp_path)
    assert_same_numbers(saved, Forecaster.load(tmp_path, **own))


def test_ostinato_load_finds_the_class(tmp_path):
    frame = wide()
    saved = Forecaster(**TINY).fit(frame)
    saved.save(tmp_path / "model")
    loaded = ostinato.load(tmp_path / "model")
    assert type(loaded) is Forecaster
    assert loaded.metrics is None
    assert_same_forecasts(saved, loaded, frame)


def test_a_loaded_model_can_be_fitted_again_as_it_was(tmp_path):
    frame = wide()
    saved = Forecaster(**TINY).fit(frame)
    saved.save(tmp_path)
    assert_same_forecasts(saved, Forecaster.load(tmp_path).fit(frame), frame)


def test_a_model_with_a_cell_of_the_users_own_asks_for_it(tmp_path):
    Forecaster(**TINY, cell=Leaky).fit(wide()).save(tmp_path)
    for load in (Forecaster.load, ostinato.load):
        with pytest.raises(OstinatoError, match=r"Leaky \(your own\): Forecaster.load\(folder, cell=<that class>\)"):
            load(tmp_path)
    with pytest.raises(OstinatoError, match=r"do not fit its settings: .* Save the model again"):
        Forecaster.load(tmp_path, cell=GRU)
    with pytest.raises(OstinatoError, match="subclass of Cell"):
        Forecaster.load(tmp_path, cell=dict)


def test_what_is_no_forecaster_is_refused(tmp_path):
    with pytest.raises(OstinatoError, match=r"has no bundle\.json"):
        Forecaster.load(tmp_path)
    save_bundle(tmp_path / "other", kind="Poet", settings={}, tensors={"x": torch.zeros(1)})
    for load in (Forecaster.load, ostinato.load):
        with pytest.raises(OstinatoError, match=r"is of kind 'Poet', not one of .*Forecaster"):
            load(tmp_path / "other")


def test_a_damaged_bundle_is_refused(tmp_path):
    Forecaster(**TINY).fit(wide()).save(tmp_path)
    manifest = tmp_path / "bundle.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(content | {"settings": content["settings"] | {"horizon": 6}}))
    with pytest.raises(OstinatoError, match="was changed since it was saved"):
        Forecaster.load(tmp_path)
    manifest.write_text(json.dumps(content))
    weights = next(tmp_path.glob("weights-*"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    with pytest.raises(OstinatoError, match="was changed since it was saved"):
        Forecaster.load(tmp_path)


def test_a_model_is_not_saved_among_other_things(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OstinatoError, match=r"holds thesis\.txt"):
        Forecaster(**TINY).fit(wide()).save(tmp_path)


# Killed and resumed.


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folder of a training that was killed in mid-epoch by SIGKILL, in another process."""
    folder = tmp_path_factory.mktemp("killed")
    program = f"import forecast_scenario; forecast_scenario.fit_until_killed({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, check=False)
    assert done.returncode == -signal.SIGKILL
    return folder


def test_a_killed_fit_when_resumed_ends_as_if_it_had_not_been(killed, tmp_path):
    assert latest(killed / "checkpoints").name == "checkpoint-6.safetensors"
    frame = long()
    with pytest.raises(OstinatoError, match="holds checkpoints of an earlier run: resume it"):
        interruptible().fit(frame, holdout=0.2, folder=killed)
    changed = Forecaster(**interruptible().settings.model_dump() | {"learning_rate": 0.5})
    with pytest.raises(OstinatoError, match=r"learning_rate was 0.001 and is 0.5"):
        changed.fit(frame, holdout=0.2, folder=killed, resume=True)
    resumed = interruptible().fit(frame, holdout=0.2, folder=killed, resume=True)
    whole = interruptible().fit(frame, holdout=0.2)
    assert_same_numbers(whole, resumed)
    assert_same_forecasts(whole, resumed, frame, future=ahead(frame, 5))
    assert latest(killed / "checkpoints") is None  # done: a new fit may begin there
    resumed.save(killed)
    assert_same_numbers(whole, ostinato.load(killed))
    with pytest.raises(OstinatoError, match="no checkpoint to resume from"):
        interruptible().fit(frame, folder=tmp_path, resume=True)
