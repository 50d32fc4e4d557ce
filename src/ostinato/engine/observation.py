"""What runs in a step: it is run once, and the code that ran is noted."""

import gc
import sys
import sysconfig
from collections.abc import Callable, Iterator
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
    {"is_grad_enabled", "is_inference_mode_enabled", "requires_grad", "get_num_threads", "environ", "getenv"}
    | {"perf_counter", "time_ns", "monotonic", "process_time"}
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
        outside: What it asks that cannot be checked, such as whether gradients are recorded; empty if nothing.
    """

    codes: frozenset[CodeType]
    names: frozenset[str]
    any_name: bool
    outside: frozenset[str]


def observe(step: Callable[[], Any]) -> tuple[Any, Observation]:
    """Runs `step` in this thread and notes the code that runs.

    Returns:
        What `step` returned, or the exception that it raised; and what ran.
    """
    codes: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            codes.add(frame.f_code)

    before, collected, made = sys.getprofile(), gc.isenabled(), None
    gc.disable()  # what it calls back would count as the step's
    sys.setprofile(note)
    try:
        made = step()
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError) as error:
        made = error
    finally:
        sys.setprofile(before)
        if collected:
            gc.enable()
    codes -= {observe.__code__, note.__code__}
    own = frozenset(name for code in codes if not trusted_code(code) for name in _names(code))
    theirs = {name for code in codes if trusted_code(code) for name in _names(code) if not name.startswith("__")}
    return made, Observation(
        frozenset(codes), frozenset(own | theirs | _PROTOCOL), bool(own & _ANY_NAME), own & _OUTSIDE
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


@cache
def trusted_code(code: CodeType) -> bool:
    """Whether code is Python's, NumPy's, torch's or this package's own, and taken as it is."""
    file = code.co_filename
    if file == "<string>":  # what namedtuple writes
        return code.co_varnames[:1] == ("_cls",)
    return file.startswith(_TRUSTED_FOLDERS) or (file.startswith(_STANDARD_LIBRARY) and "site-packages" not in file)
