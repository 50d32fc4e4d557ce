"""Files as other programs write them: quotation marks that are text, other encodings, columns of nothing, packed."""

import gzip
import json
import tracemalloc

import pandas as pd
import pytest

from ostinato.data import Dialogues, FileFormat, LabelledSpec, Text, read_conll, read_labelled, read_table
from ostinato.data.packed import ALWAYS
from ostinato.data.pairs import ParallelTexts, read_sources
from ostinato.data.vectors import read_vectors
from ostinato.errors import OstinatoError
from ostinato.tasks.settings import FileSettings

LINES = LabelledSpec(layout="lines")


def written(folder, content, name="t.tsv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(content.encode(encoding))
    return path


def refused(read, *arguments, **more):
    with pytest.raises(OstinatoError) as caught:
        read(*arguments, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Quotation marks


@pytest.mark.parametrize(
    "rows",
    [
        ['"Never again\t0', 'of all things"\t1', "a\t0"],  # two rows, not one
        ['he said "never"\t0', "a\t1"],
        ['"Wow" he said\t0', 'a "b\t1', "c\t0"],
        ['5" pipe\t0', '"open\t1'],
        ['a\t"', '"\tb'],
        ['"\t"', "a\tb"],
    ],
)
def test_in_fields_between_tabs_marks_are_text(rows, tmp_path):
    table = read_table(written(tmp_path, "\n".join(["text\tlabel", *rows])))
    assert [list(row) for row in table.frame.to_numpy()] == [row.split("\t") for row in rows]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"text": ["a\tb", "c"], "label": ["x", "y"]}),  # a tab that must be quoted
        pd.DataFrame({"text": ["a\nb", "c"], "label": ["x", "y"]}),  # a line end
        pd.DataFrame({"text": ['he said "no"', "c"], "label": ["x", "y"]}),  # marks, doubled
    ],
)
def test_a_file_between_tabs_that_can_only_be_quoted_is_read_so(frame, tmp_path):
    frame.to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.tsv").frame, frame, check_dtype=False)


def test_what_marks_mean_can_be_said(tmp_path):
    path = written(tmp_path, 'text\tlabel\n"a"\tx\n"b"\ty\n')
    assert list(read_table(path).texts("text")) == ["a", "b"]
    assert list(read_table(path, FileFormat(quoting="none")).texts("text")) == ['"a"', '"b"']
    broken = written(tmp_path, 'text,label\n5" pipe,x\n', "t.csv")
    assert "say quoting='none' where marks are text" in refused(read_table, broken)
    assert list(read_table(broken, FileFormat(quoting="none")).texts("text")) == ['5" pipe']
    assert "line 2: a quotation mark" in refused(
        read_table, written(tmp_path, 'a\tb\n"x\ty\n'), FileFormat(quoting="csv")
    )


# Encodings


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-8"])
def test_other_encodings_are_read_when_told(encoding, tmp_path):
    form = FileFormat(encoding)
    table = written(tmp_path, "text,label\nné,x\n", "t.csv", encoding)
    assert list(read_table(table, form).texts("text")) == ["né"]
    text = written(tmp_path, "a\r\nné\n", "t.txt", encoding)
    assert list(Text.of(text, form=form).lines()) == ["a", "né"]
    assert read_labelled(table, LabelledSpec(form=form)).texts == ["né"]
    pairs = written(tmp_path, "né\tborn\n", "p.tsv", encoding)
    assert ParallelTexts.of(pairs, form=form).sources == ("né",)
    assert Dialogues.of(pairs, form).dialogues[0].turns == ("né", "born")


