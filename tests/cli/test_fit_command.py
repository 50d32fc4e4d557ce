"""`ostinato fit forecaster`: what it prints and saves, and what it refuses before it trains."""

import json
from unittest import mock

import pandas as pd
import pytest
from command import TINY, error_of, run

from ostinato import Forecaster
from ostinato.cells import CELLS
from ostinato.cli.options import options_of
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.training import DistributedContext


def fit(data, out, *more):
    return run("fit", "forecaster", data, "--out", out, *TINY, *more)


def refused(data, out, *more):
    return error_of("fit", "forecaster", data, "--out", out, *TINY, *more)


def settings_of(folder):
    return json.loads((folder / "bundle.json").read_text())["settings"]


def test_the_help_lists_every_setting_with_its_default_and_meaning():
    shown = " ".join(run("fit", "forecaster", "--help", columns=200).out.split())
    options, listed = shown.split("--set: the model")
    for name, field in ForecasterSettings.model_fields.items():
        if (option := options_of(ForecasterSettings).get(name)) is not None:
            assert f"--{(option.name or name).replace('_', '-')} " in options
        else:
            assert f" {name} " in listed
            assert field.description.split()[0] in listed
    assert "optimizer adamw The optimiser. One of adamw, adam, sgd, rmsprop." in listed
    assert "clip_norm 1.0 Gradients" in listed
    assert all(f"{name}," in listed for name in list(CELLS)[:-1])


def test_it_scores_the_model_against_baselines_saves_it_and_says_how_to_use_it(sales, tmp_path):
    out = tmp_path / "a [bold] name"
    ended = fit(sales, out)
    assert (ended.code, ended.err) == (0, "")
    assert "Forecaster: gru, 1 x 8 units" in ended.out
    assert "Backtest on the held-out 20% of each series" in ended.out
    for row in ("ostinato", "naive", "drift", "seasonal naive", "seasonal drift", "ridge"):
        assert f"\n{row} " in ended.out
    assert "…" not in ended.out
    assert f"Saved to {out}\n" in ended.out
    assert ended.out.endswith(f"predict '{out}' {sales}\n")
    model = Forecaster.load(out)
    assert model.metrics.model == "ostinato"
    assert not list((out / "checkpoints").iterdir())


def test_it_fits_again_over_an_older_model_only_by_force(sales, tmp_path):
    assert fit(sales, tmp_path).code == 0
    assert "holds a Forecaster saved on" in refused(sales, tmp_path, "--set", "seed=1")
    assert fit(sales, tmp_path, "--set", "seed=1", "--force").code == 0
    assert settings_of(tmp_path)["seed"] == 1


def test_without_a_holdout_there_is_no_table(sales, tmp_path):
    ended = fit(sales, tmp_path, "--holdout", 0)
    assert ended.code == 0
    assert "Backtest" not in ended.out
    assert Forecaster.load(tmp_path).metrics is None


def test_validation_data_take_the_place_of_the_holdout(sales, tmp_path):
    lines = sales.read_text().splitlines(keepends=True)
    (tmp_path / "early.csv").write_text("".join(lines[:120]))
    (tmp_path / "late.csv").write_text("".join([lines[0], *lines[120:]]))
    ended = fit(tmp_path / "early.csv", tmp_path / "model", "--validation", tmp_path / "late.csv")
    assert (ended.code, ended.err) == (0, "")
    assert "Backtest" not in ended.out


def test_any_setting_can_be_given_as_json_or_plain_text(sales, tmp_path):
    ended = fit(sales, tmp_path, *(f"--set={s}" for s in ("quantiles=[0.1,0.5,0.9]", "clip_norm=null", "scaling=last")))
    assert ended.code == 0
    saved = settings_of(tmp_path)
    assert (saved["quantiles"], saved["clip_norm"], saved["scaling"]) == ([0.1, 0.5, 0.9], None, "last")


def test_columns_and_covariates_are_named_by_options_and_notes_are_told(tmp_path):
    days = pd.date_range("2024-01-01", periods=97)
    shops = [
        pd.DataFrame({"shop": name, "day": days, "sold": days.day % 7 * size + days.month, "promo": days.day % 7 > 4})
        for name, size in (("north", 10.0), ("south", 20.0))
    ]
    table = pd.concat(shops)
    table["size"] = table["shop"].map({"north": "small", "south": "large"})
    table["rain"] = table["sold"] % 3
    table.loc[table["day"] >= days[90], ["sold", "rain"]] = None
    table.to_csv(tmp_path / "shops.csv", index=False)
    columns = ["--id=shop", "--time=day", "--target=sold", "--future=promo", "--static=size", "--past=rain"]
    ended = fit(tmp_path / "shops.csv", tmp_path / "model", *columns)
    assert (ended.code, ended.err) == (0, "")
    assert "2 series at frequency D" in ended.out
    assert "note: 14 rows after the end of sold are the future: set aside" in ended.out
    assert run("predict", tmp_path / "model", tmp_path / "shops.csv").out.count("\n") == 15


