"""Watching scans: how diagnostics see, and may change, what runs inside a model that somebody else wrote."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from torch import Tensor

from ostinato.cells import Cell, State


class Watch(Protocol):
    """Runs a scan in place of the engine; the scans that it calls itself are not watched."""

    def __call__(
        self, cell: Cell[Any], x: Tensor, state: State, lengths: Tensor | None, reverse: bool, backend: Any
    ) -> tuple[Tensor, State]:
        """What `ostinato.engine.scan` would return for the same arguments, all of them checked."""
        ...


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


def watch_of_now() -> Watch | None:
    """Who watches the scans of this thread, if anybody does."""
    return _watch.get()


@contextmanager
def watching(watch: Watch | None) -> Iterator[None]:
    """Every scan within goes through `watch`; None lets them run as ever."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)
