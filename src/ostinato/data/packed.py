"""Files compressed with gzip, unpacked as they are read, and no larger than a text can become."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ostinato.errors import OstinatoError

ENDING = ".gz"
"""How the name of a packed file ends."""

BLOCK = 1 << 22
"""Bytes unpacked at a time."""

RATIO = 100
"""Times what was read of it that a file may unpack to; prose packs to a third or a quarter, logs to a twentieth."""

ALWAYS = 1 << 24
"""Bytes that any file may unpack to: 16 MiB."""


class Unpacked:
    """The bytes of a packed file, block by block, as far as it swells no more than it may."""

    def __init__(self, packed: BinaryIO, path: Path) -> None:
        self._packed, self._file, self._path = packed, gzip.GzipFile(fileobj=packed), path
        self._read = 0

    def read(self, size: int, /) -> bytes:
        """Some bytes; none at the end.

        Raises:
            OstinatoError: The file unpacks to far more than a text would.
        """
        block = self._file.read(size)
        self._read += len(block)
        if self._read > max(self._packed.tell() * RATIO, ALWAYS):
            raise OstinatoError(
                f"{self._path}: unpacks to more than {RATIO} times its size, as no ordinary text does: if it is what "
                "it should be, unpack it first (gunzip) and give the file without .gz"
            )
        return block


def ending_of(path: Path) -> str:
    """How the name of a file ends, in small letters, whether it is packed or not: ".csv" of "sales.csv.gz"."""
    return Path(path.name.lower().removesuffix(ENDING)).suffix


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO | Unpacked]:
    """The bytes of a file, unpacked where its name ends in .gz.

    Raises:
        OSError: It cannot be read.
        OstinatoError: It is no whole gzip file, though its name ends so.
    """
    with path.open("rb") as file:
        if path.suffix.lower() != ENDING:
            yield file
            return
        try:
            yield Unpacked(file, path)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise OstinatoError(f"{path}: not a whole gzip file ({error}): compress or download it again") from None


def read_whole(path: Path) -> bytes:
    """All bytes of a file, unpacked where its name ends in .gz; see `opened`."""
    with opened(path) as file:
        return b"".join(iter(lambda: file.read(BLOCK), b"")) if isinstance(file, Unpacked) else file.read()
