"""Word vectors are read in GloVe's and word2vec's text form, and damage is named with its line."""

import numpy as np
import pytest

from ostinato import OstinatoError
from ostinato.data.vectors import read_vectors

WANTED = {"good": 0, "bad": 1, "new york": 2}


def read(tmp_path, content):
    path = tmp_path / "vectors.txt"
    path.write_text(content, encoding="utf-8")
    return read_vectors(path, WANTED)


@pytest.mark.parametrize("header", ["", "4 2\n"])
def test_wanted_words_are_kept_and_others_passed_over(tmp_path, header):
    found = read(tmp_path, f"{header}the 1 2\nbad 0.5 -1e-1\ngood 3 4\nnew york 5 6\n")
    assert found.words == ("bad", "good", "new york")
    assert found.size == 2
    np.testing.assert_array_equal(found.values, np.array([[0.5, -0.1], [3, 4], [5, 6]], np.float32))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("good 1 2\nthe 1\n", "line 2: 1 values where 2 should be"),
        ("good 1 2\nthe 1 2 3\n", "line 2: 3 values where 2 should be"),
        ("good 1 2\nbad 1 x\n", "line 2: 'x' is not a number"),
        ("good 1 2\nbad 1 nan\n", "line 2: 'nan' is not a finite number"),
        ("good 1 2\nthe 1 2\ngood 3 4\n", "line 3: the word 'good' again, as in line 1"),
        ("good\n", "line 1: 0 values"),
        ("", "the file is empty"),
        ("2 3\ngood 1 2\n", "line 2: 2 values where 3 should be"),
    ],
)
def test_damage_is_named(tmp_path, content, message):
    with pytest.raises(OstinatoError, match="vectors") as caught:
        read(tmp_path, content)
    assert message in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(OstinatoError, match="no such file"):
        read_vectors(tmp_path / "none.txt", WANTED)
    with pytest.raises(OstinatoError, match="a folder: give the file"):
        read_vectors(tmp_path, WANTED)
