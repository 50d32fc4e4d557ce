"""Word vectors from text files, as GloVe and word2vec write them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ostinato.data.text import Text
from ostinato.data.tokenizers import Tokenizer
from ostinato.errors import OstinatoError


@dataclass(frozen=True, eq=False)
class WordVectors:
    """The vectors of some words.

    Attributes:
        words: In the order of the file.
        values: float32 ``(words, size)``.
        size: Features of a vector.
    """

    words: tuple[str, ...]
    values: npt.NDArray[np.float32]
    size: int


def read_vectors(path: str | Path, wanted: Mapping[str, int]) -> WordVectors:
    """The vectors of the wanted words; those of others are passed over, only their number of values is looked at.

    Each line holds a word and its values, separated by single spaces; a first line of two whole numbers is word2vec's
    header. Words may hold spaces, as some of GloVe's do.

    Args:
        path: The file.
        wanted: Words to keep.

    Raises:
        OstinatoError: With the line, for a wrong number of values, what is not a finite number, or a word twice.
    """
    if Path(path).is_dir():
        raise OstinatoError(f"{path}: a folder: give the file of word vectors")
    size = 0
    lines: dict[str, int] = {}
    kept: list[npt.NDArray[np.float32]] = []
    for number, line in enumerate(Text.of(Path(path)).lines(), 1):
        where = f"{path}, line {number}"
        line = line.rstrip()
        fields = line.count(" ")
        if number == 1:
            header = line.split(" ")
            if len(header) == 2 and all(part.isdigit() for part in header):
                size = int(header[1])
                continue
        size = size or fields
        if not size or fields < size:
            raise OstinatoError(f"{where}: {fields} values where {size or 'some'} should be: a word and its numbers")
        word, *values = line.rsplit(" ", size)
        if fields > size and _is_number(word.rpartition(" ")[2]):
            raise OstinatoError(f"{where}: {fields} values where {size} should be: a word and its numbers")
        if word not in wanted:
            continue
        if word in lines:
            raise OstinatoError(f"{where}: the word {word!r} again, as in line {lines[word]}: remove one of the two")
        lines[word] = number
        kept.append(_vector(values, where))
    if not size:
        raise OstinatoError(f"{path}: the file is empty: give lines of a word and its numbers")
    return WordVectors(tuple(lines), np.array(kept, np.float32).reshape(-1, size), size)


def vocabulary_vectors(path: str | Path, tokenizer: Tokenizer, size: int | None) -> tuple[WordVectors, str]:
    """The vectors of a vocabulary, and what to tell about them.

    Args:
        path: The file.
        tokenizer: The vocabulary; its special units are no words.
        size: Features that a vector must have; None for any number.

    Raises:
        OstinatoError: For a damaged file, one that has none of the words, or vectors of another size than asked for.
    """
    known = {word: number for number, word in enumerate(tokenizer.tokens) if number >= len(tokenizer.specials)}
    found = read_vectors(path, known)
    if not found.words:
        raise OstinatoError(f"{path}: none of the {len(known):,} words of the training part is in it")
    if size not in (None, found.size):
        raise OstinatoError(
            f"{path}: vectors of {found.size} values, but embedding_size={size}: leave embedding_size out"
        )
    share = len(found.words) / len(known)
    return found, f"{path} has vectors for {len(found.words):,} of {len(known):,} words ({share:.0%})"


def _vector(values: list[str], where: str) -> npt.NDArray[np.float32]:
    for value in values:
        if not _is_number(value):
            raise OstinatoError(f"{where}: {value!r} is not a number")
    vector = np.array(values, np.float32)
    if not np.isfinite(vector).all():
        raise OstinatoError(f"{where}: {values[int(np.argmax(~np.isfinite(vector)))]!r} is not a finite number")
    return vector


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
