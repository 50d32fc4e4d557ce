"""The folder that a model is trained in."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from ostinato.storage import locked
from ostinato.training import DistributedContext


def checkpoints_of(folder: str | Path) -> Path:
    """Where the training of a model that goes into this folder keeps its checkpoints."""
    return Path(folder) / "checkpoints"


def alone_in(folder: Path | None) -> AbstractContextManager[None]:
    """Where no other training writes to a folder; of processes that train together the first one sees to it.

    Raises:
        OstinatoError: Another one does.
    """
    return nullcontext() if folder is None or not DistributedContext.from_environment().main else locked(folder)
