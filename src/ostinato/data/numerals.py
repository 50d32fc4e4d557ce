"""Numbers as people write them: which mark is the decimal sign and which parts thousands, decided from all of a column.

"1.002" may be one and a bit or a thousand and two. One such text decides nothing, but its column often does: beside
"0.5" a point can only be the decimal sign, beside "1.234.567" it can only part thousands.
"""

import math
import re
from collections.abc import Collection, Iterable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.errors import OstinatoError

_NEVER_DECIMAL = " '\N{RIGHT SINGLE QUOTATION MARK}\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"
_TWO_WAYS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_TOO_LARGE = 2**1023
_OTHER = {".": ",", ",": "."}


class Marks(NamedTuple):
    """The marks of a number: its decimal sign, and what parts its thousands (spaces and apostrophes always may)."""

    decimal: str
    thousands: str


POINT, COMMA = Marks(".", ","), Marks(",", ".")


def candidates(decimal: str | None, thousands: str | None) -> tuple[Marks, ...]:
    """The marks that numbers may have where the user has named some of them, or none.

    Raises:
        OstinatoError: A mark that is none, or one for both.
    """
    if decimal not in (None, ".", ","):
        raise OstinatoError(f"decimal is {decimal!r}: the decimal sign is '.' or ','")
    if thousands not in (None, ".", ",", "'", " "):
        raise OstinatoError(f"thousands is {thousands!r}: the mark between thousands is ',', '.', \"'\" or a space")
    if decimal is not None and decimal == thousands:
        raise OstinatoError(f"decimal and thousands are both {decimal!r}: one mark cannot be both")
    signs = [sign for sign in ".," if decimal in (None, sign) and thousands != sign]
    return tuple(Marks(sign, thousands or _OTHER[sign]) for sign in signs)


def fitting(texts: Collection[str], among: tuple[Marks, ...]) -> tuple[Marks, ...]:
    """The marks that make numbers of the most texts."""
    read = {marks: sum(map(bool, map(_number(marks).fullmatch, texts))) for marks in among}
    return tuple(marks for marks in among if read[marks] == max(read.values()))


def two_ways(text: str) -> bool:
    """Whether a text is a number with a decimal sign as well as one with a mark between thousands."""
    return _TWO_WAYS.fullmatch(text) is not None


def only_two_ways(texts: Iterable[Any]) -> bool:
    """Whether there are numbers with a point in a column, and each can be read in two ways."""
    found = False
    for text in texts:
        if isinstance(text, str) and "." in text:
            if not two_ways(text.strip()):
                return False
            found = True
    return found


def to_numbers(texts: Iterable[str], marks: Marks) -> npt.NDArray[np.float64]:
    """Texts to numbers, NaN where one is none with these marks."""
    bare = str.maketrans(dict.fromkeys(marks.thousands + _NEVER_DECIMAL) | {marks.decimal: "."})
    is_number = _number(marks).fullmatch
    plain = [text.translate(bare) if is_number(text) else None for text in texts]
    return plain_numbers(pd.Series(plain, dtype=object))


def plain_numbers(values: "pd.Series[Any]") -> npt.NDArray[np.float64]:
    """Objects to numbers as a programming language writes them, NaN where one is none."""
    try:
        numbers = pd.to_numeric(values, errors="coerce")
    except OverflowError:
        numbers = pd.to_numeric(values.map(_bounded), errors="coerce")
    if pd.api.types.is_complex_dtype(numbers.dtype):
        return np.full(len(values), np.nan)
    if numbers.dtype == object:
        numbers = numbers.map(_bounded)
    return np.array(numbers, dtype=np.float64)  # a copy: pandas may lend read-only memory


def _bounded(value: Any) -> Any:
    """A value; infinity for a whole number that no float64 holds."""
    huge = isinstance(value, int) and abs(value) >= _TOO_LARGE
    return (math.inf if value > 0 else -math.inf) if huge else value


@cache
def _number(marks: Marks) -> "re.Pattern[str]":
    decimal, groups = re.escape(marks.decimal), re.escape(marks.thousands + _NEVER_DECIMAL)
    whole = rf"(?:\d+|[1-9]\d{{0,2}}([{groups}])\d{{3}}(?:\1\d{{3}})*)"
    return re.compile(rf"[+-]?(?:{whole}(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?", re.ASCII)
