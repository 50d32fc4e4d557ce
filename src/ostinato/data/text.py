"""Text files: one or a folder of them -> checked pieces and lines, however large they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ostinato.errors import OstinatoError

TextSource = str | Path | Sequence[str]
"""A file or folder by its path, or texts already in memory: a list of strings."""

PIECE = 1 << 22
"""Characters read at a time."""


@dataclass(frozen=True)
class Text:
    """Text from files or from memory, read a piece at a time: UTF-8, every line end as one newline.

    Attributes:
        paths: The files, in the order they are read; empty for texts in memory.
        texts: Texts in memory.

    Example:
        >>> from ostinato.data import Text
        >>> text = Text.of(["What light through yonder window breaks?", "It is the east."])
        >>> list(text.lines())
        ['What light through yonder window breaks?', 'It is the east.']
    """

    paths: tuple[Path, ...] = ()
    texts: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: TextSource, pattern: str = "*") -> "Text":
        """The text of a file, of every file in a folder and those below it, or of a list of strings.

        Args:
            source: A path as `str` or `Path`, or a sequence of strings.
            pattern: Which files of a folder, ``"*.txt"`` for example; hidden ones never.

        Raises:
            OstinatoError: For a path where nothing is, or a folder without such a file.
        """
        if not isinstance(source, str | Path):
            if not all(isinstance(text, str) for text in source):
                raise OstinatoError("texts in memory must be a list of strings")
            return cls(texts=tuple(source))
        path = Path(source)
        if not path.exists():
            raise OstinatoError(f"{path}: no such file or folder")
        if not path.is_dir():
            return cls((path,))
        files = (file for file in path.rglob(pattern) if file.is_file())
        found = sorted(file for file in files if not any(part[0] == "." for part in file.relative_to(path).parts))
        if not found:
            raise OstinatoError(f"{path}: the folder holds no file {pattern!r}: give another folder or pattern")
        return cls(tuple(found))

    @property
    def origin(self) -> str:
        """What errors call it."""
        if not self.paths:
            return "the texts"
        return str(self.paths[0]) + (f" and {len(self.paths) - 1} more files" if len(self.paths) > 1 else "")

    def documents(self) -> Iterator[Iterator[str]]:
        """The pieces of each file or text.

        Raises:
            OstinatoError: While reading, for a file that is not UTF-8 text, with the line.
        """
        yield from (iter((_same_line_ends(text),)) for text in self.texts)
        yield from (_pieces(path) for path in self.paths)

    def pieces(self) -> Iterator[str]:
        """All of it, in pieces that end where a line or a word does; files without a last line end are given one.

        Raises:
            OstinatoError: For a file that is not UTF-8 text, with the line.
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
            OstinatoError: For a file that is not UTF-8 text, with the line.
        """
        for document in self.documents():
            rest = ""
            for piece in document:
                *whole, rest = (rest + piece).split("\n")
                yield from whole
            if rest:
                yield rest


def _same_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _pieces(path: Path) -> Iterator[str]:
    held = ""
    try:
        with path.open(encoding="utf-8-sig") as file:  # universal newlines: \r\n and \r come as \n
            while read := file.read(PIECE):
                if "\0" in read:
                    raise _broken(path)
                held += read
                end = held.rfind("\n") + 1
                if not end and len(held) > 2 * PIECE:  # a line that long is cut after a word, or anywhere
                    end = held.rfind(" ") + 1 or len(held)
                if end:
                    yield held[:end]
                    held = held[end:]
    except UnicodeDecodeError:
        raise _broken(path) from None
    except OSError as error:
        raise OstinatoError(f"{path}: {error.strerror}") from None
    if held:
        yield held


def _broken(path: Path) -> OstinatoError:
    """What to raise about a file that is not UTF-8 text."""
    with path.open("rb") as file:
        lines = (line for read in file for line in read.splitlines())  # also where \r alone ends a line
        for number, line in enumerate(lines, 1):
            if number == 1 and line.startswith((b"\xff\xfe", b"\xfe\xff")):
                return OstinatoError(f"{path}: UTF-16 text: save the file as UTF-8")
            if b"\0" in line:
                return OstinatoError(f"{path}, line {number}: a NUL byte: the file is damaged or is not a text file")
            try:
                line.decode()
            except UnicodeDecodeError as error:
                byte = line[error.start]
                return OstinatoError(
                    f"{path}, line {number}: byte 0x{byte:02X} is not UTF-8 text: save the file as UTF-8"
                )
    return OstinatoError(f"{path}: not UTF-8 text: save the file as UTF-8")
