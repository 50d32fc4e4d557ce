"""Whether cells can be compiled here: found out on a small one, once in a process."""

import functools
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import torch

from ostinato.cells import Elman
from ostinato.engine.build import BuildError, library, stand_in
from ostinato.engine.capture import LOCK, capture
from ostinato.engine.constant import assumed_constant
from ostinato.engine.graph import build_graph
from ostinato.engine.lower import lower, whole
from ostinato.engine.schedule import build_schedule
from ostinato.engine.toolchain import TIMEOUT, find_toolchain


@assumed_constant
def obstacle() -> str | None:
    """Why nothing can be compiled here, found out by building a small cell once in a process; None if it works.

    Where this processor's own target does not build, the next lower one that it can run stands in for it, with a
    warning.
    """
    return _obstacle()


@functools.cache
def _obstacle() -> str | None:
    try:
        with LOCK:
            _try_targets(source())
    except BuildError as error:
        return str(error)
    return None


def source() -> str:
    """The passes of a small cell, which include every header."""
    with ThreadPoolExecutor(1) as thread:  # whoever asks may be traced, and what traces belongs to its thread
        return thread.submit(_source).result()


def _source() -> str:
    with torch.device("meta"):  # no weights are drawn: the user's random numbers stay as they are
        cell = Elman(2, 3)
    schedule = build_schedule(build_graph(capture(cell, 2, torch.float32)))
    passes = {"forward": schedule.forward, "training": schedule.training, "backward": schedule.backward}
    return whole([lower(one.loop, name) for name, one in passes.items()], torch.float32, "probe")


def _try_targets(text: str) -> None:
    own, start = find_toolchain(), time.monotonic()
    try:
        library(text, "probe")
    except BuildError as failure:
        for lower_one in own.lower():
            if time.monotonic() - start > TIMEOUT:  # the compiler does not answer, whatever the target
                break
            try:
                library(text, "probe", lower_one)
            except BuildError:
                continue
            stand_in(own, lower_one)
            name = lower_one.target.name
            warnings.warn(
                f"cells are compiled for {name}, because for this processor itself {failure}; to ask for {name} without"
                f" this warning, set OSTINATO_MARCH={name}",
                stacklevel=2,
            )
            return
        raise
