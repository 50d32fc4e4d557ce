"""A text as one array of ids: in memory while it is small, else in a file that is mapped into memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from tempfile import SpooledTemporaryFile, gettempdir
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.data.file_format import USUAL, FileFormat
from ostinato.data.text import Text
from ostinato.data.tokenizers import UNKNOWN, Tokenizer, WordTokenizer
from ostinato.errors import OstinatoError
from ostinato.storage import naming

IN_MEMORY = 1 << 25
"""Bytes of ids up to which a corpus is held in memory: 32 MiB."""


@dataclass(frozen=True)
class Passage:
    """A stretch of a text.

    Attributes:
        text: The whole.
        start: Its first character, counted from 0 in what `Text.pieces` gives.
        stop: The character after its last; None for the end of the text.

    Example:
        >>> from ostinato.data import Passage
        >>> training, test = Passage.of(["ten words make a line of text, more or less. " * 100]).split(0.1)
        >>> len("".join(test.pieces())) < len("".join(training.pieces()))
        True
    """

    text: Text
    start: int = 0
    stop: int | None = None

    @classmethod
    def of(cls, source: "PassageSource", form: FileFormat = USUAL) -> "Passage":
        """A passage as it is, or all the text of a file, a folder or a list of strings.

        Args:
            source: Any of them.
            form: How files are encoded.

        Raises:
            OstinatoError: For a path where nothing is.
        """
        return source if isinstance(source, Passage) else cls(Text.of(source, form=form))

    def pieces(self) -> Iterator[str]:
        """The passage, piece by piece.

        Raises:
            OstinatoError: For a file that is not text of its encoding, with the line.
        """
        place = 0
        for piece in self.text.pieces():
            stop = len(piece) if self.stop is None else self.stop - place
            if part := piece[max(self.start - place, 0) : max(stop, 0)]:
                yield part
            place += len(piece)
            if self.stop is not None and place >= self.stop:
                return

    def lines(self) -> Iterator[str]:
        """Line by line, without line ends.

        Raises:
            OstinatoError: For a file that is not text of its encoding, with the line.
        """
        rest = ""
        for piece in self.pieces():
            *whole, rest = (rest + piece).split("\n")
            yield from whole
        if rest:
            yield rest

    def split(self, share: float) -> "tuple[Passage, Passage]":
        """Two passages: all but the end, and the end, which begins after a line, or a word where there are no lines.

        Args:
            share: Of the characters, about as many as the end is to have; between 0 and 1.

        Raises:
            OstinatoError: One of them would be empty.
        """
        wanted = int((1 - share) * sum(map(len, self.pieces())))
        place = 0
        for piece in self.pieces():
            if place + len(piece) >= wanted:
                break
            place += len(piece)
        else:
            raise OstinatoError(f"{self.text.origin}: the text is empty")
        inside = wanted - place
        inside = piece.rfind("\n", 0, inside) + 1 or piece.rfind(" ", 0, inside) + 1 or inside
        cut = self.start + place + inside
        first, last = Passage(self.text, self.start, cut), Passage(self.text, cut, self.stop)
        for part in (first, last):
            if next(part.pieces(), None) is None:
                raise OstinatoError(f"{self.text.origin}: too short to keep {share:.0%} of it apart: give more text")
        return first, last


PassageSource = str | Path | Sequence[str] | Passage
"""What a corpus is made from: a file or folder, texts in memory, or a passage of either."""


class Counted(NamedTuple):
    """How much text there is.

    Attributes:
        units: Of the vocabulary.
        characters: Of the text, line ends included.
        unknown: Units that have no number of their own.
        unknown_bytes: UTF-8 bytes that would spell those out, and one for the end of each.
    """

    units: int = 0
    characters: int = 0
    unknown: int = 0
    unknown_bytes: int = 0


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text as numbers.

    Attributes:
        ids: ``(units,)``, in the smallest of uint8, int16 and int32 that holds the vocabulary.
        counted: How much text it was.
        in_memory: Whether the ids are held in memory, not read from a file as they are needed.

    Example:
        >>> from ostinato.data import Corpus
        >>> from ostinato.data.tokenizers import CharTokenizer
        >>> tokenizer = CharTokenizer.learn(["a rose is a rose"])
        >>> corpus = Corpus.encode(["a rose is a rose"], tokenizer)
        >>> corpus.counted.units, tokenizer.decode(corpus.ids.tolist())
        (16, 'a rose is a rose')
    """

    ids: Tensor
    counted: Counted
    in_memory: bool = True

    @classmethod
    def encode(
        cls,
        pieces: Iterable[str],
        tokenizer: Tokenizer,
        *,
        reverse: bool = False,
        folder: Path | None = None,
        in_memory: int = IN_MEMORY,
    ) -> "Corpus":
        """The numbers of a text, however long.

        Args:
            pieces: Of the text, cut where a word ends.
            tokenizer: Its vocabulary.
            reverse: Whether the text is to be read from its end: the last unit comes first.
            folder: Where the file of a long text is kept, without a name, for as long as it is used; None for the
                system's folder of temporary files.
            in_memory: Bytes of ids above which there is such a file.
        """
        dtype = id_dtype(len(tokenizer))
        counted = Counted()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        with SpooledTemporaryFile(max_size=in_memory, dir=None if folder is None else str(folder)) as file:
            for piece in pieces:
                ids, unknown = numbers(piece, tokenizer)
                with naming(folder or Path(gettempdir())):
                    file.write(ids.astype(dtype).tobytes())
                more = Counted(len(ids), len(piece), len(unknown), spelled_bytes(unknown))
                counted = Counted(*(a + b for a, b in zip(counted, more, strict=True)))
            size = file.tell()
            array: npt.NDArray[np.integer]
            if size <= in_memory:
                file.seek(0)
                array = np.frombuffer(bytearray(file.read()), dtype)
            else:
                array = np.memmap(file, dtype, "r+")
            if reverse:
                _reverse(array)
            return cls(torch.from_numpy(array), counted, size <= in_memory)

    def __len__(self) -> int:
        return len(self.ids)

    def streams(self, number: int) -> tuple[Tensor, Tensor]:
        """The text cut into parallel streams of equal length, for truncated backpropagation through time.

        Args:
            number: Streams; up to so many units at the end are left out.

        Returns:
            Units ``(number, steps)`` and the ones that follow them, alike in shape; views, nothing is copied.
        """
        steps = (len(self.ids) - 1) // number
        whole = number * steps
        return self.ids[:whole].view(number, steps), self.ids[1 : whole + 1].view(number, steps)


