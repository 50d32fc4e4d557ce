"""The folder that a model is trained in."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from ostinato.storage import locked
from ostinato.tasks.settings import NetworkSettings
from ostinato.training import DistributedContext, History


def checkpoints_of(folder: str | Path) -> Path:
    """Where the training of a model that goes into this folder keeps its checkpoints."""
    return Path(folder) / "checkpoints"


def alone_in(folder: Path | None) -> AbstractContextManager[None]:
    """Where no other training writes to a folder; of processes that train together the first one sees to it.

    Raises:
        OstinatoError: Another one does.
    """
    return nullcontext() if folder is None or not DistributedContext.from_environment().main else locked(folder)


def cut_short(history: History, settings: NetworkSettings, folder: Path | None) -> tuple[str, ...]:
    """What to say of a training that could go on."""
    if history.stopped != "seconds":
        return ()
    last = history.epochs[-1]
    unscored = ", before it was validated" if last.score is None else ""
    kept = "" if folder is None else "; its checkpoint is kept: resume to go on"
    return (
        f"training was stopped by max_seconds={settings.max_seconds:g} in epoch {last.epoch} of {settings.epochs}"
        f"{unscored}{kept}",
    )
