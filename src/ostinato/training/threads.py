"""How many CPU threads torch uses, for a while."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_asking: list[int] = []
_before = 0


@contextmanager
def num_threads(count: int | None) -> Iterator[None]:
    """Where torch uses so many CPU threads; None leaves them as they are.

    The number is the whole process's. Where several ask at once the latest to begin decides, and when the last has
    ended it is again what it was before the first.

    Example:
        >>> import torch
        >>> from ostinato.training import num_threads
        >>> before = torch.get_num_threads()
        >>> with num_threads(2):
        ...     torch.get_num_threads()
        2
        >>> torch.get_num_threads() == before
        True
    """
    global _before
    if count is None:
        yield
        return
    with _lock:
        if not _asking:
            _before = torch.get_num_threads()
        _asking.append(count)
        torch.set_num_threads(count)
    try:
        yield
    finally:
        with _lock:
            _asking.remove(count)
            torch.set_num_threads(_asking[-1] if _asking else _before)
