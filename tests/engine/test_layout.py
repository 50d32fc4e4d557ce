"""The layout of a call: what Python packs is what C++ reads, field by field."""

import ctypes
from typing import get_args, get_type_hints

import pytest

from ostinato.engine import layout
from ostinato.engine.build import library
from ostinato.engine.layout import Call

COUNTS = {name: 1 if name == "scan" else 2 for name in Call._fields}


def numbered_call() -> tuple[Call, dict[str, int]]:
    """A call with another number in every word, and the numbers by their names in C++."""
    numbers: dict[str, int] = {}
    parts = {}
    for name, hint in get_type_hints(Call).items():
        (record,) = get_args(hint)
        parts[name] = []
        for i in range(COUNTS[name]):
            fields = {field: len(numbers) + j + 1 for j, field in enumerate(record._fields)}
            parts[name].append(record(**fields))
            numbers |= {f"{name}{i}.{field}": number for field, number in fields.items()}
    return Call(**parts), numbers


def test_every_field_is_read_in_cpp_as_it_was_packed():
    call, numbers = numbered_call()
    cases = "\n".join(f"    case {i}: return call->{name};" for i, name in enumerate(numbers))
    source = (
        f"#include <cstdint>\n{layout.records()}\n{layout.call(COUNTS)}\n"
        f'extern "C" int64_t field(const Call* call, int i) {{\n  switch (i) {{\n{cases}\n  }}\n  return -1;\n}}\n'
        'extern "C" int64_t size() { return sizeof(Call); }\n'
    )
    compiled = library(source, "layout")
    compiled.field.restype = compiled.size.restype = ctypes.c_int64
    compiled.field.argtypes = (ctypes.c_void_p, ctypes.c_int)

    words = call.words()
    address, _ = words.buffer_info()

    assert compiled.size() == words.itemsize * len(words)
    assert {name: compiled.field(address, i) for i, name in enumerate(numbers)} == numbers


def test_a_kind_of_which_a_pass_has_none_takes_no_words():
    text = layout.call({**COUNTS, "previous": 0, "initial": 0})

    assert "previous" not in text
    assert "given1" in text


def test_every_kind_must_be_given():
    call, _ = numbered_call()
    parts = call._asdict()
    del parts["total"]

    with pytest.raises(TypeError, match="total"):
        Call(**parts)
