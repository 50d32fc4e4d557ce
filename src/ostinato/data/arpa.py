r"""Files of n-gram models in the format of ARPA, as SRILM, KenLM and others read and write them.

Of each run of symbols it has the logarithms, to the base of ten, of its probability and of its back-off weight::

    \data\
    ngram 1=3

    \1-grams:
    -99   <s>    -0.3
    -0.6  </s>
    -0.2  word   -0.1

    \end\
"""

import math
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ostinato.data.text import Text
from ostinato.errors import OstinatoError
from ostinato.storage import written_whole

Run: TypeAlias = tuple[str, ...]

HIGHEST = 6
"""Symbols of the longest run of a file."""

NEVER = -99.0
"""What stands for the logarithm of zero."""

_BLANKS = re.compile("[ \t]+")
_COUNT = re.compile(r"ngram[ \t]+([0-9]+)[ \t]*=[ \t]*([0-9]+)")


class Entry(NamedTuple):
    """What is known of a run.

    Attributes:
        log_probability: Of its last symbol after those before, in nats.
        backoff: The weight of shorter runs where one that begins with this is not known, in nats.
    """

    log_probability: float
    backoff: float


def read_arpa(path: str | Path) -> dict[Run, Entry]:
    """The runs of an ARPA file.

    Args:
        path: The file.

    Raises:
        OstinatoError: With the line, for what is not in the format: a section that is missing, in the wrong place or of
            another number of runs than stated, a line of another number of fields, what is no logarithm of a
            probability, a run twice, one of a symbol that is no run itself, or runs of more than six symbols.
    """
    if Path(path).is_dir():
        raise OstinatoError(f"{path}: a folder: give an ARPA file")
    lines = _Lines(path)
    stated = _stated(lines)
    entries: dict[Run, Entry] = {}
    symbols: set[str] = set()
    for order, number in stated.items():
        if lines.current != f"\\{order}-grams:":
            raise lines.error(f"\\{order}-grams: should be here")
        start = lines.number
        lines.advance()
        found = 0
        while not lines.current.startswith("\\"):
            run, entry = _entry(lines, order)
            if run in entries:
                raise lines.error(f"the run {' '.join(run)!r} again: remove one of the two")
            if order == 1:
                symbols.update(run)
            elif not symbols.issuperset(run):
                unknown = next(symbol for symbol in run if symbol not in symbols)
                raise lines.error(f"{unknown!r} is not among the runs of one symbol")
            entries[run] = entry
            found += 1
            lines.advance()
        if found != number:
            raise lines.error(f"{found} runs of {order} since line {start}, where {number} are stated")
    if lines.current != "\\end\\":
        raise lines.error(f"\\end\\ should be here: runs of more than {max(stated)} symbols are not stated")
    return entries


class _Lines:
    """The lines of a file that are not empty, one at a time.

    Attributes:
        current: The line, without blanks around it.
        number: Its number.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._rest = self._numbered()
        self.current, self.number = "", 0
        self.advance()

    def _numbered(self) -> Iterator[tuple[int, str]]:
        for number, line in enumerate(Text.of(Path(self._path)).lines(), 1):
            if stripped := line.strip(" \t"):
                yield number, stripped

    def advance(self) -> None:
        """Goes on to the next line."""
        following = next(self._rest, None)
        if following is None:
            raise self.error("the file ends before \\end\\: is it whole?")
        self.number, self.current = following

    def error(self, what: str) -> OstinatoError:
        return OstinatoError(f"{self._path}, line {self.number}: {what}")


def _stated(lines: _Lines) -> dict[int, int]:
    """How many runs of each number of symbols there should be; the line behind is the current one."""
    while lines.current != "\\data\\":  # what stands before it is a comment
        lines.advance()
    lines.advance()
    stated: dict[int, int] = {}
    while found := _COUNT.fullmatch(lines.current):
        order = int(found[1])
        if order != len(stated) + 1 or order > HIGHEST:
            raise lines.error(f"a run of {order}: those of 1 to at most {HIGHEST} should be stated one after another")
        stated[order] = int(found[2])
        lines.advance()
    if not stated.get(1):
        raise lines.error("'ngram 1=' and a number of at least 1 should be before this")
    return stated


def _entry(lines: _Lines, order: int) -> tuple[Run, Entry]:
    fields = _BLANKS.split(lines.current)
    if len(fields) not in (order + 1, order + 2):
        raise lines.error(f"{len(fields)} fields where a logarithm, {order} symbols and perhaps a weight should be")
    log_probability = _number(lines, fields[0])
    if log_probability > 0:
        raise lines.error(f"{fields[0]} is above 0, and no logarithm of a probability")
    backoff = _number(lines, fields[-1]) if len(fields) == order + 2 else 0.0
    return tuple(fields[1 : order + 1]), Entry(_nats(log_probability), _nats(backoff))


def _number(lines: _Lines, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise lines.error(f"{text!r} is not a number") from None
    if math.isnan(number) or number == math.inf:
        raise lines.error(f"{text!r} is not a logarithm")
    return number


def _nats(log10: float) -> float:
    return -math.inf if log10 <= NEVER else log10 * math.log(10)


def write_arpa(path: str | Path, entries: Mapping[Run, Entry]) -> None:
    """Writes runs as an ARPA file, in the order of their length.

    Args:
        path: The file; one that is there is replaced.
        entries: The runs.

    Raises:
        OstinatoError: For symbols that are empty or hold white space.
    """
    for symbol in {symbol for run in entries for symbol in run}:
        if symbol.split() != [symbol]:
            raise OstinatoError(f"{path}: the symbol {symbol!r} is empty or holds white space: give it another name")
    by_order = {order: list(runs) for order, runs in groupby(sorted(entries, key=len), key=len)}
    highest = max(by_order)
    lines = ["\\data\\", *(f"ngram {order}={len(runs)}" for order, runs in by_order.items()), ""]
    for order, runs in by_order.items():
        lines.append(f"\\{order}-grams:")
        for run in runs:
            share, backoff = (_log10(nats) for nats in entries[run])
            behind = f"\t{backoff:.7g}" if order < highest and backoff else ""
            lines.append(f"{share:.7g}\t{' '.join(run)}{behind}")
        lines.append("")
    with written_whole(Path(path)) as beside:
        beside.write_text("\n".join([*lines, "\\end\\", ""]), encoding="utf-8", newline="\n")


def _log10(nats: float) -> float:
    return max(NEVER, nats / math.log(10))
