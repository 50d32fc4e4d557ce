"""`ostinato info`: what a saved model is, and what is wrong with a damaged one."""

import shutil

import pytest
from command import error_of, run

from ostinato import Forecaster
from ostinato.cells import GRU


class OwnCell(GRU):
    """A cell of the user's."""


def row(out, name):
    return next(line.split() for line in out.splitlines() if line.startswith(f"{name} "))


def test_it_tells_task_size_settings_scores_and_versions_in_80_columns(model):
    ended = run("info", model)
    assert (ended.code, ended.err) == (0, "")
    assert "Forecaster: gru, 1 x 8 units" in ended.out
    assert "weights" in ended.out
    assert "torch " in ended.out
    assert row(ended.out, "hidden_size") == ["hidden_size", "8", "64"]
    assert row(ended.out, "dropout") == ["dropout", "0.3"]
    assert "\nseasonal naive " in ended.out
    assert "…" not in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80


def test_a_model_without_scores_has_no_table(sales, tmp_path):
    Forecaster(horizon=7, hidden_size=4, epochs=1, batches_per_epoch=1).fit(sales).save(tmp_path)
    assert "Scores" not in run("info", tmp_path).out


def test_a_model_of_the_users_own_cell_is_told_of_without_the_class(sales, tmp_path):
    Forecaster(horizon=7, hidden_size=4, epochs=1, batches_per_epoch=1, cell=OwnCell).fit(sales).save(tmp_path)
    ended = run("info", tmp_path)
    assert (ended.code, ended.err) == (0, "")
    told = " ".join(ended.out.split())
    assert "the cell OwnCell (your own), whose class a saved model does not hold" in told
    assert "Forecaster.load(folder, cell=<that class>)" in told
    assert row(ended.out, "hidden_size") == ["hidden_size", "4", "64"]
    assert "OwnCell" in error_of("predict", tmp_path, sales)


@pytest.fixture
def damaged(model, tmp_path):
    return shutil.copytree(model, tmp_path / "damaged")


def test_a_torn_weights_file_is_told_of(damaged):
    [weights] = damaged.glob("weights-*")
    weights.write_bytes(weights.read_bytes()[:-10])
    assert f"{weights} has" in error_of("info", damaged)
    weights.unlink()
    assert f"{weights} is missing" in error_of("info", damaged)


def test_a_changed_manifest_is_told_of(damaged):
    manifest = damaged / "bundle.json"
    manifest.write_text(manifest.read_text().replace('"horizon": 7', '"horizon": 8', 1))
    assert "was changed since it was saved" in error_of("info", damaged)
    manifest.write_text("{")
    assert "is not JSON" in error_of("info", damaged)