def test_only_the_first_process_prints_and_writes(sales, tmp_path, monkeypatch):
    monkeypatch.setattr(DistributedContext, "main", False)
    assert fit(sales, tmp_path / "model") == (0, "", "")
    assert not (tmp_path / "model" / "bundle.json").exists()


def test_the_model_is_saved_before_the_backtest(sales, tmp_path):
    with mock.patch.object(Forecaster, "evaluate", side_effect=KeyboardInterrupt):
        assert fit(sales, tmp_path).code == 130
    assert run("predict", tmp_path, sales).code == 0


DATA_ERRORS = {
    "an empty file": ("", "the file is empty"),
    "a header alone": ("ds,y\n", "no rows below it"),
    "a date that is none": ("ds,y\n2024-01-01,1\nsoon,2\n", "line 3, column 'ds': 'soon' is not a date"),
    "text among numbers": ("ds,y\n2024-01-01,1\n2024-01-02,two\n", "line 3, column 'y': 'two' is not a number"),
    "a date that comes twice": ("ds,y\n2024-01-01,1\n2024-01-01,2\n", "line 3, column 'ds': 2024-01-01 was given"),
    "too few rows": ("ds,y\n2024-01-01,1\n2024-01-02,2\n", "needs at least 9"),
}


@pytest.mark.parametrize(("content", "message"), DATA_ERRORS.values(), ids=DATA_ERRORS)
def test_data_that_cannot_be_used_are_refused_by_place(content, message, tmp_path):
    data = tmp_path / "data.csv"
    data.write_text(content)
    assert message in refused(data, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_missing_file_and_a_directory_are_refused(tmp_path):
    assert refused(tmp_path / "no.csv", tmp_path / "model") == f"{tmp_path / 'no.csv'}: no such file"
    assert "a directory" in refused(tmp_path, tmp_path / "model")


SETTINGS_ERRORS = [
    (["--target", "sale"], "no column 'sale'; did you mean 'sales'?"),
    (["--set", "epoch=3"], "no setting 'epoch'"),
    (["--set", "dropout=much"], "dropout = 'much'"),
    (["--set", "dropout=2"], "dropout = 2"),
    (["--set", "quantiles=[0.1]"], "quantiles"),
    (["--set", "dropout"], "--set dropout: write it as NAME=VALUE"),
    (["--set", "horizon=3"], "horizon is given twice"),
    (["--cell", "lstmm"], "no cell 'lstmm'; choose one of elman, "),
    (["--returns", "square"], "returns = 'square'"),
    (["--holdout", "1.5"], "holdout must be a share"),
    (["--holdout", "0.1", "--validation", "late.csv"], "give validation data or a holdout, not both"),
]


@pytest.mark.parametrize(("options", "message"), SETTINGS_ERRORS, ids=[" ".join(o) for o, _ in SETTINGS_ERRORS])
def test_settings_that_cannot_be_used_are_refused_by_name(options, message, sales, tmp_path):
    assert message in refused(sales, tmp_path / "model", *options)
    assert not (tmp_path / "model").exists()


@pytest.fixture
def untrained(monkeypatch):
    """Fails a test that comes to train."""
    monkeypatch.setattr(Forecaster, "fit", mock.Mock(side_effect=AssertionError("trained")))


@pytest.mark.usefixtures("untrained")
def test_a_folder_that_cannot_hold_the_model_is_refused_before_training(sales, tmp_path):
    (tmp_path / "thesis.doc").touch()
    assert "holds thesis.doc and is no saved model" in refused(sales, tmp_path)
    assert "is a file: give another folder" in refused(sales, tmp_path / "thesis.doc" / "model")


@pytest.mark.usefixtures("untrained")
def test_checkpoints_of_an_interrupted_training_are_neither_lost_nor_made_up(sales, tmp_path):
    assert "nothing to resume" in refused(sales, tmp_path, "--resume")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "checkpoint-5.safetensors").touch()
    assert "go on with --resume, or remove it" in refused(sales, tmp_path)


def test_a_damaged_checkpoint_is_told_of(sales, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "checkpoint-5.safetensors").write_bytes(b"torn")
    assert "checkpoint-5.safetensors is damaged" in refused(sales, tmp_path, "--resume")