def id_dtype(vocabulary: int) -> type[np.integer]:
    """The smallest integers, of those that torch supports, for ids below `vocabulary`."""
    return np.uint8 if vocabulary <= 1 << 8 else np.int16 if vocabulary <= 1 << 15 else np.int32


def numbers(piece: str, tokenizer: Tokenizer) -> tuple[npt.NDArray[np.int32], list[str]]:
    """The ids of a text, int32, and its units that have none of their own."""
    if isinstance(tokenizer, WordTokenizer):
        words = tokenizer.words(piece)
        ids = tokenizer.numbers(words)
        return ids, [word for word in compress(words, ids == tokenizer.unknown) if word != UNKNOWN]
    ids = tokenizer.encode(piece)
    return ids, [] if tokenizer.unknown is None else list(compress(piece, ids == tokenizer.unknown))


def spelled_bytes(unknown: list[str]) -> int:
    """UTF-8 bytes that spell out units, and one for the end of each."""
    return sum(len(unit.encode()) + 1 for unit in unknown)


def _reverse(array: npt.NDArray[np.integer], block: int = 1 << 22) -> None:
    """In place, a block at a time."""
    half = len(array) // 2
    for start in range(0, half, block):
        stop = min(start + block, half)
        front, back = slice(start, stop), slice(len(array) - stop, len(array) - start)
        array[front], array[back] = array[back][::-1].copy(), array[front][::-1].copy()
