"""Cells compiled before they run; and what they are compiled with here."""

import shlex
from typing import Any

import torch

from ostinato.cells import Cell
from ostinato.engine import cpp, probe
from ostinato.engine.build import BuildError, cache_folder, cache_problem, in_use, libraries
from ostinato.engine.program import Failure
from ostinato.engine.target import processor, runnable


def compile(cell: Cell[Any], features: int | None = None, dtype: torch.dtype = torch.float32) -> None:
    """Compiles all that scans of a cell may run, so that no later process waits for the compiler.

    For images and servers: the libraries go to the cache folder, see docs/engine.md. They are found there by cells of
    the same class and settings, of any size, under the same compiler and the same target: where the image is made on
    another processor than it runs on, set ``OSTINATO_MARCH`` for both.

    Args:
        cell: One time step; its weights are of `dtype`.
        features: Features of x, with any masks that stand behind the cell's own; the cell's own unless given.
        dtype: float32 or float64.

    Raises:
        ValueError: If the cell cannot be compiled, with the reason.

    Example:
        >>> from ostinato import engine
        >>> from ostinato.cells import GRU
        >>> engine.compile(GRU(8, 64))
    """
    features = cell.input_size if features is None else features
    if features < cell.input_size:
        raise ValueError(f"features must be at least the cell's {cell.input_size}, got {features}")
    ready = cpp.prepare(cell, features, dtype, torch.device("cpu"))
    if isinstance(ready, cpp.Ready):
        try:
            _ = ready.program.single  # compiled when it is first asked for
            return
        except BuildError as error:
            ready = str(error)
    why = ready.message if isinstance(ready, Failure) else ready
    raise ValueError(f"{type(cell).__name__} cannot be compiled: {why}")


def surroundings() -> dict[str, str]:
    """What cells are compiled for, with and into here, and whether that works: texts for people, by what they tell."""
    obstacle = probe.obstacle()
    told = {"processor": processor(), "can run": ", ".join(target.name for target in runnable()) or "no named target"}
    try:
        toolchain = in_use()
    except BuildError:  # the obstacle, too
        pass
    else:
        version = toolchain.version.partition("\n")[0]
        told |= {"target": toolchain.target.name, "compiler": f"{shlex.join(toolchain.command)} ({version})"}
    return told | {"cache": _cache(), "cells": f"are not compiled: {obstacle}" if obstacle else "are compiled"}


def _cache() -> str:
    folder, problem = cache_folder(), cache_problem()
    if problem:
        return f"{folder} cannot keep libraries: {problem}"
    sizes = [file.stat().st_size for file in libraries(folder)]
    return f"{folder}, {len(sizes)} libraries, {sum(sizes) / 1e6:.1f} MB"
