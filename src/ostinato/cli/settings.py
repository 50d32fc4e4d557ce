"""Settings from the command line: named options, and `--set key=value` for every other."""

import json
from typing import Annotated, Any

import typer

from ostinato.errors import OstinatoError

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any other setting, as often as needed: `--set epochs=50 --set clip_norm=0.5`.",
    ),
]


def merged(options: dict[str, Any], assignments: list[str] | None) -> dict[str, Any]:
    """The options that were given, and the assignments; a value is JSON (`3`, `null`, `[0.1, 0.5]`) or plain text.

    Raises:
        OstinatoError: An assignment without "=", or a setting given twice.
    """
    settings = {name: value for name, value in options.items() if value is not None and value != []}
    for assignment in assignments or []:
        name, equals, text = assignment.partition("=")
        if not equals or not name:
            raise OstinatoError(f"--set {assignment}: write it as KEY=VALUE, for example --set epochs=50")
        name = name.strip().replace("-", "_")
        if name in settings:
            raise OstinatoError(f"--set {assignment}: {name} is given twice; leave one out")
        settings[name] = _value(text)
    return settings


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
