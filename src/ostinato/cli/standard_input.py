"""Standard input: UTF-8 whatever the terminal's own encoding, without a byte-order mark, line by line or as a file."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from ostinato.errors import OstinatoError

NAME = "standard input"
CHUNK = 64
"""Lines of standard input that are worked on at a time."""

DASH = Path("-")
"""What stands for standard input where a file is asked for."""


class _AsItComes:
    """A stream that gives what is there, and does not wait for more."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        return self._stream.read1(size)  # type: ignore[attr-defined,no-any-return]


def input_lines(encoding: str | None = None) -> Iterator[str]:
    """The lines of standard input as they come, without line ends.

    Args:
        encoding: UTF-8 unless given.

    Raises:
        OstinatoError: It is closed, there is no such encoding, or it is not text of it, with the line.
    """
    from ostinato.data.file_format import USUAL, FileFormat, known_encoding
    from ostinato.data.text import decoded_pieces, lines_of

    try:
        form = USUAL if encoding is None else FileFormat(known_encoding(encoding))
    except ValueError as error:
        raise OstinatoError(f"--encoding {encoding}: {error}") from None
    return lines_of(decoded_pieces(_AsItComes(_stream()), NAME, form))


def texts_or_lines(texts: list[str] | None, encoding: str | None) -> Iterator[list[str]]:
    """The texts given, or without any the lines of standard input as they come, at most `CHUNK` at a time.

    Args:
        texts: None for none, and so is the one text ``-``, which stands for standard input in every command.
        encoding: As for `input_lines`.
    """
    if texts is not None and texts != [str(DASH)]:
        yield texts
        return
    lines = input_lines(encoding)
    while chunk := list(islice(lines, CHUNK)):
        yield chunk


@contextmanager
def file_of(data: Path) -> Iterator[Path]:
    """A file that holds what is on standard input where `data` is ``-``; else `data` itself.

    Errors that name the file name standard input.

    Raises:
        OstinatoError: There is no such file.
    """
    if data != DASH and not data.exists():
        raise OstinatoError(f"{data}: no such file")
    if data != DASH:
        yield data
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "input"
        path.write_bytes(_stream().read())
        try:
            yield path
        except OstinatoError as error:
            error.args = (str(error).replace(str(path), NAME),)
            raise


def _stream() -> BinaryIO:
    if sys.stdin is None:
        raise OstinatoError(f"{NAME} is closed: give what is to be read as an argument")
    return sys.stdin.buffer
