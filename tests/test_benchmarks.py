"""Benchmarks by name: what there is, one run from data to JSON, and the page that is written from what is kept."""

import gzip
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import page
import registry
import results
import run
from benchmark import Benchmark, Row

from ostinato import OstinatoError
from ostinato.training import Interrupted

ROOT = Path(__file__).parent.parent
NOT_BENCHMARKS = {"benchmark", "page", "recipes", "registry", "results", "run"}
EXCHANGE = "exchange_rate/exchange_rate.txt.gz"
SMALL = ("window=24", "epochs=1", "hidden_size=4", "series_embedding=2", "backend=reference")


def exchange_rates(folder, *, last=1.0):
    """Eight waves of 300 days; the last fifth, the test part, times a factor."""
    days = np.arange(300)[:, None]
    values = np.sin(days / 7 + np.arange(8)) + np.random.default_rng(0).normal(0, 0.1, (300, 8))
    values[240:] *= last
    (folder / EXCHANGE).parent.mkdir(parents=True)
    with gzip.open(folder / EXCHANGE, "wt") as file:
        np.savetxt(file, values, fmt="%.5f", delimiter=",")
    return folder


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("OSTINATO_DATA", str(tmp_path / "data"))
    return exchange_rates(tmp_path / "data")


def run_small(out, *words):
    changes = [word for setting in SMALL for word in ("--set", setting)]
    run.main(["exchange_rate_24", "--threads", "1", "--out", str(out), *changes, *words])


def kept(**others):
    """A result such as a run writes."""
    content = {
        "benchmark": "sst2",
        "part": "test",
        "seed": 0,
        "figures": {"ostinato": {"accuracy": 0.8}},
        "seconds": 1.0,
        "settings": {},
        "num_threads": 1,
        "processor": "a processor",
        "torch": "2",
        "ostinato": "1",
        "date": "2026-11-28",
    }
    return results.Result(**content | others)


def test_the_registry_knows_every_file():
    files = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    assert {benchmark.measure.split(":")[0] for benchmark in registry.BENCHMARKS.values()} == files - NOT_BENCHMARKS


@pytest.mark.parametrize("name", registry.BENCHMARKS)
def test_a_benchmark_has_something_to_run_and_metrics_to_show(name):
    benchmark = registry.BENCHMARKS[name]
    assert callable(benchmark.load())
    assert benchmark.metrics
    assert set(benchmark.metrics) <= page.FORMS.keys()


def test_a_run_writes_its_figures_as_json_beside_a_table(data, tmp_path, capsys):
    run_small(tmp_path / "out", "--seeds", "0", "1")
    shown = capsys.readouterr().out
    for seed in (0, 1):
        written = json.loads((tmp_path / "out" / f"exchange_rate_24-test-seed{seed}.json").read_text())
        assert written["benchmark"] == "exchange_rate_24"
        assert (written["part"], written["seed"], written["num_threads"]) == ("test", seed, 1)
        assert written["figures"].keys() >= {"ostinato", "naive", "ridge"}
        assert all(math.isfinite(figures["mse"]) for figures in written["figures"].values())
        assert written["figures"]["ostinato"]["train_seconds"] <= written["seconds"]
        assert written["settings"]["window"] == 24
        assert written["settings"]["horizon"] == 24
        assert written["changed"]["window"] == 24
        assert written["processor"]
        assert written["torch"]
        assert written["ostinato"]
        assert written["date"]
        assert not written["transcribed"]
    naive = page.shown("mse", [written["figures"]["naive"]["mse"]])
    assert any(line.startswith("| naive") and naive in line for line in shown.splitlines())


def test_a_run_on_the_validation_part_never_looks_at_the_test_part(tmp_path, monkeypatch):
    figures = []
    for last in (1.0, 1000.0):
        monkeypatch.setenv("OSTINATO_DATA", str(exchange_rates(tmp_path / f"{last}", last=last)))
        run_small(tmp_path / f"out{last}", "--part", "validation")
        (result,) = results.read_results(tmp_path / f"out{last}")
        figures.append({name: row["mse"] for name, row in result.figures.items()})
    assert figures[0] == figures[1]


def test_a_model_is_kept_where_that_is_asked_for(data, tmp_path):
    run_small(tmp_path / "out", "--models", str(tmp_path / "models"))
    folder = tmp_path / "models" / "exchange_rate_24-seed0"
    assert (folder / "metrics.jsonl").exists()
    assert list(folder.glob("*.safetensors"))


def test_a_check_that_fails_is_kept_and_is_the_exit_code(tmp_path, monkeypatch, capsys):
    def measure(run):
        yield Row("right", {"mse": 1.0})
        yield Row("wrong", {}, "off by 3")

    fake = Benchmark(what="a fake", measure="nowhere:measure", minutes=0, seeds=())
    monkeypatch.setattr(Benchmark, "load", lambda self: measure)
    monkeypatch.setitem(registry.BENCHMARKS, "fake", fake)
    with pytest.raises(SystemExit) as ending:
        run.main(["fake", "--out", str(tmp_path)])
    assert ending.value.code == 1
    written = json.loads((tmp_path / "fake.json").read_text())
    assert written["figures"] == {"right": {"mse": 1.0}}
    assert written["failures"] == {"wrong": "off by 3"}
    assert "FAILED wrong: off by 3" in capsys.readouterr().out


