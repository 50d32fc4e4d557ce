"""`ostinato fit classifier`, its demo and `ostinato explain`: what they print and save, and what they refuse."""

import io
import json
import shlex
from itertools import combinations

import pandas as pd
import pytest
from audio_scenario import manifest, tone, write
from command import error_of, run

from ostinato import SequenceClassifier
from ostinato.cli.options import options_of
from ostinato.demos import sentiment
from ostinato.demos.data import load_reviews
from ostinato.tasks.classification.settings import ClassifierSettings

SMALL = ["--set=hidden_size=8", "--set=embedding_size=8", "--set=epochs=1"]


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    load_reviews().rename(columns={"text": "words", "label": "stars"}).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def model(reviews, tmp_path_factory):
    """A folder with a model fitted on `reviews`, and what fitting it printed; not to be changed."""
    folder = tmp_path_factory.mktemp("models") / "model"
    ended = run("fit", "classifier", reviews, "--out", folder, "--text", "words", "--label", "stars", *SMALL)
    assert (ended.code, ended.err) == (0, "")
    return folder, ended.out


def test_the_help_lists_every_setting():
    shown = " ".join(run("fit", "classifier", "--help", columns=200).out.split())
    options, listed = shown.split("--set: the model")
    named = options_of(ClassifierSettings)
    for name in ClassifierSettings.model_fields:
        option = "feature" if name == "features" else name.replace("_", "-")
        assert f"--{option} " in options if name in named else f" {name} " in listed


def test_it_scores_against_baselines_reports_each_label_and_says_how_to_go_on(model, reviews):
    folder, shown = model
    assert "Scores on the held-out 10%, 100 texts" in shown
    models = ("ostinato", "its linear part alone", "majority", "TF-IDF + linear SVM")
    for row in (*models, "negative", "positive", "is \\ told"):
        assert f"\n{row} " in shown
    assert "Expected calibration error" in shown
    assert "…" not in shown
    assert f"predict {folder} {reviews}\n" in shown
    assert shown.endswith(f"explain {folder} 'not bad at all'\n")
    assert json.loads((folder / "bundle.json").read_text())["settings"]["text"] == "words"


def test_it_goes_on_from_a_saved_model_with_that_ones_columns_and_sizes(model, reviews, tmp_path):
    ended = run("fit", "classifier", reviews, "--from", model[0], "--set", "epochs=1", "--out", tmp_path / "on")
    assert (ended.code, ended.err) == (0, "")
    before, after = (json.loads((folder / "bundle.json").read_text()) for folder in (model[0], tmp_path / "on"))
    assert after["settings"]["hidden_size"] == 8
    assert after["model"]["modality"] == before["model"]["modality"]
    other = ("--from", model[0], "--set", "hidden_size=9", "--out", tmp_path / "other")
    assert "the weights to go on from do not fit" in error_of("fit", "classifier", reviews, *other)


def test_it_is_scored_on_labels_that_only_the_saved_model_knows(tmp_path):
    rows = pd.DataFrame({"text": [f"{word} thing {n}" for n in range(30) for word in ("bad", "fair", "good")]})
    rows["label"] = rows["text"].str.split().str[0]
    whole, fewer = tmp_path / "whole.csv", tmp_path / "fewer.csv"
    rows.to_csv(whole, index=False)
    rows[rows["label"] != "fair"].to_csv(fewer, index=False)
    assert run("fit", "classifier", whole, "--out", tmp_path / "first", *SMALL).code == 0
    onwards = ("fit", "classifier", fewer, "--test", whole, "--out", tmp_path / "on", "--set", "epochs=1")
    ended = run(*onwards, "--from", tmp_path / "first")
    assert (ended.code, ended.err) == (0, "")
    assert f"Scores on {whole}, 90 texts" in ended.out
    assert "label 'fair' was not in the training data" in error_of(*onwards, "--force")


def test_a_file_without_a_header_is_read_by_positions(tmp_path):
    rows = [f"gj04\t{n % 2}\t{'*' * (1 - n % 2)}\tThe {'good' if n % 2 else 'bad'} thing {n}.\n" for n in range(1, 61)]
    train, test = tmp_path / "train.tsv", tmp_path / "test.tsv"
    train.write_text("".join(rows))
    test.write_text("".join(rows[:10]))
    fit = ("fit", "classifier", train, "--text", "4", "--label", "2", *SMALL, "--out", tmp_path / "model")
    assert "(--no-header)" not in (message := error_of(*fit))
    assert "look like data" in message
    assert "--no-header" in message
    ended = run(*fit, "--no-header", "--test", test)
    assert (ended.code, ended.err) == (0, "")
    assert f"Scores on {test}, 10 texts" in ended.out
    told = run("predict", tmp_path / "model", test)
    assert told.code == 0
    assert len(told.out.splitlines()) == 11


