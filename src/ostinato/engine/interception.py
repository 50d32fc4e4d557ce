"""Intercepting scans: how diagnostics see, and may change, what runs inside a model that somebody else wrote."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from torch import Tensor

from ostinato.cells import Cell, State


class ScanInterceptor(Protocol):
    """Runs a scan in place of the engine; the scans that it calls itself are not intercepted.

    Example:
        >>> from ostinato.engine import ScanInterceptor, scan
        >>> class Counting(ScanInterceptor):
        ...     steps = 0
        ...     def __call__(self, cell, x, state, lengths, reverse, backend):
        ...         self.steps += x.shape[1]
        ...         return scan(cell, x, state, lengths=lengths, reverse=reverse, backend=backend)
    """

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
    """Every scan within goes through `interceptor`; None lets them run as ever.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU
        >>> from ostinato.engine import intercept_scans, scan
        >>> from ostinato.nn import Recurrent
        >>> seen = []
        >>> def note(cell, x, state, lengths, reverse, backend):
        ...     seen.append((type(cell).__name__, x.shape[1], reverse))
        ...     return scan(cell, x, state, lengths=lengths, reverse=reverse, backend=backend)
        >>> with intercept_scans(note):
        ...     y, state = Recurrent(GRU, 3, 4, bidirectional=True)(torch.randn(2, 5, 3))
        >>> seen
        [('GRU', 5, False), ('GRU', 5, True)]
    """
    token = _interceptor.set(interceptor)
    try:
        yield
    finally:
        _interceptor.reset(token)
