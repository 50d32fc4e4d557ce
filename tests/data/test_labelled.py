"""Labelled sequences: every layout gives the same records; damaged files give one error with the place."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato import OstinatoError
from ostinato.data import LabelledSequences, LabelledSpec, read_labelled

TEXTS = ("a fine, quiet film", 'she said "no"', "dull stuff")
LABELS = ("pos", "neg", "neg")
LINES = LabelledSpec(layout="lines")
LONG = pd.DataFrame(
    {
        "id": ["a", "b", "a", "b"],
        "time": [2, 1, 1, 2],
        "x": [1.0, 2.0, 3.0, 4.0],
        "z": [5.0, 6.0, 7.0, 8.0],
        "label": ["up", "down", "up", "down"],
    }
)


def refused(source, spec=None, **options):
    with pytest.raises(OstinatoError) as caught:
        read_labelled(source, spec, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# Every layout.


@pytest.fixture(params=["csv", "tsv", "parquet", "frame", "lines", "folders", "memory"])
def source(request, tmp_path):
    frame = pd.DataFrame({"review": TEXTS, "label": LABELS})
    match request.param:
        case "csv":
            frame.to_csv(tmp_path / "data.csv", index=False)
            return tmp_path / "data.csv", None
        case "tsv":
            frame.to_csv(tmp_path / "data.tsv", index=False, sep="\t")
            return tmp_path / "data.tsv", None
        case "parquet":
            frame.to_parquet(tmp_path / "data.parquet")
            return tmp_path / "data.parquet", None
        case "frame":
            return frame, None
        case "lines":
            lines = (f"{label} {text}\n" for label, text in zip(LABELS, TEXTS, strict=True))
            return write(tmp_path / "data.txt", "".join(lines)), LINES
        case "folders":
            for number, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True)):
                (tmp_path / label).mkdir(exist_ok=True)
                write(tmp_path / label / f"{number}.txt", text + "\n")
            return tmp_path, None
        case _:
            return (list(TEXTS), list(LABELS)), None


def test_every_layout_gives_the_same_texts_and_labels(source):
    read = read_labelled(*source)
    assert set(zip(read.texts, read.labels, strict=True)) == set(zip(TEXTS, LABELS, strict=True))
    again = read_labelled(source[0], read.spec)  # what was found is enough to read it again
    assert (again.items, again.labels) == (read.items, read.labels)


def test_columns_may_be_named_and_labels_may_be_numbers():
    frame = pd.DataFrame({"title": ["x", "y"], "words": ["good", "bad"], "stars": [5, 1]})
    read = read_labelled(frame, LabelledSpec(text="words", label="stars"))
    assert (read.texts, read.labels) == (["good", "bad"], ("5", "1"))


def test_labels_are_not_needed_to_predict(tmp_path):
    read = read_labelled(pd.DataFrame({"text": ["good"]}), LabelledSpec(label="stars"), labels=False)
    assert read.labels is None
    path = write(tmp_path / "new.txt", "1 star is too much\na good one\n")
    assert read_labelled(path, LINES, labels=False, known=["0", "1"]).texts == ["1 star is too much", "a good one"]
    path = write(tmp_path / "old.txt", "1 star\n0 heart\n")
    assert read_labelled(path, LINES, labels=False, known=["0", "1"]).texts == ["star", "heart"]


def test_a_long_table_gives_one_array_an_id_in_time():
    read = read_labelled(LONG)
    spec = read.spec
    assert (spec.layout, spec.id, spec.time, spec.features) == ("sequences", "id", "time", ("x", "z"))
    assert (read.names, read.labels) == (("a", "b"), ("up", "down"))
    np.testing.assert_array_equal(read.arrays[0], [[3, 7], [1, 5]])
    np.testing.assert_array_equal(read.arrays[1], [[2, 6], [4, 8]])
    one = read_labelled(LONG.drop(columns=["time", "z"]), LabelledSpec(features=("x",)))
    np.testing.assert_array_equal(one.arrays[0], [[1], [3]])  # without a time, the order of the rows


def test_arrays_in_memory_may_have_one_feature_or_several():
    read = read_labelled(([np.arange(3), [1.5]], [0, 1]))
    assert [array.shape for array in read.arrays] == [(3, 1), (1, 1)]
    assert read.labels == ("0", "1")
    assert read_labelled([np.zeros((2, 3))], labels=False).features == ("feature 1", "feature 2", "feature 3")


# What is wrong is said, with the place.


def test_errors_name_file_line_and_column(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\ngood,1\n,0\n")
    assert refused(path) == f"{path}, line 3, column 'text': the text is empty: fill it in or leave the row out"
    path = write(tmp_path / "b.csv", 'text,label\n"two\nlines",1\nbad,\n')
    assert refused(path) == f"{path}, line 4, column 'label': the label is missing: fill it in or leave the row out"
    path = write(tmp_path / "c.csv", "text,label\na,b,c\n")
    assert f"{path}, line 2: 3 fields" in refused(path)
    path = write(tmp_path / "d.txt", "1 good\n0\n")
    assert refused(path, LINES) == f"{path}, line 2: no text after the label: write label, a space, the text"
    path = write(tmp_path / "e.txt", b"1 good\n0 b\xe4d\n")
    assert refused(path, LINES).startswith(f"{path}, line 2: byte 0xE4 is not UTF-8 text")
    path = write(tmp_path / "f.txt", "\n \n")
    assert refused(path, LINES) == f"{path}: the file is empty: give lines of label and text"


def test_columns_that_are_not_found_are_asked_for():
    frame = pd.DataFrame({"a": ["x"], "b": ["y"], "label": ["z"]})
    assert "no column is named as texts are (text, sentence" in refused(frame)
    assert "no column is named as labels are (label, class" in refused(frame.drop(columns="label"))
    assert "no column 'labl'; did you mean 'label'?" in refused(frame, LabelledSpec(text="a", label="labl"))
    assert "to be both text and label" in refused(frame, LabelledSpec(text="label"))


def test_lines_of_label_and_text_read_as_a_table_say_what_to_do(tmp_path):
    path = write(tmp_path / "data.txt", "1 good, fine\n0 bad\n")
    assert refused(path).endswith("(if it holds lines of label and text: layout=lines)")


def test_folders_are_checked(tmp_path):
    assert "the folder holds no file" in refused(tmp_path)
    (tmp_path / "pos").mkdir()
    write(tmp_path / "pos" / "1.txt", "  \n")
    assert refused(tmp_path) == f"{tmp_path / 'pos' / '1.txt'}: the text is empty: fill it in or remove the file"
    write(tmp_path / "pos" / "1.txt", "good")
    write(tmp_path / "readme.txt", "about")
    assert refused(tmp_path).startswith(f"{tmp_path / 'readme.txt'}: a file beside the folders of the classes")
    assert (
        refused(tmp_path, LINES)
        == f"{tmp_path}: a folder, where a file of lines should be, as layout='lines' says: give a file"
    )


def test_sequences_are_checked():
    assert refused(LONG.assign(x=[1, None, 3, 4])) == (
        "the DataFrame, row 1, column 'x': a missing value: fill it in or leave the row out"
    )
    assert "'y' is not a number" in refused(LONG.assign(x=[1, 2, "y", 4]))
    assert "row 2, column 'label': 'down', while 'a' has 'up' in another row" in refused(
        LONG.assign(label=["up", "down", "down", "down"])
    )
    assert "row 2, column 'time': this id has another row with the same time" in refused(LONG.assign(time=[1, 1, 1, 2]))
    assert "row 1, column 'id': the id is missing" in refused(LONG.assign(id=["a", None, "a", "b"]))
    assert "no columns of numbers" in refused(LONG[["id", "time", "label"]])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ((["a"], ["x", "y"]), "2 labels for 1 sequences"),
        ((["a", 3], ["x", "y"]), "item 1: a int where a text should be"),
        ((["a", ""], ["x", "y"]), "item 1: the text is empty"),
        ((["a", "b"], ["x", None]), "item 1: the label is missing"),
        (([[1.0], [np.nan]], [0, 1]), "item 1, step 0: a missing or infinite value"),
        (([np.zeros((2, 2)), np.zeros(3)], [0, 1]), "item 1: 1 features where the first has 2"),
        (([[1.0], []], [0, 1]), "item 1: an array of shape"),
        (([], []), "nothing to read"),
        (["a"], "no labels: give a label for each"),
    ],
)
def test_what_is_wrong_in_memory_is_named(source, message):
    assert message in refused(source)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_in_one_line(data, tmp_path_factory):
    layout = data.draw(st.sampled_from(["table", "lines", "sequences"]))
    whole = {
        "table": b'text,label\n"a, b",1\nc d,0\n',
        "lines": "1 é good\n0 bad\n".encode(),
        "sequences": b"id,x,label\na,1.5,u\na,2,u\nb,3,v\n",
    }[layout]
    place = data.draw(st.integers(0, len(whole)))
    cut = data.draw(st.integers(0, 3))
    damaged = whole[:place] + data.draw(st.binary(max_size=3)) + whole[place + cut :]
    path = write(tmp_path_factory.mktemp("damaged") / "data.csv", damaged)
    try:
        read = read_labelled(path, LabelledSpec(layout=layout))
    except OstinatoError as error:
        message = str(error)
    else:
        message = f"{path}"
        assert len(read) == len(read.labels) > 0
        assert all(read.labels)
    assert str(path) in message
    assert len(message.splitlines()) == 1


# Splitting.


@settings(max_examples=50, deadline=None)
@given(
    counts=st.lists(st.integers(2, 40), min_size=1, max_size=4),
    share=st.floats(0.05, 0.9),
    seed=st.integers(0, 5),
)
def test_a_split_is_stratified_seeded_and_loses_nothing(counts, share, seed):
    labels = [str(label) for label, count in enumerate(counts) for _ in range(count)]
    data = LabelledSequences.of_texts([f"text {number}" for number in range(len(labels))], labels)
    first, second = data.split(share, seed)
    assert sorted(first.items + second.items) == sorted(data.items)
    for label, count in enumerate(counts):
        assert abs(second.labels.count(str(label)) - min(max(share * count, 1), count - 1)) <= 1
        assert first.labels.count(str(label)) > 0
    assert data.split(share, seed)[1].items == second.items
    assert all(
        data.labels[data.items.index(item)] == label for item, label in zip(second.items, second.labels, strict=True)
    )


def test_equal_texts_stay_on_one_side():
    data = LabelledSequences.of_texts([f"text {number % 10}" for number in range(40)], ["x"] * 40)
    first, second = data.split(0.3)
    assert not set(first.items) & set(second.items)


@pytest.mark.parametrize("share", [0, 1, -0.5])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(OstinatoError, match="share must be above 0 and below 1"):
        LabelledSequences.of_texts(["a", "b"], ["x", "y"]).split(share)


def test_too_few_to_split_are_refused():
    with pytest.raises(OstinatoError, match="2 texts with labels are too few"):
        LabelledSequences.of_texts(["a", "b"], ["x", "y"]).split(0.5)
    with pytest.raises(OstinatoError, match="60 texts with labels, of which 2 differ, are too few to part 10%"):
        LabelledSequences.of_texts(["a", "b"] * 30, ["x", "y"] * 30).split(0.1)


def test_lines_are_suggested_only_where_a_table_may_be_none(tmp_path):
    for content in (b"", b"text,label\na\0b,c\n", "text,label\né,c\n".encode("latin-1"), b"\x1f\x8b\x08"):
        assert "layout=lines" not in refused(write(tmp_path / "t.csv", content))
    for content in ("good a film, nice\nbad b\n", "text,text\na,b\n", 'good "a" film\nbad "b"\n'):
        assert "layout=lines" in refused(write(tmp_path / "t.csv", content))


def test_lines_where_a_table_with_a_header_was_learned_say_what_is_missing(tmp_path):
    lines = write(tmp_path / "t.csv", "a great film\nan awful plot\n")
    message = refused(lines, LabelledSpec(layout="table", text="review", label="stars"), labels=False)
    assert message == f"{lines}: the first line, 'a great film', is no column 'review': write review above the texts"


def test_a_folder_where_a_table_was_learned_is_refused_in_words(tmp_path):
    assert "a folder, where a table should be" in refused(tmp_path, LabelledSpec(layout="table"))
    assert "a folder, where a file of lines should be" in refused(tmp_path, LabelledSpec(layout="lines"))


@pytest.mark.parametrize("flag", ["yes", "x", "2", ""])
def test_a_column_of_one_label_holds_0_and_1(flag, tmp_path):
    path = write(tmp_path / "t.csv", f"text,a,b\nhi there,1,0\nbye,{flag},1\n")
    message = refused(path, LabelledSpec(labels=("a", "b")))
    assert message.startswith(f"{path}, line 3, column 'a': ")
    assert "whe" in message
    assert "the row has this label" in message


def test_a_column_of_one_label_is_named_once():
    table = pd.DataFrame({"text": ["hi", "bye"], "a": [0, 1], "b": [1, 0]})
    message = refused(table, LabelledSpec(labels=("a", "b", "a")))
    assert message == "labels=a,b,a: 'a' is named twice: name each column once"
