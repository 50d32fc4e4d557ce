"""Settings from the command line: named options, and `--set NAME=VALUE` for every other."""

import inspect
import json
from collections.abc import Callable
from typing import Any

from ostinato.errors import OstinatoError


def merged(options: dict[str, Any], assignments: list[str] | None) -> dict[str, Any]:
    """The options that were given, and the assignments.

    Args:
        options: name to value; None or an empty list where the option was not given.
        assignments: ``NAME=VALUE``, the value in JSON (``3``, ``null``, ``[0.1, 0.5]``), ``None``, or plain text.

    Raises:
        OstinatoError: An assignment without "=", or a setting given twice.
    """
    settings = {name: value for name, value in options.items() if value is not None and value != []}
    for assignment in assignments or []:
        name, equals, text = assignment.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name:
            raise OstinatoError(f"--set {assignment}: write it as NAME=VALUE, for example --set epochs=50")
        if name in settings:
            raise OstinatoError(f"--set {assignment}: {name} is given twice: leave one out")
        settings[name] = _value(text.strip())
    return settings


def _value(text: str) -> Any:
    if text == "None":
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def known_by(method: Callable[..., Any], **options: Any) -> dict[str, Any]:
    """The options that were given, for a method of an estimator that knows them.

    Args:
        method: Of an estimator.
        options: name to value; None where the option was not given.

    Raises:
        OstinatoError: The method has no such option: it is of another verb's.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in inspect.signature(method).parameters:
            kind = type(getattr(method, "__self__", None)).__name__
            raise OstinatoError(f"--{name}: a {kind} has no such option to {method.__name__}")
    return given
