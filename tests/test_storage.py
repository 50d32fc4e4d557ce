"""Files that are whole or not there, also on a disk that is full."""

import errno
import os
import resource
from pathlib import Path

import pandas as pd
import pytest
import torch

from ostinato.bundle import save_bundle
from ostinato.data import TaggedSequences, write_conll
from ostinato.errors import OstinatoError
from ostinato.storage import naming, write_durably, written_whole


@pytest.fixture
def full():
    """A disk on which no file can become longer than a few bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def refused(write, *arguments, **more):
    with pytest.raises(OstinatoError) as caught:
        write(*arguments, **more)
    return str(caught.value)


def test_a_full_disk_names_the_file_and_leaves_the_old_one(tmp_path, full):
    write_durably(tmp_path / "a", b"old")
    assert refused(write_durably, tmp_path / "a", b"new" * 1000) == (
        f"{tmp_path / 'a'}: no space left to write it: make room, or write elsewhere"
    )
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_so_does_a_bundle_and_tagged_words(tmp_path, full):
    assert f"{tmp_path / 'm' / 'weights-'}" in refused(
        save_bundle, tmp_path / "m", kind="X", settings={"a": "b" * 1000}, tensors={"x": torch.zeros(99)}
    )
    assert os.listdir(tmp_path / "m") == []
    words = TaggedSequences.of_sentences([(["word"] * 99, ["O"] * 99)])
    assert refused(write_conll, tmp_path / "w.conll", words).startswith(f"{tmp_path / 'w.conll'}: no space left")
    assert os.listdir(tmp_path) == ["m"]


def test_other_errors_of_the_system_name_the_file_too(tmp_path):
    assert refused(write_durably, tmp_path / "no" / "a", b"") == (
        f"{tmp_path / 'no' / 'a'}: cannot be written: No such file or directory"
    )
    with pytest.raises(OstinatoError, match=r"a: cannot be written: Input/output error"), naming(tmp_path / "a"):
        raise OSError(errno.EIO, "Input/output error")


def test_a_link_stays_one_and_a_pipe_is_written_to(tmp_path):
    (tmp_path / "to").write_bytes(b"old")
    (tmp_path / "link").symlink_to("to")
    write_durably(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "to").read_bytes() == b"new"
    with written_whole(Path("/dev/null")) as place:
        pd.DataFrame({"a": [1]}).to_csv(place)
    assert not os.path.isfile("/dev/null")
