"""The state carried from chunk to chunk in truncated backpropagation through time: nested tuples of tensors."""

import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from torch import Tensor

from ostinato.errors import OstinatoError

State: TypeAlias = Any  # Tensor | tuple[State, ...] | None, of whichever (named) tuples the cell declares


def leaves(state: State) -> list[Tensor]:
    """The tensors of a state, in order.

    Raises:
        TypeError: the state holds something else than tuples, tensors and None, which no checkpoint could hold.
    """
    if isinstance(state, tuple):
        return [leaf for item in state for leaf in leaves(item)]
    if state is None or isinstance(state, Tensor):
        return [] if state is None else [state]
    raise TypeError(f"a carried state is nested tuples of tensors; this one holds a {type(state).__name__}")


def storable(state: State) -> State:
    """The state as it is, refused at once, not at the first checkpoint, where `leaves` refuses it."""
    leaves(state)
    return state


def structure(state: State) -> Any:
    """The nesting of a state as JSON: `pack` makes the state again from this and its tensors.

    Raises:
        TypeError: the state holds a named tuple of a class that could not be found again by its name.
    """
    if isinstance(state, tuple):
        return {"tuple": _name(type(state)), "items": [structure(item) for item in state]}
    return None if state is None else "tensor"


def pack(nesting: Any, tensors: Iterator[Tensor]) -> State:
    """The state with this structure, its tensors taken from the iterator in order.

    Raises:
        OstinatoError: the state holds a named tuple whose class is not imported in this process.
    """
    if nesting is None:
        return None
    if nesting == "tensor":
        return next(tensors)
    items = [pack(item, tensors) for item in nesting["items"]]
    return tuple(items) if nesting["tuple"] is None else _named_tuple(nesting["tuple"])(*items)


def _name(kind: type) -> str | None:
    if not hasattr(kind, "_fields"):
        return None
    name = f"{kind.__module__}:{kind.__qualname__}"
    if _find(name) is not kind:
        raise TypeError(f"the carried state is a {name}: define the class at the top of its module, to be found again")
    return name


def _named_tuple(name: str) -> Callable[..., State]:
    found = _find(name)
    if not (isinstance(found, type) and issubclass(found, tuple) and hasattr(found, "_fields")):
        raise OstinatoError(f"the carried state is a {name}, which is not there: import its module before resuming")
    return found


def _find(name: str) -> Any:
    """What has that name among all that is imported already: reading a checkpoint imports nothing."""
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found
