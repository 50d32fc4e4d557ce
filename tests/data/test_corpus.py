"""A text as one array of ids, whatever its size and state."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data import Corpus, Passage, Text
from ostinato.data import text as text_module
from ostinato.data.corpus import Counted, id_dtype
from ostinato.data.tokenizers import TOKENIZERS, ByteTokenizer, CharTokenizer, WordTokenizer
from ostinato.errors import OstinatoError

TEXT = "the cat sat on the mat.\nthe dog did not.\n\nnobody saw the mat again.\n" * 20


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def encoded(source, tokenizer, **options):
    return Corpus.encode(Passage.of(source).pieces(), tokenizer, **options)


# Passages.


def text_of(passage):
    return "".join(passage.pieces())


@given(lines=st.lists(st.text("ab \n", max_size=9), min_size=1), start=st.integers(0, 40), stop=st.integers(0, 60))
def test_a_passage_is_a_slice_of_the_text(lines, start, stop):
    text = Text.of(lines)
    assert text_of(Passage(text, start, stop)) == "".join(text.pieces())[start:stop]


def test_a_passage_of_a_file_read_in_many_pieces_is_the_same_slice(tmp_path, monkeypatch):
    path = written(tmp_path / "a.txt", TEXT)
    monkeypatch.setattr(text_module, "PIECE", 50)
    for start, stop in ((0, None), (7, 130), (60, 61), (500, None), (0, 0)):
        assert text_of(Passage(Text.of(path), start, stop)) == TEXT[start:stop]


@pytest.mark.parametrize("piece", [40, 1 << 22])
def test_a_text_is_parted_where_a_line_ends(tmp_path, monkeypatch, piece):
    monkeypatch.setattr(text_module, "PIECE", piece)
    first, last = Passage.of(written(tmp_path / "a.txt", TEXT)).split(0.1)
    assert text_of(first) + text_of(last) == TEXT
    assert text_of(first).endswith("\n")
    assert 0.1 <= len(text_of(last)) / len(TEXT) < 0.1 + 30 / len(TEXT)


def test_a_text_of_one_line_is_parted_after_a_word_or_anywhere(tmp_path):
    first, last = Passage.of(written(tmp_path / "a.txt", "one two three four five six seven eight")).split(0.3)
    assert text_of(first).endswith(" ")
    first, last = Passage.of(written(tmp_path / "b.txt", "x" * 100)).split(0.1)
    assert (len(text_of(first)), len(text_of(last))) == (90, 11)


def test_a_part_of_a_passage_is_parted_again():
    first, test = Passage.of([TEXT]).split(0.2)
    train, validation = first.split(0.25)
    assert text_of(train) + text_of(validation) + text_of(test) == TEXT
    assert len(text_of(validation)) == pytest.approx(0.2 * len(TEXT), abs=30)


def test_the_lines_of_a_passage_go_across_its_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(text_module, "PIECE", 10)
    assert list(Passage.of(written(tmp_path / "a.txt", TEXT)).lines()) == TEXT.split("\n")[:-1]
    assert list(Passage(Text.of([TEXT]), 0, 7).lines()) == ["the cat"]


@pytest.mark.parametrize(("content", "why"), [("", "the text is empty"), ("x", "too short to keep 90% of it apart")])
def test_a_text_too_short_to_part_is_refused_by_name(tmp_path, content, why):
    with pytest.raises(OstinatoError, match=rf"a\.txt: {why}"):
        Passage.of(written(tmp_path / "a.txt", content)).split(0.9)


# Ids.


@pytest.mark.parametrize(
    ("size", "dtype"), [(2, np.uint8), (256, np.uint8), (257, np.int16), (32768, np.int16), (32769, np.int32)]
)
def test_ids_take_as_few_bytes_as_hold_the_vocabulary(size, dtype):
    assert id_dtype(size) is dtype
    assert torch.from_numpy(np.array([size - 1], dtype)).long().item() == size - 1


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("reverse", [False, True])
def test_a_corpus_in_a_file_is_the_one_in_memory(kind, reverse, tmp_path):
    tokenizer = TOKENIZERS[kind].learn([TEXT], size=300)
    held = encoded([TEXT], tokenizer, reverse=reverse)
    mapped = encoded([TEXT], tokenizer, reverse=reverse, in_memory=100, folder=tmp_path / "new")
    assert (held.in_memory, mapped.in_memory) == (True, False)
    assert torch.equal(held.ids, mapped.ids)
    assert held.ids.dtype == mapped.ids.dtype
    assert held.counted == mapped.counted
    assert held.counted[:2] == (len(held), len(TEXT))
    assert tokenizer.decode((held.ids.flip(0) if reverse else held.ids).tolist()) == TEXT
    assert not list((tmp_path / "new").iterdir())  # the file has no name, and goes with its last user


def test_a_long_text_is_read_piece_by_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(text_module, "PIECE", 64)
    path = written(tmp_path / "a.txt", TEXT)
    pieces = list(Passage.of(path).pieces())
    assert len(pieces) > 10
    for kind in ("char", "byte", "word"):
        tokenizer = TOKENIZERS[kind].learn(iter(pieces))
        assert torch.equal(encoded(path, tokenizer).ids, encoded([TEXT], tokenizer).ids)


@given(st.integers(0, 30), st.integers(1, 5))
def test_reversing_a_block_at_a_time_reverses(size, block):
    from ostinato.data.corpus import _reverse

    array = np.arange(size)
    _reverse(array, block)
    assert array.tolist() == list(range(size))[::-1]


def test_streams_are_views_of_the_text_and_of_what_follows():
    corpus = encoded([TEXT], ByteTokenizer(()))
    x, y = corpus.streams(4)
    assert x.shape == y.shape == (4, (len(TEXT) - 1) // 4)
    assert torch.equal(x[:, 1:], y[:, :-1])
    assert torch.equal(x[1:, 0], y[:-1, -1])
    assert x.data_ptr() == corpus.ids.data_ptr()


def test_what_is_unknown_is_counted_with_what_would_spell_it_out():
    words = WordTokenizer.learn(["the cat\n"])
    corpus = Corpus.encode(["the dög sat <unk> the\n"], words)
    assert corpus.counted == Counted(units=6, characters=22, unknown=2, unknown_bytes=len("dög".encode()) + 1 + 3 + 1)
    characters = CharTokenizer.learn(["abc\n"])
    assert Corpus.encode(["aöx\n"], characters).counted == Counted(4, 4, 2, 2 + 1 + 1 + 1)


# Files in every state.


def test_line_ends_of_every_kind_are_one(tmp_path):
    path = written(tmp_path / "a.txt", b"\xef\xbb\xbfone\r\ntwo\rthree\nfour")
    assert text_of(Passage.of(path)) == "one\ntwo\nthree\nfour\n"


def test_one_line_of_ten_megabytes_is_read(tmp_path):
    path = written(tmp_path / "a.txt", "lorem ipsum " * (10_000_000 // 12))
    corpus = encoded(path, ByteTokenizer(()))
    assert len(corpus) == path.stat().st_size + 1
    _, last = Passage.of(path).split(0.01)
    assert sum(map(len, last.pieces())) == pytest.approx(0.01 * len(corpus), rel=0.01)
    words = WordTokenizer.learn(Passage.of(path).pieces())
    assert words.tokens == ["<unk>", "ipsum", "lorem", "\n"]
    assert encoded(path, words).counted.unknown == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"fine\nnot \xff fine\n", "line 2: byte 0xFF is not UTF-8 text"),
        ("wörter\n".encode("utf-16"), "UTF-16 text: save the file as UTF-8"),
        (b"fine\nbroken\0\n", "line 2: a NUL byte"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(content, message, tmp_path):
    with pytest.raises(OstinatoError, match=message):
        encoded(written(tmp_path / "a.txt", content), ByteTokenizer(()))


def test_an_empty_text_is_an_empty_corpus(tmp_path):
    corpus = encoded(written(tmp_path / "a.txt", ""), ByteTokenizer(()))
    assert (len(corpus), corpus.counted) == (0, Counted())
