"""CoNLL files: words and tags by column; what is wrong is told with file and line."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ostinato.data.conll import ConllColumns, read_conll, write_conll
from ostinato.data.tagged import TaggedSequences
from ostinato.errors import OstinatoError

law = settings(deadline=None, derandomize=True, max_examples=60)

CONLL_2003 = """\
-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER
-DOCSTART- -X- -X- O
BRUSSELS NNP B-NP B-LOC
"""
CONLLU = """\
# text = Du pain sec #1
1-2\tDu\t_\t_\t_\t_
1\tDe\tde\tADP\t_\t_
2\tle\tle\tDET\t_\t_
3\tpain sec\tpain\tNOUN\t_\t_
3.1\tvu\tvoir\tVERB\t_\t_
4\t#1\t1\tNUM\t_\t_

"""


def file(folder, content, name="some.conll"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_first_column_holds_the_words_and_the_last_the_tags(tmp_path):
    read = read_conll(file(tmp_path, CONLL_2003))
    assert read.items == (("EU", "rejects"), ("Peter", "Blackburn"), ("BRUSSELS",))
    assert read.tags == (("B-ORG", "O"), ("B-PER", "I-PER"), ("B-LOC",))
    assert read.names == (1, 2, 3)


def test_columns_are_chosen_by_number_from_one_on(tmp_path):
    read = read_conll(file(tmp_path, CONLL_2003), ConllColumns(words=4, tags=2))
    assert read.items[0] == ("B-ORG", "O")
    assert read.tags[0] == ("NNP", "VBZ")


def test_conllu_has_comments_ranges_and_empty_nodes_that_are_no_words(tmp_path):
    read = read_conll(file(tmp_path, CONLLU), ConllColumns("conllu"))
    assert read.items == (("De", "le", "pain sec", "#1"),)
    assert read.tags == (("ADP", "DET", "NOUN", "NUM"),)


def test_a_number_sign_is_a_word_where_there_are_no_comments(tmp_path):
    assert read_conll(file(tmp_path, "#win O\n# O")).items == (("#win", "#"),)


@pytest.mark.parametrize("separator", ["\t", " ", "  \t "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_tabs_spaces_and_any_line_end_part_columns_and_lines(separator, end, tmp_path):
    lines = [f"a{separator}X", f"b{separator}Y", "", "  ", f"c{separator}X"]
    read = read_conll(file(tmp_path, "\ufeff" + end.join(lines)))
    assert (read.items, read.tags) == ((("a", "b"), ("c",)), (("X", "Y"), ("X",)))


def test_a_folder_is_all_of_its_files_which_may_differ_in_their_columns(tmp_path):
    file(tmp_path, "a X\n", "1.txt")
    file(tmp_path, "b\t_\tY\n", "2.txt")
    assert read_conll(tmp_path).items == (("a",), ("b",))


def test_without_tags_the_words_alone_are_enough(tmp_path):
    read = read_conll(file(tmp_path, "a\nb\n\nc\n"), tags=False)
    assert (read.items, read.tags) == ((("a", "b"), ("c",)), None)


DAMAGED = {
    "no file": (None, "no such file or folder"),
    "an empty file": ("", "no words"),
    "blank lines alone": ("\n \n\t\n", "no words"),
    "a word without a tag": ("a X\nb\n", "line 2: 1 column, where line 1 has 2"),
    "too many columns": ("a X\n\nb X Y\n", "line 3: 3 columns, where line 1 has 2"),
    "words alone": ("a\nb\n", "line 1: no tag: 1 column, write a word and its tag"),
    "an empty field": ("a\tX\n\tY\n", "line 2: no word in its column"),
    "an empty tag": ("a\tX\tZ\nb\tY\t\n", "line 2: no tag in its column"),
    "another encoding": (b"a X\n\xe9t\xe9 Y\n", "line 2: byte 0xE9 is not UTF-8 text"),
    "a NUL byte": (b"a X\nb\0 X\n", "line 2: a NUL byte"),
    "UTF-16": ("a X\n".encode("utf-16"), "UTF-16 text"),
}


@pytest.mark.parametrize(("content", "message"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_refused_with_its_name_and_line(content, message, tmp_path):
    path = tmp_path / "no.conll" if content is None else file(tmp_path, content)
    with pytest.raises(OstinatoError, match=re.escape(message)) as caught:
        read_conll(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (ConllColumns(words=3), "2 columns, and the words should be in column 3"),
        (ConllColumns(tags=3), "2 columns, and the tags should be in column 3"),
        (ConllColumns(words=2), "its column is that of the words"),
        (ConllColumns("conllu"), "2 columns, and the tags should be in column 4"),
    ],
)
def test_columns_that_are_not_there_are_refused(columns, message, tmp_path):
    with pytest.raises(OstinatoError, match=f"line 1: .*{message}"):
        read_conll(file(tmp_path, "a X\n"), columns)


@law
@given(content=st.binary(max_size=60) | st.text("ab \t\n\r#-.1\0é\u2028O", max_size=40).map(str.encode))
@example(content=b"\xef\xbb\xbf\n")
def test_whatever_a_file_holds_it_is_read_whole_or_refused_by_name(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "f.conll"
    path.write_bytes(content)
    for columns in (ConllColumns(), ConllColumns("conllu", words=1, tags=2)):
        try:
            read = read_conll(path, columns)
        except OstinatoError as error:
            assert str(path) in str(error)  # noqa: PT017 (either outcome is right)
        else:
            assert read.steps
            assert [len(words) for words in read.items] == [len(tags) for tags in read.tags]
            assert all(part for parts in (*read.items, *read.tags) for part in parts)


@law
@given(
    pairs=st.lists(
        st.lists(st.tuples(st.text("abé#1-", min_size=1), st.sampled_from(["O", "B-X"])), min_size=1), min_size=1
    )
)
def test_what_is_written_is_read(pairs, tmp_path_factory):
    path = tmp_path_factory.mktemp("written") / "f.conll"
    sentences = TaggedSequences.of_sentences([tuple(zip(*pair, strict=True)) for pair in pairs])
    write_conll(path, sentences)
    read = read_conll(path)
    assert (read.items, read.tags) == (sentences.items, sentences.tags)


@pytest.mark.parametrize(
    "word",
    ["a\nb", "a\tb", "a\rb", "a\0b", "-DOCSTART-", "-DOCSTART-x", " a", "a ", "\ufeffa", "a\ud800b"],
)
@pytest.mark.parametrize("place", [0, 1])
def test_what_would_not_be_read_back_is_not_written(word, place, tmp_path):
    sentence = TaggedSequences((("fine",), ("fine", "b")), (("O",), ("O", "O")), (1, 2), "the sentences")
    words, tags = ((word, "b"), ("O", "O")) if place == 0 else (("a", "b"), (word, "O"))
    written = TaggedSequences((*sentence.items, words), (*sentence.tags, tags), (1, 2, 3), "the sentences")
    with pytest.raises(OstinatoError, match="sentence 3, word 1") as caught:
        write_conll(tmp_path / "w.conll", written)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "w.conll").exists()


@law
@given(st.lists(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=3), min_size=1, max_size=3))
@example([["\u00a0", "a b", "\u2028", "#", "\x0b"]])  # words to whoever wrote them
def test_what_is_written_is_read_back_word_for_word(tmp_path_factory, sentences):
    path = tmp_path_factory.mktemp("conll") / "w.conll"
    items = tuple(map(tuple, sentences))
    try:
        write_conll(path, TaggedSequences(items, items, tuple(range(len(items))), "the sentences"))
    except OstinatoError:
        return
    read = read_conll(path)
    assert (read.items, read.tags) == (items, items)
