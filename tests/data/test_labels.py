"""Several labels a sequence: every way to give them reads alike; what is none is refused with its place."""

import numpy as np
import pandas as pd
import pytest

from ostinato import OstinatoError
from ostinato.data import LabelledSequences, LabelledSpec, read_labelled

TEXTS = ["you fool", "hello", "I will find you"]
LABELS = (("insult", "toxic"), (), ("threat",))
BARS = LabelledSpec(label_separator="|")
FLAGS = pd.DataFrame({"text": TEXTS, "toxic": [1, 0, 0], "insult": [True, False, False], "threat": [0, 0, 1]})
COLUMNS = LabelledSpec(labels=("toxic", "insult", "threat"))


def refused(source, spec=None, **how):
    with pytest.raises(OstinatoError) as caught:
        read_labelled(source, spec, **how)
    return str(caught.value)


def written(path, text):
    path.write_text(text)
    return path


# Ways in.


@pytest.fixture(
    params=[
        "cells", "spaced", "columns", "parquet", "frame", "listed", "listed parquet", "lines", "lists", "sets",
        "joined",
    ]
)  # fmt: skip
def source(request, tmp_path):
    match request.param:
        case "cells":
            return written(
                tmp_path / "a.csv", f"text,label\n{TEXTS[0]},toxic|insult\n{TEXTS[1]},\n{TEXTS[2]},threat\n"
            ), BARS
        case "spaced":
            rows = f"text;label\n{TEXTS[0]};insult, toxic,toxic\n{TEXTS[1]};\n{TEXTS[2]};threat\n"
            return written(tmp_path / "a.csv", rows), LabelledSpec(label_separator=", ")
        case "columns":
            FLAGS.assign(insult=[1, 0, 0]).to_csv(tmp_path / "a.csv", index=False)
            return tmp_path / "a.csv", COLUMNS
        case "parquet":
            FLAGS.to_parquet(tmp_path / "a.parquet")
            return tmp_path / "a.parquet", COLUMNS
        case "frame":
            return FLAGS, COLUMNS
        case "lines":
            rows = f"toxic|insult\t{TEXTS[0]}\n\t{TEXTS[1]}\nthreat\t{TEXTS[2]}\n"
            return written(tmp_path / "a.txt", rows), LabelledSpec(layout="lines", label_separator="|")
        case "listed":
            return pd.DataFrame({"text": TEXTS, "label": [list(own) for own in LABELS]}), None
        case "listed parquet":
            pd.DataFrame({"text": TEXTS, "label": [list(own) for own in LABELS]}).to_parquet(tmp_path / "a.parquet")
            return tmp_path / "a.parquet", None
        case "lists":
            return (TEXTS, [["insult", "toxic"], [], ("threat",)]), None
        case "sets":
            return (TEXTS, [{"toxic", "insult"}, frozenset(), {"threat"}]), None
        case _:
            return (TEXTS, ["toxic|insult", None, "threat"]), BARS


def test_every_way_to_give_several_labels_reads_alike(source):
    read = read_labelled(*source)
    assert read.several
    assert [set(own) for own in read.labels] == [set(own) for own in LABELS]
    assert sorted(read.kinds) == ["insult", "threat", "toxic"]
    assert read.texts == TEXTS
    again = read_labelled(source[0], read.spec)
    assert (again.labels, again.kinds) == (read.labels, read.kinds)


def test_columns_keep_their_order_and_a_label_that_no_row_has():
    read = read_labelled(FLAGS.assign(toxic=0), COLUMNS)
    assert read.kinds == ("toxic", "insult", "threat")
    assert read.take(np.array([1])).kinds == read.kinds


