"""A trained model as a folder: `bundle.json` and one safetensors file. Nothing in it can run code.

`bundle.json` says what the model is and names the weights file, which carries a part of its own digest in its name.
Saving over an older bundle writes the new weights beside the old ones and then renames the new `bundle.json` over the
old, so that at every moment the folder holds a whole bundle.
"""

import hashlib
import json
import platform
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor, nn

from ostinato import __version__
from ostinato.errors import OstinatoError
from ostinato.manifest import (
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    WEIGHTS,
    TensorForm,
    Weights,
    digest_of,
    read_manifest,
    saved_in,
)
from ostinato.storage import LOCK, misfits, naming, remove_leftovers, sync_folder, tensor_bytes, write_durably

# What may lie in a folder before its first bundle is saved: what training left there, and a save that was killed.
COMPANIONS = re.compile(rf"checkpoints|metrics\.jsonl|tensorboard|memory\.(csv|png)|{WEIGHTS}|\..*\.tmp|\{LOCK}")


@dataclass(frozen=True)
class Bundle:
    """A trained model as read from a folder.

    Args:
        folder: where it was read.
        kind: which estimator it is of.
        settings: of the estimator.
        tensors: of the model, by name, on the CPU.
        metrics: measured when it was trained.
        model: what is learned from data and no tensor: vocabulary, scaler, columns.
        notes: what was found when the training data were read.
        versions: of ostinato, torch and python that wrote it.
        created: when, in ISO 8601.
    """

    folder: Path
    kind: str
    settings: dict[str, Any]
    tensors: dict[str, Tensor]
    metrics: dict[str, Any]
    model: dict[str, Any]
    notes: tuple[str, ...]
    versions: dict[str, str]
    created: str

    def load_into(self, module: nn.Module, prefix: str = "") -> None:
        """Give the module these weights.

        Args:
            module: whose state they are.
            prefix: of the names of the module's tensors in the bundle; others are left alone.

        Raises:
            OstinatoError: a tensor is missing, unexpected, or of another shape or dtype than the module's.
        """
        own = {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}
        if wrong := misfits(own, module.state_dict()):
            raise OstinatoError(
                f"the weights in {self.folder} do not fit its settings: {'; '.join(wrong)}. Save the model again"
            )
        module.load_state_dict(own)


def save_bundle(
    folder: Path,
    *,
    kind: str,
    settings: dict[str, Any],
    tensors: Mapping[str, Tensor],
    metrics: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
    notes: Collection[str] = (),
) -> None:
    """Save a trained model. Killed at any moment, the folder holds the old bundle or the new one.

    Args:
        folder: a bundle already, whose other files are left as they are; or new, or empty, or with nothing in it but
            what training writes (checkpoints, metrics).
        kind: which estimator it is of.
        settings: of the estimator, as JSON.
        tensors: of the model, by name.
        metrics: measured when it was trained, as JSON.
        model: what is learned from data and no tensor (vocabulary, scaler, columns), as JSON.
        notes: what was found when the training data were read.

    Raises:
        OstinatoError: the folder holds other things.
    """
    refuse_foreign(folder)
    content = tensor_bytes(tensors)
    digest = hashlib.sha256(content).hexdigest()
    weights = Weights(
        file=f"weights-{digest[:12]}.safetensors",
        size=len(content),
        sha256=digest,
        tensors={
            name: TensorForm(shape=list(tensor.shape), dtype=str(tensor.dtype).removeprefix("torch."))
            for name, tensor in tensors.items()
        },
    )
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": kind,
        "settings": settings,
        "model": model or {},
        "notes": list(notes),
        "metrics": metrics or {},
        "versions": {
            "ostinato": __version__,
            "torch": str(torch.__version__),
            "python": platform.python_version(),
        },
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "weights": weights.model_dump(),
    }
    text = json.dumps({**manifest, "sha256": digest_of(manifest)}, indent=2)
    if not folder.exists():
        with naming(folder):
            folder.mkdir(parents=True)
            sync_folder(folder.parent)
    for name in (MANIFEST, "weights-*"):
        remove_leftovers(folder, name)
    write_durably(folder / weights.file, content)
    write_durably(folder / MANIFEST, text.encode())
    for old in folder.glob("weights-*.safetensors"):
        if re.fullmatch(WEIGHTS, old.name) and old.name != weights.file:
            old.unlink()


def load_bundle(folder: Path, kinds: Collection[str]) -> Bundle:
    """Read a trained model, whole and unchanged since it was saved; also while another is saved there.

    Args:
        folder: where it is.
        kinds: those that the caller knows.

    Raises:
        OstinatoError: there is none, it is of a newer version or of a kind not in `kinds`, or a file is damaged.
    """
    manifest = read_manifest(folder, kinds)
    while True:
        try:
            tensors = _read_weights(folder / manifest.weights.file, manifest.weights)
            break
        except OstinatoError:
            read, manifest = manifest, read_manifest(folder, kinds)
            if manifest == read:  # nothing was saved in between: the weights are not as they should be
                raise
    return Bundle(
        folder=folder,
        kind=manifest.kind,
        settings=manifest.settings,
        tensors=tensors,
        metrics=manifest.metrics,
        model=manifest.model,
        notes=tuple(manifest.notes),
        versions=manifest.versions,
        created=manifest.created,
    )


def refuse_foreign(folder: Path) -> None:
    """Make sure that a bundle may be saved to a folder: new, empty, a bundle already, or what training left there.

    Raises:
        OstinatoError: it holds other things, or is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise OstinatoError(f"{folder} is a file: give another folder to save to")
    if not folder.exists() or saved_in(folder):
        return
    foreign = sorted(entry.name for entry in folder.iterdir() if not COMPANIONS.fullmatch(entry.name))
    if foreign:
        raise OstinatoError(f"{folder} holds {foreign[0]} and is no saved model: give a new or empty folder to save to")


def _read_weights(path: Path, weights: Weights) -> dict[str, Tensor]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise OstinatoError(f"{path} is missing: take it from a backup, its name must not be changed") from None
    if len(content) != weights.size:
        raise OstinatoError(f"{path} has {len(content)} bytes instead of {weights.size}: copy it again")
    if hashlib.sha256(content).hexdigest() != weights.sha256:
        raise OstinatoError(f"{path} was changed since it was saved: take it from a backup, or train again")
    try:
        return dict(load_tensors(content))
    except SafetensorError as error:
        raise OstinatoError(f"{path} is not a safetensors file ({error}): take it from a backup") from error
