"""A megabyte of text that every user has: the source of Python's own standard library."""

import sysconfig
from pathlib import Path

from ostinato.data.corpus import Passage
from ostinato.data.text import Text
from ostinato.errors import OstinatoError

SIZE = 1_000_000
"""Bytes of source, about."""


def python_source(size: int = SIZE) -> Passage:
    """The first modules of the standard library by name, as many whole files as come to `size` bytes.

    Raises:
        OstinatoError: This Python keeps no source.
    """
    folder = Path(sysconfig.get_paths()["stdlib"])
    chosen: list[Path] = []
    total = 0
    for path in sorted(folder.glob("*.py")):
        chosen.append(path)
        total += path.stat().st_size
        if total >= size:
            break
    if not chosen:
        raise OstinatoError(f"{folder}: this Python has no source files of its standard library")
    return Passage(Text(tuple(chosen)))