@pytest.mark.parametrize("name", ["t.csv", "t.txt", "t.jsonl", "t.jsonl.gz"])
def test_another_encoding_is_named_with_the_byte_its_line_and_what_to_say(name, tmp_path):
    content = "a,b\nx,né\n".encode("latin-1")
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    reads = {".csv": read_table, ".txt": lambda path: list(Text.of(path).lines())}
    message = refused(reads.get(path.suffix, Dialogues.of), path)
    if path.suffix in reads or path.suffix == ".gz":
        assert message.startswith(f"{path}, line 2: byte 0xE9 is not UTF-8 text: save the file as UTF-8, or say")
        assert "encoding='latin-1'" in message


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (gzip.compress(b"a,b\nx,y\n", mtime=0), "a gzip file, and no text as it is: give its name the ending .gz"),
        (b"PK\x03\x04\x14\0\x06\0", "a zip file, as spreadsheets are, and no text as it is: unpack it, or save"),
        (b"PAR1\x15\x04", "a Parquet file, and no text as it is: give its name the ending .parquet"),
        (b"BZh91AY&SY", "a bzip2 file"),
        (b"\xfd7zXZ\0", "an xz file"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_file_that_is_no_text_is_called_what_it_is(start, said, encoding, tmp_path):
    path, form = tmp_path / "t.csv", FileFormat(encoding)
    path.write_bytes(start)
    if "Parquet" not in said:  # a table is read as what it is
        assert refused(read_table, path, form).startswith(f"{path}: {said}")
    assert refused(lambda: list(Text.of(path, form=form).lines())).startswith(f"{path}: {said}")


def test_an_unknown_encoding_is_refused_as_a_setting():
    assert FileSettings(encoding="windows-1252").form.encoding == "windows-1252"
    for name in ("latin-12", "base64", "rot13", ""):
        with pytest.raises(ValueError, match="no such encoding"):
            FileSettings(encoding=name)


def test_half_a_surrogate_pair_is_refused_where_it_is_read(tmp_path):
    broken = "a \ud83d b"
    rows = [{"source": "a", "target": "b"}, {"source": broken, "target": "c"}]
    path = written(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "pairs.jsonl")
    what = "half of a surrogate pair, which is no character"
    assert refused(ParallelTexts.of, path).startswith(f"{path}, line 2: {what}")
    assert what in refused(ParallelTexts.of, pd.DataFrame(rows, dtype=object))
    assert what in refused(read_sources, path)
    assert what in refused(read_labelled, pd.DataFrame({"text": ["a", broken], "label": ["x", "y"]}, dtype=object))
    assert what in refused(read_labelled, (["a", broken], ["x", "y"]))
    assert what in refused(Text.of, ["a", broken])


# Columns of nothing


def test_last_columns_without_a_name_are_passed_over_where_they_hold_nothing(tmp_path):
    path = written(tmp_path, "label,message,,,\nham,see you,,,\nspam,win, ,,\n", "spam.csv")
    assert read_table(path).columns == ["label", "message"]


def test_last_columns_without_a_name_that_hold_something_are_called_by_their_number(tmp_path):
    path = written(tmp_path, "label,message,,,\nham,see you,,,\nspam,win, now,,\n", "spam.csv")
    assert read_table(path).columns == ["label", "message", "column 3"]
    assert read_labelled(path, LabelledSpec(text="message")).texts == ["see you", "win"]


# Lines of label and text


@pytest.mark.parametrize(
    ("lines", "labels"),
    [
        (["ham\tsee you", "spam\twin a prize"], ("ham", "spam")),
        (["very good\tsee you", "bad\twin a prize"], ("very good", "bad")),
        (["ham see\tyou", "spam win a prize"], ("ham", "spam")),
        (["ham\tsee you", "spam win a prize"], ("ham", "spam")),
    ],
)
def test_a_label_ends_at_the_tab_or_at_the_first_white_space(lines, labels, tmp_path):
    read = read_labelled(written(tmp_path, "\n".join(lines)), LINES)
    assert read.labels == labels
    assert [" ".join(text.split()) for text in read.texts][1] == "win a prize"


def test_blank_lines_keep_their_place_where_no_labels_are_needed(tmp_path):
    path = written(tmp_path, "ham see\n\nspam win\n")
    assert read_labelled(path, LINES).texts == ["see", "win"]
    told = read_labelled(path, LINES, labels=False, known=("ham", "spam"))
    assert (told.texts, told.labels) == (["see", "", "win"], ("ham", "", "spam"))
    assert read_labelled(written(tmp_path, "see\n \nwin\n"), LINES, labels=False).texts == ["see", "", "win"]


# Pairs and dialogues as they are passed on


@pytest.mark.parametrize(
    "row",
    [
        "Hi.\tHallo!\tCC-BY 2.0 (France) Attribution: tatoeba.org #538123 (CM) & #380701 (cburgmer)",
        "1276\tHi.\t2481\tHallo!",
        "1276\tHi.\tHallo!",
    ],
)
def test_numbers_and_licences_beside_two_texts_are_left_out_and_noted(row, tmp_path):
    path = written(tmp_path, f"{row}\n{row}\n")
    read = ParallelTexts.of(path)
    assert (read.sources[0], read.targets[0]) == ("Hi.", "Hallo!")
    (note,) = read.notes
    assert note.startswith(f"{path}: column")
    assert "left out: numbers or licences" in note


def test_three_columns_of_texts_are_still_refused(tmp_path):
    assert "3 fields separated by tabs" in refused(ParallelTexts.of, written(tmp_path, "Hi.\tHallo!\tSalut!\n"))


def test_a_dialogue_per_line_with_a_mark_after_each_turn(tmp_path):
    path = written(tmp_path, "Hi . __eou__ Hello ! __eou__\n\nBye . __eou__ See you . __eou__ Yes . __eou__\n", "d.txt")
    assert [dialogue.turns for dialogue in Dialogues.of(path)] == [("Hi .", "Hello !"), ("Bye .", "See you .", "Yes .")]


def test_lines_that_begin_with_speakers_are_their_turns(tmp_path):
    lines = [
        "Human 1: Hi!",
        "Human 2: What is up?",
        "Human 1: Not much.",
        "Human 1: And you?",
        "Human 2: Fine: thanks.",
    ]
    (dialogue,) = Dialogues.of(written(tmp_path, "\n".join(lines), "human_chat.txt"))
    assert dialogue.speakers == ("Human 1", "Human 2", "Human 1", "Human 2")
    assert dialogue.turns == ("Hi!", "What is up?", "Not much. And you?", "Fine: thanks.")


def test_one_long_dialogue_is_cut_to_part_its_end():
    turns = [f"turn {number}" for number in range(20)]
    first, second = Dialogues.of([turns]).split(0.1)
    assert (first.dialogues[0].turns, second.dialogues[0].turns) == (tuple(turns[:18]), tuple(turns[18:]))
    first, second = Dialogues.of([turns[:4]]).split(0.01)
    assert (len(first.dialogues[0].turns), len(second.dialogues[0].turns)) == (2, 2)
    assert "cannot be split" in refused(Dialogues.of([turns[:3]]).split, 0.1)


def test_a_colon_in_a_turn_makes_no_speakers(tmp_path):
    lines = ["Well: hello.", "Listen: go away.", "Why: no reason."]
    (dialogue,) = Dialogues.of(written(tmp_path, "\n".join(lines), "d.txt"))
    assert (dialogue.turns, dialogue.speakers) == (tuple(lines), None)


# Packed files


def consumed(path):
    return [line for line in Text.of(path).lines() if line]


READERS = {
    "s.jsonl": (Dialogues.of, '{"turns": ["Hello.", "Good day."]}\n'),
    "t.csv": (read_table, "a,b\n1,2\n"),
    "l.csv": (read_labelled, "text,label\none,a\ntwo,b\n"),
    "p.tsv": (ParallelTexts.of, "one\tun\n"),
    "p.jsonl": (ParallelTexts.of, '{"source": "one", "target": "un"}\n'),
    "p.csv": (read_sources, "source\none\n"),
    "w.conll": (read_conll, "Anna B-X\n\n"),
    "t.txt": (consumed, "one line\n"),
    "v.vec": (lambda path: read_vectors(path, {"one": 0}).values, "one 0.1 0.2\ntwo 0.3 0.4\n"),
}


class TestPacked:
    @pytest.mark.parametrize("name", READERS)
    def test_a_packed_file_is_read_as_it_would_be_unpacked(self, name, tmp_path):
        read, text = READERS[name]
        plain, packed = tmp_path / name, tmp_path / f"{name}.gz"
        plain.write_text(text)
        packed.write_bytes(gzip.compress(text.encode()))
        assert len(read(packed)) == len(read(plain)) > 0

    @pytest.mark.parametrize("name", sorted(READERS.keys() - {"v.vec"}))  # which is refused at its first blank line
    def test_it_is_read_in_bounded_memory_and_refused_where_it_swells(self, name, tmp_path):
        read, text = READERS[name]
        path = tmp_path / f"{name}.gz"
        with gzip.open(path, "wb") as file:
            file.write(text.encode())
            for _ in range(ALWAYS // (1 << 20) + 8):
                file.write(b" " * (1 << 20) + b"\n")
        tracemalloc.start()
        try:
            message = refused(read, path)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert "unpacks to more than 100 times its size" in message
        assert peak < 6 * ALWAYS

    @pytest.mark.parametrize("name", READERS)
    def test_half_of_one_is_named(self, name, tmp_path):
        read, text = READERS[name]
        path = tmp_path / f"{name}.gz"
        path.write_bytes(gzip.compress(text.encode())[:-9])
        assert refused(read, path).startswith(f"{path}: not a whole gzip file")


def test_a_packed_file_far_smaller_than_its_text_is_read(tmp_path):
    with gzip.open(tmp_path / "same.jsonl.gz", "wt") as file:
        file.writelines('{"turns": ["Hello.", "Good day."]}\n' for _ in range(20_000))
    assert len(Dialogues.of(tmp_path / "same.jsonl.gz")) == 20_000
