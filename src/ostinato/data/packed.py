"""Files compressed with gzip, read as they are unpacked, and no larger than a text can become."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ostinato.data.file_format import FileFormat
from ostinato.data.text import decoded_pieces
from ostinato.errors import OstinatoError

RATIO = 100
"""Times what was read of it that a file may unpack to; prose packs to a third or a quarter, logs to a twentieth."""

ALWAYS = 1 << 24
"""Bytes that any file may unpack to: 16 MiB."""


class _Unpacked:
    """The bytes of a packed file, block by block, as far as it swells no more than it may."""

    def __init__(self, packed: BinaryIO, path: Path) -> None:
        self._packed, self._file, self._path = packed, gzip.GzipFile(fileobj=packed), path
        self._read = 0

    def read(self, size: int, /) -> bytes:
        block = self._file.read(size)
        self._read += len(block)
        if self._read > max(self._packed.tell() * RATIO, ALWAYS):
            raise OstinatoError(
                f"{self._path}: unpacks to more than {RATIO} times its size, as no ordinary text does: if it is what "
                "it should be, unpack it first (gunzip) and give the file without .gz"
            )
        return block


def unpacked_pieces(path: Path, form: FileFormat) -> Iterator[str]:
    """The text of a packed file, piece by piece; see `decoded_pieces`.

    Raises:
        OstinatoError: It is damaged, unpacks to far more than a text would, or is not text of this encoding.
    """
    try:
        with path.open("rb") as packed:
            yield from decoded_pieces(_Unpacked(packed, path), str(path), form)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise OstinatoError(f"{path}: not a whole gzip file ({error}): compress or download it again") from None
    except OSError as error:
        raise OstinatoError(f"{path}: {error.strerror}") from None
