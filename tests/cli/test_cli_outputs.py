"""Places to write to, looked at before the work."""

import os

import pytest

from ostinato.cli.outputs import check_file, check_folder, check_plot
from ostinato.errors import OstinatoError


@pytest.fixture
def locked(monkeypatch):
    """A machine on which nothing may be written; a real one would not stop root."""
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)


def test_a_new_file_and_an_old_one_that_is_not_read_are_in_order(tmp_path):
    old, data = tmp_path / "old.csv", tmp_path / "data.csv"
    old.touch()
    data.touch()
    check_file(tmp_path / "new.csv", data, None, tmp_path / "missing.csv")
    check_file(old, data, None)
    check_plot(tmp_path / "new.PNG")


def test_a_file_that_is_read_is_not_written_over(tmp_path):
    data = tmp_path / "data.csv"
    data.touch()
    (tmp_path / "link.csv").symlink_to(data)
    with pytest.raises(OstinatoError, match=r"link\.csv: would be written over the data"):
        check_file(tmp_path / "link.csv", None, data)


def test_a_directory_is_no_file_and_a_missing_folder_is_named(tmp_path):
    with pytest.raises(OstinatoError, match="a directory: give a file name"):
        check_file(tmp_path)
    with pytest.raises(OstinatoError, match=r"there is no folder .*nowhere: make it first"):
        check_file(tmp_path / "nowhere" / "new.csv")


def test_a_plot_is_a_png_file(tmp_path):
    with pytest.raises(OstinatoError, match=r"a\.jpg: a plot is a PNG file"):
        check_plot(tmp_path / "a.jpg")


@pytest.mark.usefixtures("locked")
def test_a_place_that_may_not_be_written_to_is_refused(tmp_path):
    with pytest.raises(OstinatoError, match=r"new\.csv: you may not write there"):
        check_file(tmp_path / "new.csv")
    with pytest.raises(OstinatoError, match="model: you may not write there"):
        check_folder(tmp_path / "deep" / "model")


def test_a_folder_may_be_there_or_be_made_but_not_below_a_file(tmp_path):
    check_folder(tmp_path)
    check_folder(tmp_path / "deep" / "model")
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "model"):
        with pytest.raises(OstinatoError, match="file is a file: give another folder"):
            check_folder(place)
