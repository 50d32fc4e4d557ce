"""Files that are old or new but never half written, folders that one writes to at a time, and tensors that fit."""

import errno
import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import safetensors.torch
from torch import Tensor

from ostinato.errors import OstinatoError

LOCK = ".lock"
"""The file that stands in a folder while somebody writes there."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_held: set[Path] = set()  # folders that this process has locked


def write_durably(path: Path, content: bytes) -> None:
    """Put `content` at `path`: after a crash at any moment the file is the old one or the new one, whole.

    Raises:
        OstinatoError: It cannot be written (a full disk, say); nothing of it is left then.
    """
    with written_whole(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A new file to write to, which then takes the place of `path`: the old one or the new one is there, whole.

    What is no ordinary file (a pipe, a device), or stands in a folder where none may be made, is written to itself.

    Raises:
        OstinatoError: It cannot be written; nothing of it is left then.
    """
    target = path.resolve()
    if target.exists() and not (target.is_file() and os.access(target.parent, os.W_OK)):
        with naming(path):
            yield target
        return
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with naming(path):
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(target)
            sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Where an error of the system, which may name no file, becomes one that names this one.

    Raises:
        OstinatoError: In place of an OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise OstinatoError(f"{path}: no space left to write it: make room, or write elsewhere") from error
        raise OstinatoError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Where no other process writes to a folder, which is made; left empty, it is removed again.

    A process may lock a folder again that it has locked.

    Raises:
        OstinatoError: Another process has it, or it cannot be made.
    """
    place = folder.resolve()
    if place in _held:
        yield
        return
    made = [each for each in (place, *place.parents) if not each.exists()]
    with naming(folder):
        place.mkdir(parents=True, exist_ok=True)
        file = (place / LOCK).open("wb")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            own = os.path.samestat(os.fstat(file.fileno()), (place / LOCK).stat())
        except (BlockingIOError, FileNotFoundError):  # not there: the process that had it has just removed it
            own = False
        if not own:
            raise OstinatoError(f"{folder}: another process is training there: wait for it, or give another folder")
        _held.add(place)
        try:
            yield
        finally:
            _held.discard(place)
            (place / LOCK).unlink(missing_ok=True)
            with suppress(OSError):  # something stands there
                for each in made:
                    each.rmdir()


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path, name: str) -> None:
    """Remove what writers that were killed left of files of this name; `*` stands for anything."""
    for leftover in folder.glob(f".{name}.*.tmp"):
        leftover.unlink()


def tensor_bytes(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """The content of a safetensors file. Tied tensors are written once for each of their names."""
    copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(copies, metadata)


def misfits(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    """What keeps the tensors found in a file from being those wanted, a phrase a tensor; empty when all fit."""
    missing = [f"{name} is missing" for name in wanted.keys() - found.keys()]
    unexpected = [f"{name} is unexpected" for name in found.keys() - wanted.keys()]
    unlike = [
        f"{name} is {_form(found[name])}, not {_form(wanted[name])}"
        for name in found.keys() & wanted.keys()
        if _form(found[name]) != _form(wanted[name])
    ]
    return sorted(missing) + sorted(unexpected) + sorted(unlike)


def _form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
