"""Tables whose rows are JSON objects, one a line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ostinato.data.file_format import USUAL, FileFormat
from ostinato.data.table import Table
from ostinato.data.text import Text
from ostinato.errors import OstinatoError

JSON_LINES = (".jsonl", ".ndjson")
"""How the names of such files end."""


def read_json_lines(path: Path, form: FileFormat = USUAL) -> Table:
    """The objects as rows, their keys as columns; a key that an object lacks is a missing value.

    Raises:
        OstinatoError: With the line, for what is no object of numbers and texts.
    """
    found = list(json_objects(path, form))
    if not found:
        raise OstinatoError(f"{path}: the file is empty: give a JSON object a line")
    lines, rows = zip(*found, strict=True)
    return Table(pd.DataFrame(rows, dtype=object), str(path), np.array(lines, np.int64))


def json_objects(path: Path, form: FileFormat = USUAL) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file, each with the number of its line; blank lines are passed over.

    Raises:
        OstinatoError: With the line, for what is no object.
    """
    for number, line in enumerate(Text.of(path, form=form).lines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise OstinatoError(f"{path}, line {number}: not JSON ({error}): mend or remove the line") from None
        if not isinstance(row, dict):
            raise OstinatoError(f"{path}, line {number}: not a JSON object: each line must be one")
        yield number, row
