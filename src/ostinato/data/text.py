"""Text files: one or a folder of them -> checked pieces and lines, however large they are."""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import IncrementalNewlineDecoder
from pathlib import Path
from typing import Protocol

from ostinato.data.file_format import USUAL, FileFormat, mend, refuse_halves, refuse_packed
from ostinato.data.packed import opened
from ostinato.errors import OstinatoError

TextSource = str | Path | Sequence[str]
"""A file or folder by its path, or texts already in memory: a list of strings."""

PIECE = 1 << 22
"""Bytes read at a time."""


class Readable(Protocol):
    """What bytes come from, block by block: an open file, a packed one, standard input."""

    def read(self, size: int, /) -> bytes:
        """Some bytes; none at the end."""
        ...


@dataclass(frozen=True)
class Text:
    """Text from files or from memory, read a piece at a time, every line end as one newline.

    Files whose names end in .gz are unpacked as they are read.

    Attributes:
        paths: The files, in the order they are read; empty for texts in memory.
        texts: Texts in memory.
        form: The files' encoding.

    Example:
        >>> from ostinato.data import Text
        >>> text = Text.of(["What light through yonder window breaks?", "It is the east."])
        >>> list(text.lines())
        ['What light through yonder window breaks?', 'It is the east.']
    """

    paths: tuple[Path, ...] = ()
    texts: tuple[str, ...] = ()
    form: FileFormat = USUAL

    @classmethod
    def of(cls, source: TextSource, pattern: str = "*", form: FileFormat = USUAL) -> "Text":
        """The text of a file, of every file in a folder and those below it, or of a list of strings.

        Args:
            source: A path as `str` or `Path`, or a sequence of strings.
            pattern: Which files of a folder, ``"*.txt"`` for example; hidden ones never.
            form: How files are encoded.

        Raises:
            OstinatoError: For a path where nothing is, a folder without such a file, or a text in memory that is none.
        """
        if not isinstance(source, str | Path):
            if not all(isinstance(text, str) for text in source):
                raise OstinatoError("texts in memory must be a list of strings")
            for number, text in enumerate(source):
                refuse_halves(text, f"the texts, item {number}")
            return cls(texts=tuple(source))
        path = Path(source)
        if not path.exists():
            raise OstinatoError(f"{path}: no such file or folder")
        if not path.is_dir():
            return cls((path,), form=form)
        files = (file for file in path.rglob(pattern) if file.is_file())
        found = sorted(file for file in files if not any(part[0] == "." for part in file.relative_to(path).parts))
        if not found:
            raise OstinatoError(f"{path}: the folder holds no file {pattern!r}: give another folder or pattern")
        return cls(tuple(found), form=form)

    @property
    def origin(self) -> str:
        """What errors call it."""
        if not self.paths:
            return "the texts"
        return str(self.paths[0]) + (f" and {len(self.paths) - 1} more files" if len(self.paths) > 1 else "")

    def documents(self) -> Iterator[Iterator[str]]:
        """The pieces of each file or text.

        Raises:
            OstinatoError: While reading, for a file that is not text of its encoding, with the line.
        """
        yield from (iter((_same_line_ends(text),)) for text in self.texts)
        yield from (_pieces(path, self.form) for path in self.paths)

    def pieces(self) -> Iterator[str]:
        """All of it, in pieces that end where a line or a word does; files without a last line end are given one.

        Raises:
            OstinatoError: For a file that is not text of its encoding, with the line.
        """
        for document in self.documents():
            last = ""
            for last in document:
                yield last
            if last and not last.endswith("\n"):
                yield "\n"

    def lines(self) -> Iterator[str]:
        """Line by line, without line ends.

        Raises:
            OstinatoError: For a file that is not text of its encoding, with the line.
        """
        for document in self.documents():
            yield from lines_of(document)


def lines_of(pieces: Iterable[str]) -> Iterator[str]:
    """The lines of a text that comes in pieces, without line ends."""
    rest = ""
    for piece in pieces:
        *whole, rest = (rest + piece).split("\n")
        yield from whole
    if rest:
        yield rest


def _same_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _pieces(path: Path, form: FileFormat) -> Iterator[str]:
    try:
        with opened(path) as file:
            yield from decoded_pieces(file, str(path), form)
    except OSError as error:
        raise OstinatoError(f"{path}: {error.strerror}") from None


def decoded_pieces(file: Readable, origin: str, form: FileFormat = USUAL) -> Iterator[str]:
    """The text of an open file in pieces of a few million characters, which end where a line or a word does.

    Args:
        file: To be read to its end.
        origin: What errors call it.
        form: Its encoding.

    Raises:
        OstinatoError: With the line, where it is not text of this encoding.
    """
    held = ""
    for read in _decoded(file, origin, form):
        held += read
        end = held.rfind("\n") + 1
        if not end and len(held) > 2 * PIECE:  # a line that long is cut after a word, or anywhere
            end = held.rfind(" ") + 1 or len(held)
        if end:
            yield held[:end]
            held = held[end:]
    if held:
        yield held


def _decoded(file: Readable, origin: str, form: FileFormat) -> Iterator[str]:
    decoder, newlines = codecs.getincrementaldecoder(form.codec)(), IncrementalNewlineDecoder(None, translate=True)
    ended, split = 0, False  # lines so far, and whether the last line end may be the first half of one
    block, first = b"more", True
    while block:
        block = file.read(PIECE)
        if first:
            refuse_packed(block, origin)
            first = False
        try:
            read = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(form.codec, errors="ignore")
            line = 1 + ended + split + _same_line_ends(before).count("\n")
            raise form.broken(line, error.object[error.start], origin) from None
        except UnicodeError as error:
            raise OstinatoError(f"{origin}: not {form.encoding} text ({error}): {mend()}") from None
        split = read.endswith("\r")
        text = newlines.decode(read, final=not block)
        if (nul := text.find("\0")) >= 0:
            line = 1 + ended + text.count("\n", 0, nul)
            raise OstinatoError(f"{origin}, line {line}: a NUL byte: the file is damaged or is not a text file")
        ended += text.count("\n")
        yield text
