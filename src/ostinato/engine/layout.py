"""The layout of a call, declared once: Python packs it, and the generated C++ reads it by name.

A compiled pass takes the address of an array of 64-bit words, the records of `Call` one behind the other, and that of
an array of numbers in double precision. The same records stand as structs in the generated source.
"""

from array import array
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple, get_args, get_type_hints


class Scan(NamedTuple):
    """What every pass has.

    Attributes:
        steps: Time steps.
        batch: Rows.
        descending: Whether the last step comes first.
        threads: How many may take part.
        lengths: Address of the valid steps of each row, int64; 0 for all steps.
        round: Whether products of floats may be rounded to bfloat16.
    """

    steps: int
    batch: int
    descending: int
    threads: int
    lengths: int
    round: int


class Stream(NamedTuple):
    """An array of all steps and rows: its address, and how far steps and rows lie apart."""

    data: int
    time: int
    row: int


class Array(NamedTuple):
    """An array without gaps: its address."""

    data: int


class Matrix(NamedTuple):
    """A constant matrix for each head: the address, and how far heads, rows and columns lie apart."""

    data: int
    head: int
    k: int
    n: int


class Size(NamedTuple):
    """A size that the source leaves open."""

    value: int


class Call(NamedTuple):
    """All words of a call, in their order; see `ostinato.engine.schedule.Loop` and `ostinato.engine.nests.Step`.

    Attributes:
        scan: One record.
        given: What stands ready for every step.
        previous: States after every step of the forward pass.
        initial: The same before its first step.
        stream: What is written at every step.
        start: What is carried, before the first step.
        final: The same after the last step, written.
        total: Sums over rows and steps, written.
        constant: Constants that are read feature by feature.
        matrix: Constants that rows are multiplied by.
        size: What the source leaves open.
    """

    scan: Sequence[Scan]
    given: Sequence[Stream]
    previous: Sequence[Stream]
    initial: Sequence[Array]
    stream: Sequence[Stream]
    start: Sequence[Array]
    final: Sequence[Array]
    total: Sequence[Array]
    constant: Sequence[Array]
    matrix: Sequence[Matrix]
    size: Sequence[Size]

    def words(self) -> "array[int]":
        """The words as compiled code reads them."""
        return array("q", chain.from_iterable(chain.from_iterable(self)))


_RECORDS: dict[str, type] = {name: get_args(hint)[0] for name, hint in get_type_hints(Call).items()}


def records() -> str:
    """The records as C++."""
    structs = [f"struct {record.__name__} {{ int64_t {', '.join(_fields(record))}; }};" for record in _kinds()]
    return "\n".join(["namespace words {", *structs, "}  // namespace words"])


def call(counts: Mapping[str, int]) -> str:
    """A pass's call as C++: a struct of numbered records.

    Args:
        counts: How many records it has of each kind, by the names of `Call`.
    """
    members = [f"  words::{_RECORDS[name].__name__} {name}{i};" for name in _RECORDS for i in range(counts[name])]
    return "\n".join(["struct Call {", *members, "};"])


def _kinds() -> list[type]:
    return list(dict.fromkeys(_RECORDS.values()))


def _fields(record: type) -> tuple[str, ...]:
    return record._fields  # type: ignore[attr-defined,no-any-return]
