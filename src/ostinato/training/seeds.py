"""Seeds and the states of random number generators."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, NumPy and PyTorch (all its devices) with `seed`, 0 to 2**32 - 1.

    Example:
        >>> import torch
        >>> from ostinato.training import seed_everything
        >>> seed_everything(7)
        >>> first = torch.rand(3)
        >>> seed_everything(7)
        >>> torch.equal(first, torch.rand(3))
        True
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@contextmanager
def random_numbers_kept() -> Iterator[None]:
    """Where the global generators of Python, NumPy and PyTorch may be seeded: afterwards they go on as before.

    Example:
        >>> import torch
        >>> from ostinato.training import random_numbers_kept, seed_everything
        >>> before = torch.get_rng_state()
        >>> with random_numbers_kept():
        ...     seed_everything(7)
        ...     drawn = torch.rand(3)
        >>> torch.equal(torch.get_rng_state(), before)
        True
    """
    python, numpy = random.getstate(), np.random.get_state()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The states of PyTorch's generators that training on `device` draws from."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore_random_state(states: dict[str, Tensor], device: torch.device) -> None:
    """Put the generators back to what `random_state` gave."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
