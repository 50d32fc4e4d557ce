"""How a file of text is written: its encoding, what quotation marks mean in it, and how its numbers are written."""

import codecs
import re
from typing import Literal, NamedTuple

from ostinato.errors import OstinatoError

Quoting = Literal["csv", "none"]
UTF8 = "utf-8"
_LINE_END = re.compile("\r\n?|\n")
_HALF = re.compile("[\ud800-\udfff]")
_PACKED = (
    (b"\x1f\x8b", "a gzip file", "give its name the ending .gz, or unpack it first (gunzip)"),
    (b"PK\x03\x04", "a zip file, as spreadsheets are", "unpack it, or save the spreadsheet as CSV"),
    (b"PAR1", "a Parquet file", "give its name the ending .parquet"),
    (b"BZh", "a bzip2 file", "unpack it first (bunzip2)"),
    (b"\xfd7zXZ", "an xz file", "unpack it first (unxz)"),
)
"""How files begin that are no text, what they are, and what to do with them."""


class FileFormat(NamedTuple):
    """How a file of text is written.

    Attributes:
        encoding: A codec of Python: "utf-8", "latin-1", "cp1252", "utf-16". A byte-order mark is no part of the text.
        quoting: Of tables: "csv", quotation marks around a field belong to the file, and may hold a delimiter or a line
            end; "none", they are text like any other. None: "csv", but for fields separated by tabs: "none" unless
            quoting is unmistakable (every field that begins with a mark ends with one).

        decimal: Of tables: the decimal sign of numbers, "." or ",". None: found for each column from all its values.
        thousands: Of tables: the mark between their thousands, ",", ".", "'" or a space. None: found likewise.
        header: Of tables: whether the first line names the columns; without, they are called "1", "2" and so on. None:
            it does, and where all of it looks like data, that is an error.

    Example:
        >>> from ostinato.data import FileFormat
        >>> FileFormat(encoding="latin-1").quoting is None  # to be found from the file
        True
    """

    encoding: str = UTF8
    quoting: Quoting | None = None
    decimal: str | None = None
    thousands: str | None = None
    header: bool | None = None

    @property
    def codec(self) -> str:
        """The codec to read with: that of UTF-8 takes off a byte-order mark."""
        return "utf-8-sig" if codecs.lookup(self.encoding).name == UTF8 else self.encoding

    def decode(self, data: bytes, origin: str) -> str:
        """The text of a whole file.

        Raises:
            OstinatoError: With the line, where the bytes are not of this encoding.
        """
        refuse_packed(data, origin)
        try:
            text = data.decode(self.codec).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            before = data[: error.start].decode(self.codec, errors="ignore")
            raise self.broken(1 + len(_LINE_END.findall(before)), data[error.start], origin) from None
        except UnicodeError as error:  # of UTF-16: no byte-order mark, say
            raise OstinatoError(f"{origin}: not {self.encoding} text ({error}): {mend()}") from None
        refuse_halves(text, origin)
        return text

    def broken(self, line: int, byte: int, origin: str) -> OstinatoError:
        """The error to raise about a byte that is not of this encoding."""
        name = self.encoding.upper() if self.encoding.lower().startswith("utf") else self.encoding
        where = f"{origin}, line {line}: byte 0x{byte:02X} is not {name}"
        if line == 1 and byte in (0xFF, 0xFE) and self.codec == "utf-8-sig":
            return OstinatoError(f"{where}, it begins UTF-16 text: {mend('utf-16')}")
        return OstinatoError(f"{where} text: {mend()}")


USUAL = FileFormat()
"""UTF-8, and quoting as the file shows."""


def refuse_packed(start: bytes, origin: str) -> None:
    """Makes sure that a file is not one of those that are told by their first bytes, and hold no text as they are.

    Raises:
        OstinatoError: It is one, with what to do.
    """
    for begin, kind, mended in _PACKED:
        if start.startswith(begin):
            raise OstinatoError(f"{origin}: {kind}, and no text as it is: {mended}")


def refuse_halves(text: str, where: str) -> None:
    """Makes sure that a text is made of characters: JSON, DataFrames and arguments may hold halves of them.

    Raises:
        OstinatoError: It holds half of a surrogate pair, which no file of text can.
    """
    if not text.isascii() and _HALF.search(text):
        raise OstinatoError(f"{where}: half of a surrogate pair, which is no character: mend the text")


def known_encoding(name: str) -> str:
    """A codec's name, where Python has one of text that is called so.

    Raises:
        ValueError: It has none.
    """
    try:
        known = codecs.lookup(name)
    except LookupError:
        known = None
    if known is None or not known._is_text_encoding:
        raise ValueError("Python knows no such encoding of text: utf-8, latin-1, cp1252, utf-16 and shift_jis are some")
    return name


def mend(encoding: str = "latin-1") -> str:
    """What to do about a file of another encoding, which may be this one."""
    return f"save the file as UTF-8, or say what it is written in: encoding={encoding!r}, say"
