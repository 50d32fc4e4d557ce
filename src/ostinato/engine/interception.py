"""Intercepting scans: how diagnostics see, and may change, what runs inside a model that somebody else wrote."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from torch import Tensor

from ostinato.cells import Cell, State


class ScanInterceptor(Protocol):
    """Runs a scan in place of the engine; the scans that it calls itself are not intercepted."""

    def __call__(
        self, cell: Cell[Any], x: Tensor, state: State, lengths: Tensor | None, reverse: bool, backend: Any
    ) -> tuple[Tensor, State]:
        """What `ostinato.engine.scan` would return for the same arguments, all of them checked."""
        ...


_interceptor: ContextVar[ScanInterceptor | None] = ContextVar("interceptor", default=None)


def current_interceptor() -> ScanInterceptor | None:
    """What runs the scans of this thread in place of the engine, if anything does."""
    return _interceptor.get()


@contextmanager
def intercept_scans(interceptor: ScanInterceptor | None) -> Iterator[None]:
    """Every scan within goes through `interceptor`; None lets them run as ever."""
    token = _interceptor.set(interceptor)
    try:
        yield
    finally:
        _interceptor.reset(token)