def test_folds_score_every_text_before_a_model_is_trained_on_all(reviews, tmp_path):
    columns = ("--text", "words", "--label", "stars")
    ended = run("fit", "classifier", reviews, *columns, "--folds", "2", *SMALL, "--out", tmp_path / "model")
    assert (ended.code, ended.err) == (0, "")
    assert f"Scores by cross-validation, {len(load_reviews()):,} texts" in ended.out
    assert "Over 2 folds ostinato has accuracy " in ended.out
    assert (tmp_path / "model" / "bundle.json").exists()
    message = error_of("fit", "classifier", reviews, "--folds", "2", "--holdout", "0.1", "--out", tmp_path / "other")
    assert message.startswith("give --folds, --test or --holdout, not two of them")


def test_predict_and_evaluate_work_on_it(model, reviews):
    table = pd.read_csv(io.StringIO(run("predict", model[0], reviews).out))
    assert list(table) == ["text", "label", "confidence", "p(negative)", "p(positive)"]
    assert len(table) == len(load_reviews())
    shown = run("evaluate", model[0], reviews).out
    assert "precision %" in shown
    assert json.loads(run("evaluate", model[0], reviews, "--json").out)["model"] == "ostinato"
    assert "SequenceClassifier: gru, 1 x 8 units" in run("info", model[0]).out


def test_the_worst_rows_are_shown_and_written(model, reviews, tmp_path):
    table = tmp_path / "worst.csv"
    ended = run("evaluate", model[0], reviews, "--worst", "4", "--out", table)
    assert (ended.code, ended.err) == (0, "")
    assert f"The rows with the greatest loss, in {table}:\n" in ended.out
    written = pd.read_csv(table)
    assert list(written) == ["place", "text", "label", "told", "confidence", "loss"]
    assert written["loss"].is_monotonic_decreasing
    assert all(place in ended.out for place in written["place"])
    listed = json.loads(run("evaluate", model[0], reviews, "--worst", "4", "--json").out)["worst"]
    assert [row["place"] for row in listed] == list(written["place"])
    rows = reviews.read_text().splitlines()
    assert written["text"][0] in rows[int(written["place"][0].removeprefix("line ")) - 1]


def test_explain_shows_every_word_and_draws_a_page(model, tmp_path):
    page = tmp_path / "why.html"
    ended = run("explain", model[0], "not [bold]bad at all", "--html", page)
    assert (ended.code, ended.err) == (0, "")
    assert "not [ bold ] bad at all" in ended.out
    assert ended.out.endswith(f"Picture: {page}\n")
    assert page.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("header", "row", "options"),
    [
        ("comment,tags", lambda text, own: f"{text},{'; '.join(own)}", ["--label", "tags", "--label-separator", ";"]),
        (
            "comment,frost,rain,sun,wind",
            lambda text, own: ",".join([text, *(str(int(label in own)) for label in ("frost", "rain", "sun", "wind"))]),
            ["--labels", "frost,rain,sun,wind"],
        ),
    ],
    ids=["cells", "columns"],
)
def test_several_labels_are_read_told_scored_and_explained(header, row, options, tmp_path):
    words = {"frost": "ice", "rain": "wet", "sun": "warm", "wind": "kite"}
    rows = [
        (" ".join(["a", *(words[label] for label in own), f"day{number % 7}"]), own)
        for number in range(10)
        for size in range(4)
        for own in combinations(words, size)
    ]
    data = tmp_path / "data.csv"
    data.write_text("\n".join([header, *(row(*each) for each in rows)]) + "\n")
    small = [*SMALL, "--text", "comment", "--out", tmp_path / "model"]
    ended = run("fit", "classifier", data, *options, *small)
    assert (ended.code, ended.err) == (0, "")
    for name in ("ostinato", "each label's share", "TF-IDF + linear SVM", "frost", "wind"):
        assert f"\n{name} " in ended.out
    assert "micro" in ended.out
    table = pd.read_csv(io.StringIO(run("predict", tmp_path / "model", data).out), keep_default_na=False)
    mark = ";" if "--label-separator" in options else "|"
    assert set(mark.join(table["label"]).split(mark)) <= {*words, ""}
    scores = json.loads(run("evaluate", tmp_path / "model", data, "--json").out)["scores"]
    assert set(scores["ostinato"]) == {"f1_micro", "f1_macro", "exact", "auc"}
    assert run("explain", tmp_path / "model", "a wet kite", "--label", "wind").out.startswith("wind (")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(f"{header}\n" + ("cold,hail\n" if "tags" in header else "cold,0,0,1,2\n"))
    message = error_of("evaluate", tmp_path / "model", wrong)
    where = "line 2: label 'hail' was not in" if "tags" in header else "line 2, column 'wind': '2' where 0 or 1"
    assert f"{wrong}, {where}" in message


