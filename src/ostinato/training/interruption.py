"""Ctrl-C and polite termination, looked at between optimiser steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """Training was interrupted by Ctrl-C or SIGTERM.

    Args:
        checkpoint: file to resume from; None when the trainer has no folder.
        step: optimiser steps done.

    Attributes:
        usable: whether the model was left with weights that were scored already.

    Example:
        >>> from pathlib import Path
        >>> from ostinato.training import Interrupted
        >>> try:  # what Ctrl-C leads to in `Trainer.fit`
        ...     raise Interrupted(Path("model/checkpoints/checkpoint-120.safetensors"), step=120)
        ... except Interrupted as stopped:
        ...     print(stopped.step, stopped.checkpoint.name)
        120 checkpoint-120.safetensors
    """

    def __init__(self, checkpoint: Path | None, step: int) -> None:
        where = f"resume from {checkpoint}" if checkpoint is not None else "nothing was saved: give a folder to resume"
        super().__init__(f"interrupted after optimiser step {step}; {where}")
        self.checkpoint, self.step, self.usable = checkpoint, step, False


@contextmanager
def interruption() -> Iterator[threading.Event]:
    """An event that is set when the process is asked to stop, so that no update is left half made.

    A second signal acts as it did before. Outside the main thread signals cannot be caught, and the event stays unset.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: handler for number in SIGNALS if (handler := signal.getsignal(number)) is not None}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        restore()

    for number in before:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        restore()
