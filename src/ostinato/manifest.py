"""What `bundle.json` says of a saved model. Read without torch, so that a folder that is none is told at once."""

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ostinato.errors import OstinatoError

FORMAT = "ostinato bundle"
FORMAT_VERSION = 1
MANIFEST = "bundle.json"
WEIGHTS = r"weights-[0-9a-f]{12}\.safetensors"


class TensorForm(BaseModel):
    """Of a tensor in the weights file."""

    model_config = ConfigDict(strict=True, extra="forbid")
    shape: list[int]
    dtype: str


class Weights(BaseModel):
    """The weights file, and what is in it."""

    model_config = ConfigDict(strict=True, extra="forbid")
    file: str = Field(pattern=f"^{WEIGHTS}$")
    size: int
    sha256: str
    tensors: dict[str, TensorForm]


class Manifest(BaseModel):
    """The content of `bundle.json`."""

    model_config = ConfigDict(strict=True, extra="forbid")
    format: Literal["ostinato bundle"]
    format_version: int
    kind: str
    settings: dict[str, Any]
    model: dict[str, Any]
    notes: list[str]
    metrics: dict[str, Any]
    versions: dict[str, str]
    created: str
    weights: Weights
    sha256: str


def read_manifest(folder: Path, kinds: Collection[str]) -> Manifest:
    """What a folder's `bundle.json` says, unchanged since it was saved.

    Args:
        folder: Of a saved model.
        kinds: Estimators that the caller knows.

    Raises:
        OstinatoError: There is none, it is of a newer version or of a kind not in `kinds`, or it is damaged.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise OstinatoError(f"{folder} {what}: give the folder that a model was saved to")
    if not path.is_file():
        raise OstinatoError(f"{folder} has no {MANIFEST}: give the folder that a model was saved to")
    try:
        content = json.loads(path.read_bytes())
        digest = digest_of(content)
    except (ValueError, RecursionError) as error:
        raise OstinatoError(f"{path} is not JSON ({error}): it is damaged, take it from a backup") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise OstinatoError(f"{path} is not of a saved model: give the folder that a model was saved to")
    number = content.get("format_version")
    if isinstance(number, int) and number > FORMAT_VERSION:
        raise OstinatoError(f"{path} is of format {number}, newer than {FORMAT_VERSION} that is known: update ostinato")
    if content.get("sha256") != digest:
        raise OstinatoError(f"{path} was changed since it was saved: take it from a backup, or train again")
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        raise OstinatoError(f"{path} does not describe a model ({error}): take it from a backup") from error
    if manifest.kind not in kinds:
        known = ", ".join(sorted(kinds))
        raise OstinatoError(f"{path} is of kind {manifest.kind!r}, not one of {known}: update ostinato")
    return manifest


def kind_in(folder: Path, kinds: Collection[str]) -> str:
    """Which estimator the model in a folder is of; its weights are not read.

    Raises:
        OstinatoError: As `load_bundle`, but for what is wrong with the weights.
    """
    return read_manifest(folder, kinds).kind


def saved_in(folder: Path) -> str | None:
    """What a folder holds, "a Forecaster saved on 2026-01-31"; None where it holds no `bundle.json` of ours.

    One that is damaged in its details counts as well.
    """
    try:
        content = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return None
    return f"a {content.get('kind')} saved on {str(content.get('created'))[:10]}"


def digest_of(content: Any) -> str:
    """Of what a reader gets but the digest itself, whatever the white space and the order of keys."""
    read = json.loads(json.dumps(content))  # keys are text now, as a reader has them
    if isinstance(read, dict):
        read.pop("sha256", None)
    canonical = json.dumps(read, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
