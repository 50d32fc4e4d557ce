"""Text from files and from memory: checked, whole, whatever its size and line ends."""

import re
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ostinato.data import Text, text
from ostinato.errors import OstinatoError

law = settings(deadline=None, derandomize=True, max_examples=60)


def file(folder, content, name="some.txt"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def whole(source, **chosen):
    return "".join(Text.of(source, **chosen).pieces())


def refused(source):
    with pytest.raises(OstinatoError) as caught:
        whole(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# What is read


def normalised(content):
    return content.replace("\r\n", "\n").replace("\r", "\n")


@law
@given(content=st.text("ab é😀\t\n\r\u2028\x0b", max_size=60), piece=st.integers(1, 9))
@example(content="a\r\nb", piece=2)  # a line end of two characters, cut between them
@example(content="no space and no line end at all", piece=1)
def test_the_pieces_join_to_the_text_with_one_kind_of_line_end(content, piece, tmp_path_factory):
    path = file(tmp_path_factory.mktemp("text"), content)
    wanted = normalised(content)
    with mock.patch.object(text, "PIECE", piece):
        assert "".join(piece for document in Text.of(path).documents() for piece in document) == wanted
        ended = wanted if wanted.endswith("\n") or not wanted else wanted + "\n"
        assert whole(path) == ended
        assert list(Text.of(path).lines()) == ended.split("\n")[:-1]
    assert whole([content]) == ended
    assert list(Text.of([content]).lines()) == ended.split("\n")[:-1]


@law
@given(words=st.lists(st.text("abc", min_size=1, max_size=5), min_size=1, max_size=30), piece=st.integers(6, 20))
def test_a_piece_ends_where_a_word_does(words, piece, tmp_path_factory):
    path = file(tmp_path_factory.mktemp("text"), " ".join(words))
    with mock.patch.object(text, "PIECE", piece):
        pieces = list(Text.of(path).pieces())
    assert [word for piece in pieces for word in piece.split()] == words


def test_a_byte_order_mark_is_no_text(tmp_path):
    assert whole(file(tmp_path, b"\xef\xbb\xbfa\n")) == "a\n"


def test_a_character_of_several_bytes_may_lie_across_what_is_read_at_once(tmp_path):
    content = "é😀" * 10_000
    assert whole(file(tmp_path, content)) == content + "\n"


def test_a_line_of_ten_megabytes_comes_whole_in_pieces_of_bounded_size(tmp_path):
    content = "word " * 2_000_000 + "\nend\n"
    path = file(tmp_path, content)
    pieces = list(Text.of(path).pieces())
    assert "".join(pieces) == content
    assert max(map(len, pieces)) <= 3 * text.PIECE
    assert all(piece[-1] in " \n" for piece in pieces)
    assert [len(line) for line in Text.of(path).lines()] == [10_000_000, 3]


def test_an_empty_file_and_an_empty_text_hold_nothing(tmp_path):
    path = file(tmp_path, "")
    assert whole(path) == whole([""]) == whole([]) == ""
    assert list(Text.of(path).lines()) == []
    assert list(Text.of(["", "a"]).lines()) == ["a"]


def test_every_document_begins_a_line_of_its_own(tmp_path):
    for name in ("a.txt", "b.txt"):
        file(tmp_path, name, name)
    assert whole(tmp_path) == "a.txt\nb.txt\n"
    assert whole(["one", "two\n", "", "three"]) == "one\ntwo\nthree\n"


# Where it is read from


def test_a_folder_is_read_in_order_of_names_with_all_below_it_but_nothing_hidden(tmp_path):
    for name in ("b.txt", "a/c.txt", "a/b.md", ".hidden.txt", ".git/d.txt", "a/.e"):
        file(tmp_path, name + "\n", name)
    assert whole(tmp_path) == "a/b.md\na/c.txt\nb.txt\n"
    assert whole(tmp_path, pattern="*.txt") == "a/c.txt\nb.txt\n"
    assert whole(str(tmp_path)) == whole(tmp_path)


def test_a_hidden_folder_that_is_asked_for_is_read(tmp_path):
    assert whole(file(tmp_path, "a\n", ".hidden/a.txt").parent) == "a\n"


def test_what_it_is_called_in_errors(tmp_path):
    file(tmp_path, "", "a.txt")
    assert Text.of(tmp_path).origin == str(tmp_path / "a.txt")
    for name in ("b.txt", "c.txt"):
        file(tmp_path, "", name)
    assert Text.of(tmp_path).origin == f"{tmp_path / 'a.txt'} and 2 more files"
    assert Text.of(["a"]).origin == "the texts"


# What is refused


def test_a_path_where_nothing_is_and_a_folder_without_files_are_refused(tmp_path):
    assert refused(tmp_path / "no.txt") == f"{tmp_path / 'no.txt'}: no such file or folder"
    assert f"{tmp_path}: the folder holds no file '*'" in refused(tmp_path)
    file(tmp_path, "a", "a.txt")
    with pytest.raises(OstinatoError, match=re.escape("holds no file '*.md'")):
        Text.of(tmp_path, "*.md")


def test_texts_in_memory_are_strings():
    with pytest.raises(OstinatoError, match="texts in memory must be a list of strings"):
        Text.of(["a", 3])


DAMAGED = {
    "another encoding": (b"a\nbc\xe9\n", "line 2: byte 0xE9 is not UTF-8 text: save the file as UTF-8"),
    "cut within a character": ("aé".encode()[:-1], "line 1: byte 0xC3 is not UTF-8 text"),
    "a NUL byte": (b"a\nb\nc\0d\n", "line 3: a NUL byte: the file is damaged or is not a text file"),
    "UTF-16 with a mark": ("ab\n".encode("utf-16"), "UTF-16 text: save the file as UTF-8"),
    "UTF-16 of the other order": (b"\xfe\xff\0a\0b", "UTF-16 text: save the file as UTF-8"),
    "UTF-16 without a mark": ("ab\n".encode("utf-16-le"), "line 1: a NUL byte"),
    "an old Mac's line ends": (b"a\rb\rc\xe9", "line 3: byte 0xE9"),
}


@pytest.mark.parametrize(("content", "message"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_no_utf8_text_is_refused_with_its_line(content, message, tmp_path):
    path = file(tmp_path, content)
    shown = refused(path)
    assert shown.startswith(str(path))
    assert message in shown


def test_damage_far_into_a_file_is_found_too(tmp_path):
    lines = b"a line of text\n" * 400_000
    assert "line 400001: byte 0xFF" in refused(file(tmp_path, lines + b"\xff\n"))


@law
@given(content=st.binary(max_size=50))
def test_any_bytes_are_read_as_they_are_or_refused_by_name(content, tmp_path_factory):
    path = file(tmp_path_factory.mktemp("fuzz"), content)
    try:
        read = "".join(piece for document in Text.of(path).documents() for piece in document)
    except OstinatoError as error:
        assert str(path) in str(error)  # noqa: PT017 (either outcome is right)
    else:
        assert read == normalised(content.decode("utf-8-sig"))
        assert "\0" not in read
