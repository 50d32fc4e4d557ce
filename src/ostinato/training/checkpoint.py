"""Checkpoints: one safetensors file each, with JSON in its header. A killed writer never leaves a half one behind."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from ostinato.errors import OstinatoError
from ostinato.storage import naming, remove_leftovers, tensor_bytes, write_durably

KEPT = 2
FORMAT = "1"


def save_checkpoint(folder: Path, step: int, tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> None:
    """Write `checkpoint-<step>.safetensors`, then remove all but the newest two.

    Args:
        folder: made when it is not there.
        step: optimiser steps done.
        tensors: by name.
        facts: all that is not a tensor, as JSON.
    """
    with naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder, "checkpoint-*")
    path = checkpoint_path(folder, step)
    write_durably(path, tensor_bytes(tensors, {"ostinato_checkpoint": FORMAT, "facts": json.dumps(facts)}))
    for old in checkpoints(folder)[:-KEPT]:
        old.unlink()


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint after `step` optimiser steps is."""
    return folder / f"checkpoint-{step}.safetensors"


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    named = ((re.fullmatch(r"checkpoint-(\d+)\.safetensors", path.name), path) for path in folder.glob("*.safetensors"))
    return [path for _, path in sorted((int(match[1]), path) for match, path in named if match)]


def latest(folder: Path) -> Path | None:
    """The newest checkpoint of a folder; None when it has none.

    Example:
        >>> from pathlib import Path
        >>> from ostinato.training import latest
        >>> latest(Path("a folder without checkpoints")) is None
        True
    """
    return next(reversed(checkpoints(folder)), None)


def clear_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a folder, and what killed writers left, so that a new run can begin there.

    Example:
        >>> from pathlib import Path
        >>> from ostinato.training import clear_checkpoints, latest
        >>> folder = Path("checkpoints")
        >>> clear_checkpoints(folder)
        >>> latest(folder) is None
        True
    """
    remove_leftovers(folder, "checkpoint-*")
    for path in checkpoints(folder):
        path.unlink()


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and facts of a checkpoint, on the CPU.

    Raises:
        OstinatoError: the file is damaged or something else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        if metadata.get("ostinato_checkpoint") != FORMAT:
            raise OstinatoError(f"{path} is not a checkpoint this version can read: remove it to resume from another")
        return tensors, json.loads(metadata["facts"])
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError) as error:
        raise OstinatoError(
            f"{path} is damaged ({error}): remove it to resume from the checkpoint before it"
        ) from error
