"""`ostinato info`: what a saved model is, what is wrong with a damaged one; what cells are compiled with."""

import shutil
from pathlib import Path

import pytest
from command import error_of, run

from ostinato import Forecaster
from ostinato.cells import GRU
from ostinato.engine import build, probe, target
from ostinato.manifest import MANIFEST

BUNDLES = Path(__file__).parents[1] / "tasks" / "bundles"


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


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in BUNDLES.glob(f"*/*/{MANIFEST}")), ids=lambda at: at.name
)
def test_a_model_that_an_earlier_version_saved_is_told_of_in_names_of_today(folder):
    ended = run("info", folder)
    assert (ended.code, ended.err) == (0, "")
    assert "counts" not in {line.split()[0] for line in ended.out.splitlines() if line}


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


@pytest.fixture
def tried_anew(monkeypatch):
    """Whether cells compile is found out again, as in a new process."""
    monkeypatch.setattr(probe, "_obstacle", probe._obstacle.__wrapped__)


def test_what_cells_are_compiled_with_is_told(tmp_path, monkeypatch, tried_anew):
    monkeypatch.setenv("OSTINATO_CACHE", str(tmp_path))
    ended = run("info", "--engine")
    assert (ended.code, ended.err) == (0, "")
    told = {line[:10].strip(): line[11:] for line in ended.out.splitlines()}
    toolchain = build.in_use()
    assert told["processor"] == target.processor()
    assert told["target"] == toolchain.target.name
    assert told["compiler"].startswith(toolchain.command[0])
    assert told["cache"].startswith(f"{tmp_path}, {len(list(tmp_path.glob('*.so')))} libraries")
    assert told["cells"] == "are compiled"


def test_why_cells_are_not_compiled_is_told(tmp_path, monkeypatch, tried_anew):
    cache = tmp_path / "file"
    cache.touch()
    monkeypatch.setenv("OSTINATO_CACHE", str(cache))
    monkeypatch.setenv("CXX", "no-such-compiler")
    ended = run("info", "--engine")
    assert ended.code == 0
    assert "\ncells      are not compiled: CXX is 'no-such-compiler', and there is no program" in ended.out
    assert f"\ncache      {cache} cannot keep libraries: File exists\n" in ended.out
    assert "\ntarget" not in ended.out


@pytest.mark.parametrize("arguments", [["model", "--engine"], ["--"]])
def test_info_is_of_one_thing(arguments):
    assert "give the folder of a model, or --engine" in error_of("info", *arguments)
