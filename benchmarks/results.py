"""What a run left, as a JSON file."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ostinato import OstinatoError


class Result(BaseModel):
    """One run of one benchmark with one seed.

    Attributes:
        part: What was scored; None where nothing is split.
        seed: None where the same numbers are drawn always.
        figures: Row -> metric -> figure, None for an undefined one.
        failures: Row -> why it has no figures.
        notes: What the run said.
        seconds: Of the whole run.
        settings: All settings and options; None where they are not known.
        changed: Those that are not the registry's.
        date: Of the run, as ISO 8601 writes it; a month where the day is not known.
        transcribed: Where figures stood that were entered by hand, rounded; empty for those that a run wrote.
    """

    model_config = ConfigDict(extra="forbid")

    benchmark: str
    part: str | None
    seed: int | None
    figures: dict[str, dict[str, float | None]]
    failures: dict[str, str] = {}
    notes: list[str] = []
    seconds: float | None
    settings: dict[str, Any] | None
    changed: dict[str, Any] = {}
    num_threads: int
    processor: str
    torch: str
    ostinato: str | None
    date: str
    transcribed: str = ""

    @property
    def name(self) -> str:
        """Of its file."""
        seed = "" if self.seed is None else f"seed{self.seed}"
        return "-".join(part for part in (self.benchmark, self.part, seed) if part) + ".json"

    def write(self, folder: Path) -> Path:
        """Writes the file, over one of an earlier run with the same benchmark, part and seed."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.name
        path.write_text(json.dumps(_finite(self.model_dump()), indent=1, allow_nan=False, default=str) + "\n")
        return path


def read_results(folder: Path) -> list[Result]:
    """All results in a folder, by benchmark, part and seed.

    Raises:
        OstinatoError: For a file that holds none, or not the one that its name says.
    """
    results = []
    for path in sorted(folder.glob("*.json")):
        try:
            result = Result.model_validate_json(path.read_text())
        except ValidationError as error:
            first = error.errors()[0]
            raise OstinatoError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        if result.name != path.name:
            raise OstinatoError(f"{path}: what it holds belongs into {result.name}")
        results.append(result)
    return sorted(results, key=lambda result: (result.benchmark, result.part or "", result.seed or 0))


def figures_of(results: Iterable[Result]) -> dict[str, dict[str, list[float]]]:
    """Row -> metric -> its defined figures in some runs."""
    found: dict[str, dict[str, list[float]]] = {}
    for result in results:
        for row, figures in result.figures.items():
            for metric, figure in figures.items():
                if figure is not None:
                    found.setdefault(row, {}).setdefault(metric, []).append(figure)
    return found


def _finite(value: Any) -> Any:
    """The same with None for what JSON has no number for."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
