"""What runs in a step: it is run once, and the code that ran is noted."""

import gc
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np
import torch

_PROTOCOL = frozenset(
    {"forward", "setup_context", "backward", "vmap", "__call__", "__getattr__", "__getattribute__", "__get__"}
)
"""Names that Python and torch look up by themselves."""
_ANY_NAME = frozenset(
    {"getattr", "vars", "__dict__", "attrgetter", "methodcaller", "__getattribute__", "asdict", "astuple"}
    | {"eval", "exec"}
)
"""Code with one of these names may read attributes that it does not name."""
_OUTSIDE = frozenset(
    {"is_grad_enabled", "is_inference_mode_enabled", "requires_grad", "grad_fn", "is_leaf", "is_inference"}
    | {"are_deterministic_algorithms_enabled", "is_autocast_enabled", "is_compiling", "is_contiguous", "data_ptr"}
    | {"get_num_threads", "environ", "getenv", "perf_counter", "time_ns", "monotonic", "process_time"}
    | {"globals", "locals", "modules", "import_module", "__import__"}
)
"""What a step may ask that is no value, and has another answer the next time."""
_TRUSTED_FOLDERS = (*torch.__path__, *np.__path__, str(Path(__file__).parents[1]), "<frozen")
_STANDARD_LIBRARY = sysconfig.get_path("stdlib")


class Observation(NamedTuple):
    """What ran when a step was run once.

    Attributes:
        codes: The code of every Python function that ran.
        names: Every name in that code: of attributes, globals and functions.
        any_name: Whether it may read attributes that it does not name.
        absent: Names that it may look for in vain: with getattr, hasattr, or an exception that it catches.
        outside: What it asks that cannot be checked, such as whether gradients are recorded; empty if nothing.
    """

    codes: frozenset[CodeType]
    names: frozenset[str]
    any_name: bool
    absent: frozenset[str]
    outside: frozenset[str]


class Observer:
    """Notes the code that runs in this thread, within a `with`; `seen` says what it was."""

    def __init__(self) -> None:
        self._codes: set[CodeType] = set()

    def __enter__(self) -> "Observer":
        self._before, self._collects = sys.getprofile(), gc.isenabled()
        gc.disable()  # what it calls back would count as the step's
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)
        if self._collects:
            gc.enable()

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            self._codes.add(frame.f_code)

    def seen(self) -> Observation:
        """What ran."""
        own = [code for code in self._codes if not trusted_code(code)]
        names = frozenset(name for code in own for name in _names(code))
        theirs = {n for code in self._codes if trusted_code(code) for n in _names(code) if not n.startswith("__")}
        texts = {text for code in own for text in _texts(code)}
        in_vain = names & {"getattr", "hasattr"} or any(code.co_exceptiontable for code in own)
        return Observation(
            frozenset(self._codes),
            frozenset(names | theirs | texts | _PROTOCOL),
            bool(names & _ANY_NAME),
            frozenset(names | texts) if in_vain else frozenset(),
            names & _OUTSIDE,
        )


def nested(code: CodeType) -> Iterator[CodeType]:
    """A function's code, and that of the functions written in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested(constant)


def _names(code: CodeType) -> Iterator[str]:
    for inner in nested(code):
        yield from (*inner.co_names, inner.co_name)


def _texts(code: CodeType) -> Iterator[str]:
    """Constants that may be names."""
    for inner in nested(code):
        yield from (text for text in inner.co_consts if isinstance(text, str) and text.isidentifier())


@cache
def trusted_code(code: CodeType) -> bool:
    """Whether code is Python's, NumPy's, torch's or this package's own, and taken as it is."""
    file = code.co_filename
    if file == "<string>":  # what namedtuple writes
        return code.co_varnames[:1] == ("_cls",)
    return file.startswith(_TRUSTED_FOLDERS) or (file.startswith(_STANDARD_LIBRARY) and "site-packages" not in file)