def test_folders_may_name_several_labels(tmp_path):
    for name in ("sun+rain", "sun"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text("a day")
    read = read_labelled(tmp_path, LabelledSpec(label_separator="+"))
    assert read.labels == (("sun",), ("rain", "sun"))


def test_sequences_of_numbers_may_have_several_labels_too():
    long = pd.DataFrame({"id": [1, 1, 2], "x": [0.5, 1.5, 2.5], "label": ["up;odd", "odd;up", ""]})
    read = read_labelled(long, LabelledSpec(label_separator=";"))
    assert (read.labels, read.features) == ((("odd", "up"), ()), ("x",))
    flags = long.drop(columns="label").assign(up=[1, 1, 0], odd=[1, 1, 0])
    read = read_labelled(flags, LabelledSpec(labels=("up", "odd")))
    assert (read.labels, read.features) == ((("up", "odd"), ()), ("x",))
    assert "row 1: ('up',), while '1' has ('up', 'odd') in another row" in refused(
        flags.assign(odd=[1, 0, 0]), LabelledSpec(labels=("up", "odd"))
    )


def test_labels_are_neither_needed_nor_read_to_predict(tmp_path):
    unknown = FLAGS.assign(toxic=-1)  # as test sets have it whose labels are not told
    assert read_labelled(unknown, COLUMNS, labels=False).labels is None
    assert read_labelled(FLAGS[["text"]], COLUMNS, labels=False).texts == TEXTS
    lines = written(tmp_path / "a.txt", "sun|rain nice\n now\n")
    spec = LabelledSpec(layout="lines", label_separator="|")
    assert read_labelled(lines, spec, labels=False, known=["sun", "rain"]).texts == ["nice", "now"]
    assert read_labelled(lines, spec, labels=False, known=["sun"]).texts == ["sun|rain nice", "now"]


# What is refused, with its place.


@pytest.mark.parametrize("cell", ["|", " | ", "toxic|", "|toxic", "a||b"])
def test_a_cell_that_lacks_a_label_beside_a_separator_is_refused(cell, tmp_path):
    path = written(tmp_path / "a.csv", f"text,label\nfine,a\nbad,{cell}\n")
    what = f"{cell.strip()!r} lacks a label beside a '|': fill it in, or take the mark away"
    assert refused(path, BARS) == f"{path}, line 3, column 'label': {what}"
    assert f"the labels, item 1: {what}" in refused((["x", "y"], ["a", cell]), BARS)


@pytest.mark.parametrize(("cell", "told"), [("2", "'2'"), ("-1", "'-1'"), ("0.5", "'0.5'"), ("", "nothing")])
def test_a_cell_that_is_neither_0_nor_1_is_refused(cell, told, tmp_path):
    path = written(tmp_path / "a.csv", f"text,toxic,insult\nfine,0,1\nbad,1,{cell}\n")
    message = refused(path, LabelledSpec(labels=("toxic", "insult")))
    assert message.startswith(f"{path}, line 3, column 'insult': {told} where 0 or 1 should be")


def test_words_where_0_and_1_should_be_are_refused(tmp_path):
    path = written(tmp_path / "a.csv", "text,toxic\nfine,0\nbad,yes\n")
    assert refused(path, LabelledSpec(labels=("toxic",))).startswith(f"{path}, line 3, column 'toxic': 'yes'")


def test_lists_that_are_none_of_labels_are_refused():
    assert "the labels, item 1: 'b', where a list of texts should be" in refused((["x", "y"], [["a"], "b"]))
    assert "the labels, item 0: [0, 1], where a list of texts" in refused((["x", "y"], [[0, 1], [1, 0]]))
    assert "item 0: array([0, 1]), where a list of texts" in refused((["x", "y"], np.array([[0, 1], [1, 0]])))
    assert "item 0: a blank label" in refused((["x"], [["a", " "]]))
    frame = pd.DataFrame({"text": ["x", "y"], "label": [["a"], [1]]})
    assert refused(frame).startswith("the DataFrame, row 1, column 'label': [1], where a list of texts should be")
    assert "item 1: None, where a list of texts" in refused((["x", "y"], [["a"], None]))


def test_columns_that_are_none_or_two_ways_at_once_are_refused(tmp_path):
    assert "no column 'insultt'; did you mean 'insult'?" in refused(FLAGS, LabelledSpec(labels=("toxic", "insultt")))
    both = LabelledSpec(label="toxic", labels=("insult",))
    assert "label='toxic' and labels=insult: give one column, or several" in refused(FLAGS, both)
    lines = written(tmp_path / "a.txt", "a text\n")
    assert "no table, and labels=a are columns" in refused(lines, LabelledSpec(layout="lines", labels=("a",)))


# Parts.


def test_a_part_has_its_share_of_rare_labels_too():
    rare = [["often"] if number % 20 else ["often", "rare"] for number in range(200)]
    whole = LabelledSequences.of_texts([f"text {number}" for number in range(200)], rare)
    rest, part = whole.split(0.2)
    assert sum("rare" in own for own in part.labels) == 2
    assert (len(rest), len(part)) == (160, 40)
    assert all(sum("rare" in own for own in fold.labels) == 2 for _, fold in whole.folds(5))