def test_explain_refuses_what_it_cannot_explain(model, tmp_path):
    assert "holds no word to explain" in error_of("explain", model[0], " ")
    assert "a directory" in error_of("explain", model[0], "good", "--html", tmp_path)
    assert "--plot: a SequenceClassifier has no such option" in error_of(
        "explain", model[0], "good", "--plot", tmp_path / "why.png"
    )


def test_lines_with_validation_and_test_files(tmp_path):
    rows = load_reviews()
    for name, part in (("train", rows[::2]), ("dev", rows[1::4]), ("test", rows[3::4])):
        lines = (
            f"{int(label == 'positive')} {text}\n" for text, label in zip(part["text"], part["label"], strict=True)
        )
        (tmp_path / name).write_text("".join(lines))
    files = ["--validation", tmp_path / "dev", "--test", tmp_path / "test"]
    ended = run("fit", "classifier", tmp_path / "train", "--layout=lines", *files, "--out", tmp_path / "model", *SMALL)
    assert (ended.code, ended.err) == (0, "")
    assert f"Scores on {tmp_path / 'test'}," in " ".join(ended.out.split())
    assert SequenceClassifier.load(tmp_path / "model").predict(tmp_path / "test")["text"][0] == rows["text"][3]


def test_a_long_table_of_numbers(tmp_path):
    frame = pd.DataFrame(
        {"trip": [n // 4 for n in range(160)], "speed": range(160), "label": [n // 4 % 2 for n in range(160)]}
    )
    frame.to_csv(tmp_path / "trips.csv", index=False)
    ended = run("fit", "classifier", tmp_path / "trips.csv", "--id=trip", "--out", tmp_path / "m", "--set=epochs=1")
    assert (ended.code, ended.err) == (0, "")
    assert "ridge on mean, spread" in ended.out
    assert "explain" not in ended.out


def test_what_is_wrong_ends_with_one_line(reviews, tmp_path):
    out = ["--out", tmp_path / "model"]
    assert "did you mean 'words'?" in error_of("fit", "classifier", reviews, *out, "--text", "word", "--label=stars")
    assert error_of("fit", "classifier", reviews, *out, "--test", reviews, "--holdout=0.2").startswith("give --test or")
    assert "tokenizer = 'syllable'" in error_of("fit", "classifier", reviews, *out, "--tokenizer=syllable")


def test_the_demo_leaves_a_model_the_data_and_lines_to_go_on_with(tmp_path, monkeypatch):
    for setting, value in {"hidden_size": 4, "epochs": 1}.items():
        monkeypatch.setitem(sentiment.DEMO.settings, setting, value)
    out = tmp_path / "demo"
    ended = run("demo", "sentiment", "--out", out, columns=500)
    assert (ended.code, ended.err) == (0, "")
    assert "Scores on patterns not seen" in ended.out
    assert sum(len(pd.read_csv(out / f"{part}.csv")) for part in ("training", "test")) == len(load_reviews())
    for line in ended.out.splitlines()[-2:]:
        assert run(*shlex.split(line.partition(": ")[2])[1:]).code == 0


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    """A manifest of low and high tones, one of them broken, with a test part."""
    folder = tmp_path_factory.mktemp("tones")
    for number in range(24):
        write(folder / f"{number}.wav", tone(0.2, 8000, (300, 1200)[number % 2], seed=number), 8000)
    (folder / "0.wav").write_bytes(b"no audio")
    rows = [f"{n}.wav,{('low', 'high')[n % 2]},{'test' if n > 19 else 'train'}" for n in range(24)]
    return manifest(folder / "clips.csv", *rows, columns="file,label,split")


HEARS = ["--set=hidden_size=8", "--set=channels=4", "--set=epochs=1"]


def test_a_manifest_of_recordings_is_told_by_its_files_and_scored_on_its_test_part(tones, tmp_path):
    out = tmp_path / "model"
    ended = run("fit", "classifier", tones, "--out", out, "--skip-bad", *HEARS)
    assert (ended.code, ended.err) == (0, "")
    assert "note: 1 of 24 recordings are left out: 1 unreadable (line 2: 0.wav: not readable audio" in ended.out
    assert "Scores on the test part that the data name, 4 recordings" in ended.out
    assert "explain" not in ended.out
    told = pd.read_csv(io.StringIO(run("predict", out, tones).out))
    assert told["label"].isna().tolist() == [True] + [False] * 23
    assert "4 recordings" in run("evaluate", out, tones).out


def test_a_broken_recording_names_the_option_that_leaves_it_out(tones, tmp_path):
    said = error_of("fit", "classifier", tones, "--out", tmp_path / "model", *HEARS)
    assert "1 of 24 recordings cannot be used: 1 unreadable (line 2: 0.wav" in said
    assert said.rstrip().endswith("leave them out, --skip-bad")
