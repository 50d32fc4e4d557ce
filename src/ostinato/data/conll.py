"""Files of one word per line and columns that say what it is, as the CoNLL shared tasks use."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ostinato.data.file_format import UTF8, FileFormat, refuse_halves
from ostinato.data.tagged import TaggedSequences
from ostinato.data.text import Text
from ostinato.errors import OstinatoError
from ostinato.storage import write_durably

ConllFormat = Literal["conll", "conllu"]
Sentence = list[tuple[str, str]]

DOCUMENT = "-DOCSTART-"
"""What a line begins with that parts documents."""

_UNWRITABLE = re.compile("[\t\n\r\0]|^\ufeff")
_SPACES = re.compile(r"[ \t]+")
_BLANK = " \t"  # a no-break space, U+00A0, may be a word
_UNTAGGED = ("O", "_", "-")  # what stands in the column of tags where there is none
_NO_WORD = re.compile(r"\d+[-.]\d+")  # of CoNLL-U: a range such as 3-4, for "don't", or an empty node such as 8.1


@dataclass(frozen=True)
class ConllColumns:
    """How to read the lines.

    Attributes:
        format: "conll"; or "conllu", with comments after ``#`` at the start of a line, and lines that stand for several
            words or none, which are left out (Universal Dependencies).
        words: Column of the words, counted from 1; None for the first, of "conllu" the second.
        tags: Column of the tags; None for the last, of "conllu" the fourth.
        encoding: Of the file.

    Example:
        >>> from ostinato.data import ConllColumns
        >>> ConllColumns(words=1, tags=4)
        ConllColumns(format='conll', words=1, tags=4, encoding='utf-8')
    """

    format: ConllFormat = "conll"
    words: int | None = None
    tags: int | None = None
    encoding: str = UTF8

    def places(self, width: int, where: str, tagged: bool) -> tuple[int, int]:
        """Where words and tags stand in lines of so many columns, counted from 0; without tags, both the words."""
        wide = self.format == "conllu"
        words = self.words or (2 if wide else 1)
        tags = (self.tags or (4 if wide else width)) if tagged else words
        for name, column in (("words", words), ("tags", tags)):
            if column > width:
                raise OstinatoError(f"{where}: {_columns(width)}, and the {name} should be in column {column}")
        if tagged and words == tags:
            found = "and its column is that of the words" if width > 1 else "write a word and its tag"
            raise OstinatoError(f"{where}: no tag: {_columns(width)}, {found}")
        return words - 1, tags - 1


def read_conll(
    source: str | Path, columns: ConllColumns | None = None, *, tags: bool = True, known: Collection[str] = ()
) -> TaggedSequences:
    """Reads sentences: one word per line, a blank line after each sentence.

    Columns are separated by tabs where the first line of a file has one, else by spaces. Lines of ``-DOCSTART-`` part
    documents and are left out.

    Args:
        source: A file, or a folder of them.
        columns: How to read the lines; as "conll" unless given.
        tags: Whether to read the tags. Without, lines need not have them.
        known: Tags that may be there though they are not read. Lines of several words between spaces, most of them
            without one in the column of tags, are running text then, and refused.

    Returns:
        The sentences.

    Raises:
        OstinatoError: With file and line, for a line of another number of columns, a word or tag that is missing, or
            anything that is no text; for no words at all.

    Example:
        >>> from ostinato.data import TaggedSequences, read_conll, write_conll
        >>> sentences = [(["May", "flew"], ["B-PER", "O"]), (["to", "Jordan"], ["O", "B-LOC"])]
        >>> write_conll("train.conll", TaggedSequences.of_sentences(sentences))
        >>> read_conll("train.conll").sentences
        [('May', 'flew'), ('to', 'Jordan')]
    """
    columns = columns or ConllColumns()
    text = Text.of(source, form=FileFormat(columns.encoding))
    if known and not tags:
        for path in text.paths:
            _refuse_running_text(path, columns, known)
    read = [sentence for path in text.paths for sentence in _sentences(path, columns, tags)]
    return TaggedSequences(
        items=tuple(tuple(word for word, _ in sentence) for sentence in read),
        tags=tuple(tuple(tag for _, tag in sentence) for sentence in read) if tags else None,
        names=tuple(range(1, len(read) + 1)),
        origin=text.origin,
    ).checked()


def _sentences(path: Path, columns: ConllColumns, tagged: bool) -> Iterator[Sentence]:
    sentence: Sentence = []
    first, width, places, tabs = 0, 0, (0, 0), False
    for number, line in enumerate(Text((path,), form=FileFormat(columns.encoding)).lines(), 1):
        where = f"{path}, line {number}"
        if columns.format == "conllu" and line.startswith("#"):
            continue
        if not line.strip(_BLANK) or line.startswith(DOCUMENT):
            if sentence:
                yield sentence
            sentence = []
            continue
        if not first:
            tabs = "\t" in line.strip(_BLANK)
        fields = [field.strip(" ") for field in line.split("\t")] if tabs else _SPACES.split(line.strip(_BLANK))
        if columns.format == "conllu" and _NO_WORD.fullmatch(fields[0]):
            continue
        if not first:
            first, width = number, len(fields)
            places = columns.places(width, where, tagged)
        if len(fields) != width:
            raise OstinatoError(f"{where}: {_columns(len(fields))}, where line {first} has {width}")
        word, tag = fields[places[0]], fields[places[1]]
        if not word or not tag:
            raise OstinatoError(f"{where}: no {'tag' if word else 'word'} in its column")
        sentence.append((word, tag))
    if sentence:
        yield sentence


def _refuse_running_text(path: Path, columns: ConllColumns, known: Collection[str]) -> None:
    """Makes sure that a file without tabs, which has several words a line, has columns in its lines, not sentences."""
    width, wide, tagged = 0, [], 0
    for number, line in enumerate(Text((path,), form=FileFormat(columns.encoding)).lines(), 1):
        if "\t" in line.strip(_BLANK):
            return
        fields = [] if line.startswith(DOCUMENT) else line.split()
        if len(fields) > 1:
            wide.append(number)
            width = len(fields)
            place = (columns.tags or width) - 1
            tagged += place < width and fields[place] in {*known, *_UNTAGGED}
    if 2 * tagged < len(wide):
        raise OstinatoError(
            f"{path}, line {wide[0]}: several words, and no tag that training had in their column: a file has one word "
            "a line, in a column before others, and a blank line after each sentence; running text is for: ostinato "
            "tag MODEL TEXT (columns that are no tags: separate them by tabs)"
        )


def _columns(count: int) -> str:
    return f"{count} column{'s' if count != 1 else ''}"


def write_conll(path: str | Path, sentences: TaggedSequences) -> None:
    """Writes tagged sentences as `read_conll` reads them: word, tab, tag. Those without a word are left out.

    Args:
        path: The file.
        sentences: With tags.

    Raises:
        OstinatoError: For sequences of numbers, no tags, or a word or tag that a file of columns cannot hold (a tab or
            a line end in it, say); or the file cannot be written.

    Example:
        >>> from pathlib import Path
        >>> from ostinato.data import TaggedSequences, write_conll
        >>> write_conll("tagged.conll", TaggedSequences.of_sentences([(["May", "flew"], ["B-PER", "O"])]))
        >>> print(Path("tagged.conll").read_text().strip())
        May B-PER
        flew O
    """
    pairs = zip(sentences.sentences, sentences.require_tags(), strict=True)
    blocks = []
    for number, (words, tags) in enumerate(pairs, 1):
        for place, (word, tag) in enumerate(zip(words, tags, strict=True), 1):
            where = f"{path}: sentence {number}, word {place}"
            _refuse_unwritable(word, where)
            _refuse_unwritable(tag, f"{where}, its tag")
        blocks.append("".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True)))
    write_durably(Path(path), "\n".join(filter(None, blocks)).encode())


def _refuse_unwritable(text: str, where: str) -> None:
    """Makes sure that a word or tag comes back as it is from a file of columns."""
    refuse_halves(text, where)
    if not text.strip(" ") or text != text.strip(" ") or _UNWRITABLE.search(text) or text.startswith(DOCUMENT):
        raise OstinatoError(
            f"{where}: {text!r} would not be read back: it is empty, begins with {DOCUMENT} or a byte-order mark, has "
            "a space at an end, or a tab, a line end or a NUL in it; change it first"
        )