def test_an_interrupted_run_ends_in_one_line_and_writes_nothing(tmp_path, monkeypatch, capsys):
    def measure(run):
        yield Row("right", {"mse": 1.0})
        raise Interrupted(None, 3)

    monkeypatch.setattr(Benchmark, "load", lambda self: measure)
    monkeypatch.setitem(registry.BENCHMARKS, "fake", Benchmark(what="a fake", measure="nowhere:measure", minutes=0))
    with pytest.raises(SystemExit) as ending:
        run.main(["fake", "--out", str(tmp_path / "out")])
    assert ending.value.code == 130
    assert capsys.readouterr().err == "interrupted: this run is not written\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["etth2"], "no benchmark 'etth2': there are etth1_24, "),
        (["exchange_rate_24", "etth1_96"], "etth1_96: .*ETTh1.csv is missing: OSTINATO_DATA must name the folder"),
        (["engine_gru", "--part", "test"], "engine_gru: no part 'test' to score: nothing is split here"),
        (["engine_gru", "--seeds", "1"], "engine_gru: --seeds: the same numbers are drawn always"),
        (["engine_gru", "--models", "models"], "engine_gru: --models: it keeps no model"),
        (["engine_gru", "--set", "sizes=[]", "--set", "cell=no"], "--set cell=no: choose one of gru, "),
        (["engine_gru", "--set", 'sizes=["3"]'], "--set sizes: 3: write a size as steps,batch,inputs,hidden"),
        (["panel", "--set", "serie=3"], "panel: --set serie: no such option; there is series, points, batches"),
        (["panel", "--set", "series=many"], "panel: --set series=many: give something like 1000"),
        (["exchange_rate_24", "--set", "seed=3"], "exchange_rate_24: --set seed: give it as --seeds"),
        (["exchange_rate_24", "--set", "hidden=3"], "hidden"),
    ],
)
def test_what_cannot_run_is_one_clear_error(words, message, data, tmp_path):
    with pytest.raises(SystemExit) as ending:
        run.main([*words, "--out", str(tmp_path / "out")])
    (line,) = str(ending.value.code).splitlines()
    with pytest.raises(OstinatoError, match=message):
        raise OstinatoError(line)
    assert not (tmp_path / "out").exists()


def test_without_the_folder_of_data_the_error_says_what_to_set(monkeypatch, tmp_path):
    monkeypatch.delenv("OSTINATO_DATA", raising=False)
    with pytest.raises(SystemExit) as ending:
        run.main(["exchange_rate_24", "--out", str(tmp_path)])
    expected = f"exchange_rate_24: set OSTINATO_DATA to the folder with the public data sets, for {EXCHANGE}"
    assert ending.value.code == expected


def test_the_list_names_every_benchmark(capsys):
    run.main(["--list"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == list(registry.BENCHMARKS)


def test_the_page_is_current():
    text = page.PAGE.read_text()
    assert page.filled(text, results.read_results(page.KEPT)) == text


def test_writing_the_page_again_changes_nothing(tmp_path, monkeypatch):
    copy = tmp_path / "benchmarks.md"
    copy.write_text(page.BLOCK.sub(r"\1\3", page.PAGE.read_text()))
    monkeypatch.setattr(page, "PAGE", copy)
    run.main(["--page"])
    once = copy.read_text()
    run.main(["--page"])
    assert copy.read_text() == once == (ROOT / "docs" / "benchmarks.md").read_text()


def test_a_table_shows_the_mean_of_seeds_the_range_and_what_is_published():
    runs = [
        kept(benchmark="etth1_96", seed=seed, figures={"ostinato": {"mse": mse}})
        for seed, mse in enumerate((0.35, 0.36, 0.4))
    ]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.table(runs, ["mse"]).splitlines()]
    assert cells[0] == ["", "MSE"]
    assert cells[2] == ["ostinato", "0.370 (0.350 to 0.400)"]
    assert cells[3] == ["SegRNN, published, looks back 96 h", "0.368"]
    assert "`etth1_96` (seeds 0, 1, 2): 1 thread, a processor, torch 2, 2026-11-28." in page.conditions(runs)


@pytest.mark.parametrize(
    ("text", "result", "message"),
    [
        ("", kept(), "figures of sst2 have no marker on the page"),
        ("<!-- figures: sst2 -->\n<!-- end of figures -->", kept(changed={"epochs": 1}), "measured with epochs=1"),
        ("<!-- figures: sst2 -->\n<!-- end of figures -->", kept(failures={"a": "b"}), "a check failed"),
        ("<!-- figures: sst2 panel -->\n<!-- end of figures -->", kept(), "asks for figures of panel"),
        ("<!-- figures: sst3 -->\n<!-- end of figures -->", kept(), "no benchmark 'sst3'"),
    ],
)
def test_a_page_shows_what_is_there_and_nothing_else(text, result, message):
    with pytest.raises(OstinatoError, match=message):
        page.filled(text, [result])


def test_a_result_is_read_as_it_was_written(tmp_path):
    written = kept(figures={"ostinato": {"accuracy": 0.8, "auc": math.nan}})
    written.write(tmp_path)
    (read,) = results.read_results(tmp_path)
    assert read.figures == {"ostinato": {"accuracy": 0.8, "auc": None}}
    assert read.model_copy(update={"figures": written.figures}) == written


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("sst2-test-seed0.json", "{}", "benchmark: Field required"),
        ("sst2-test-seed1.json", kept().model_dump_json(), "what it holds belongs into sst2-test-seed0.json"),
    ],
)
def test_a_file_that_is_no_result_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(OstinatoError, match=f"{name}: {message}"):
        results.read_results(tmp_path)
