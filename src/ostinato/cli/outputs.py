"""Places to write to, looked at before the work that would be lost when they turn out to be wrong."""

import os
from pathlib import Path

from ostinato.errors import OstinatoError


def check_file(path: Path, *inputs: Path | None) -> None:
    """Makes sure that a file can be written.

    Args:
        path: the file; it may be there already.
        inputs: files that are read, and must not be written over.

    Raises:
        OstinatoError: It cannot be written, or is one of the inputs.
    """
    if path.is_dir():
        raise OstinatoError(f"{path}: a directory: give a file name")
    if not path.parent.is_dir():
        raise OstinatoError(f"{path}: there is no folder {path.parent}: make it first, or choose another")
    if path.exists() and any(other is not None and other.exists() and path.samefile(other) for other in inputs):
        raise OstinatoError(f"{path}: would be written over the data: choose another file")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise OstinatoError(f"{path}: you may not write there: choose another file")


def check_plot(path: Path) -> None:
    """Makes sure that a plot can be written.

    Raises:
        OstinatoError: It cannot, or is no PNG file by its name.
    """
    if path.suffix.lower() != ".png":
        raise OstinatoError(f"{path}: a plot is a PNG file: give a name that ends in .png")
    check_file(path)


def check_report(verb: type, path: Path, *inputs: Path | None) -> None:
    """Makes sure that scores of each series can be written.

    Raises:
        OstinatoError: They cannot, or the verb has none.
    """
    if not hasattr(verb, "scores_by_series"):
        raise OstinatoError(f"--report: a {verb.__name__} has no scores of each series")
    check_file(path, *inputs)


def check_folder(folder: Path) -> None:
    """Makes sure that a folder can be made, or written to.

    Raises:
        OstinatoError: It cannot.
    """
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not nearest.is_dir():
        raise OstinatoError(f"{nearest} is a file: give another folder to save to")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OstinatoError(f"{folder}: you may not write there: give another folder to save to")
