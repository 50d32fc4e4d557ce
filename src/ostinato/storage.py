"""Files that are old or new but never half written, and tensors that fit a module or say why not."""

import os
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from torch import Tensor


def write_durably(path: Path, content: bytes) -> None:
    """Put `content` at `path`: after a crash at any moment the file is the old one or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


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
