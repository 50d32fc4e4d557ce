"""Sequences with a tag at every step: from memory, from tables, split at random."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data.tagged import StepColumns, TaggedSequences
from ostinato.data.tagged_steps import read_steps
from ostinato.errors import OstinatoError

law = settings(deadline=None, derandomize=True, max_examples=40)

PAIRS = [(["a", "b"], ["X", "Y"]), (("c",), ("X",)), ([], [])]


def test_pairs_of_words_and_tags_are_sentences_counted_from_one():
    read = TaggedSequences.of_sentences(PAIRS)
    assert read.items == (("a", "b"), ("c",), ())
    assert read.tags == (("X", "Y"), ("X",), ())
    assert (read.names, read.steps, read.lengths.tolist()) == ((1, 2, 3), 3, [2, 1, 0])


def test_without_tags_words_alone_are_enough_and_tags_may_be_there():
    assert TaggedSequences.of_sentences([["a", "b"], np.array(["c", "d"])], tags=False).items == (
        ("a", "b"),
        ("c", "d"),
    )
    assert TaggedSequences.of_sentences(PAIRS[:2], tags=False).items == (("a", "b"), ("c",))


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        ([], "no words"),
        ([([], [])], "no words"),
        (["a b"], "item 0: a str where a sentence should be"),
        ([(["a"], ["X"]), 3], "item 1: a int where"),
        ([(["a"], ["X"], ["Y"])], "item 0: neither words nor the pair"),
        ([(["a", "b"], ["X"])], "item 0: 2 words and 1 tags"),
        ([(["a", " "], ["X", "Y"])], "item 0: ' ' is no word"),
        ([(["a", 1], ["X", "Y"])], "item 0: 1 is no word"),
        ([["a", "b"]], "item 0: words without tags: give the pair (words, tags)"),
    ],
)
def test_what_is_no_tagged_sentence_is_refused_by_its_position(sentences, message):
    with pytest.raises(OstinatoError, match=re.escape(message)):
        TaggedSequences.of_sentences(sentences)


@law
@given(words=st.lists(st.sampled_from("abcdef"), min_size=2, max_size=30), seed=st.integers(0, 3))
def test_a_split_takes_every_sentence_once_and_keeps_equal_ones_together(words, seed):
    sentences = TaggedSequences.of_sentences([([word], [str(number)]) for number, word in enumerate(words)])
    if len(set(words)) == 1:
        with pytest.raises(OstinatoError, match="too few to part 30%"):
            sentences.split(0.3, seed)
        return
    first, second = sentences.split(0.3, seed)
    assert sorted([*first.names, *second.names]) == list(sentences.names)
    assert len(first)
    assert len(second)
    assert not set(first.items) & set(second.items)
    assert first.tags == tuple((str(name - 1),) for name in first.names)
    assert sentences.split(0.3, seed)[1].names == second.names


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(OstinatoError, match="share must be above 0 and below 1"):
        TaggedSequences.of_sentences(PAIRS).split(share)


def test_words_and_numbers_are_not_taken_for_each_other(table):
    with pytest.raises(OstinatoError, match="sentences, where the model reads sequences of numbers"):
        TaggedSequences.of_sentences(PAIRS).arrays  # noqa: B018
    with pytest.raises(OstinatoError, match="sequences of numbers, where the model reads sentences"):
        read_steps(table, StepColumns()).sentences  # noqa: B018


# Numbers


@pytest.fixture
def table():
    """Two sequences, the steps of the second not in order of time."""
    return pd.DataFrame(
        {
            "id": ["a", "b", "a", "b", "b"],
            "t": [0, 2, 1, 0, 1],
            "x": [1.0, 2, 3, 4, 5],
            "z": ["10", "20", "30", "40", "50"],
            "label": ["up", "up", "down", "down", "down"],
        }
    )


def test_a_long_table_is_one_sequence_for_each_id_in_order_of_time(table):
    read = read_steps(table, StepColumns())
    assert [array.tolist() for array in read.items] == [[[1, 10], [3, 30]], [[4, 40], [5, 50], [2, 20]]]
    assert read.tags == (("up", "down"), ("down", "down", "up"))
    assert read.names == ("a", "b")
    assert read.columns == StepColumns(id="id", time="t", label="label", features=("x", "z"))


def test_without_ids_and_times_all_rows_are_one_sequence_as_they_stand(table):
    read = read_steps(table[["x", "label"]], StepColumns())
    assert read.items[0][:, 0].tolist() == [1, 2, 3, 4, 5]
    assert read.columns.id is None


def test_columns_may_be_named_and_tags_left_out(table):
    renamed = table.rename(columns={"id": "who", "label": "move", "t": "when"})
    columns = StepColumns(id="who", time="when", label="move", features=("x",))
    assert read_steps(renamed, columns).features == ("x",)
    read = read_steps(renamed.drop(columns="move"), columns, tags=False)
    assert read.tags is None
    assert read.lengths.tolist() == [2, 3]


def test_a_csv_file_is_read_and_its_lines_are_named(table, tmp_path):
    table.to_csv(tmp_path / "s.csv", index=False)
    assert read_steps(tmp_path / "s.csv", StepColumns()).names == ("a", "b")
    table.loc[1, "x"] = None
    table.to_csv(tmp_path / "s.csv", index=False)
    with pytest.raises(OstinatoError, match=r"s\.csv, line 3, column 'x': a missing value"):
        read_steps(tmp_path / "s.csv", StepColumns())


def changed(table, row, column, value):
    table = table.astype(object)
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: changed(t, 1, "label", None), "row 1, column 'label': the label is missing"),
        (lambda t: changed(t, 2, "id", ""), "row 2, column 'id': the id is missing"),
        (lambda t: changed(t, 3, "z", "much"), "row 3, column 'z': 'much' is not a number"),
        (lambda t: changed(t, 3, "x", np.inf), "row 3, column 'x': an infinite value"),
        (lambda t: changed(t, 3, "t", 2), "row 3, column 't': this id has another row with the same t"),
        (lambda t: t.drop(columns="label"), "no column is named as labels are"),
        (lambda t: t[["id", "t", "label"]], "no columns of numbers"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_by_place(change, message, table):
    with pytest.raises(OstinatoError, match=re.escape(message)):
        read_steps(change(table), StepColumns())
