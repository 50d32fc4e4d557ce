"""What every command does with its arguments, and with the errors that end it."""

import os
import re
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from typer.core import TyperCommand

from ostinato.errors import OstinatoError


class Spelling(NamedTuple):
    """How a setting is given at the shell.

    Attributes:
        flag: ``--label``, or ``--set epochs=``.
        metavar: What stands for its value in the help; empty for a flag that has none.
    """

    flag: str
    metavar: str


class Command(TyperCommand):
    """A command whose texts are checked before it runs, and whose errors name options as the shell spells them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        for parameter in self.params:
            if parameter.name not in ctx.params:
                continue
            option = parameter.param_type_name == "option"
            name, key = str(parameter.opts[0] if option else parameter.metavar), parameter.name
            ctx.params[key] = _as_text(ctx.params[key], name)
        return rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except OstinatoError as error:
            error.args = (as_typed(str(error), self.spellings()),)
            raise

    def spellings(self) -> dict[str, Spelling]:
        """What errors call in Python, and how it is given here."""
        return {
            str(parameter.name): Spelling(parameter.opts[0], str(getattr(parameter, "metavar", None) or ""))
            for parameter in self.params
            if parameter.param_type_name == "option"
        }


def as_typed(message: str, spellings: Mapping[str, Spelling]) -> str:
    """A message that names settings as Python does, ``label=...``, with the names of the shell, ``--label COLUMN``."""
    if not spellings:
        return message
    names = "|".join(sorted(map(re.escape, spellings), key=len, reverse=True))
    given = rf"(?<![\w.'\"/-])(?<!--set )({names})=('[^']*'|\"[^\"]*\"|\.\.\.|[^\s,;:)]*)( \(--[a-z-]+\))?"

    def typed(found: re.Match[str]) -> str:
        flag, metavar = spellings[found[1]]
        bare, rest = found[2].strip("'\""), found[3] or ""
        value = bare if bare == found[2] else shlex.quote(bare)  # marks such as | mean something at the shell
        rest = "" if rest == f" ({flag})" else rest  # said already
        if flag.endswith("="):
            return f"{flag}{value}{rest}"
        if not metavar and value == "False":
            return rest.strip(" ()") or found[0]
        if not metavar:
            return f"{flag}{rest}" if value == "True" else found[0]
        return f"{flag} {metavar if value == '...' else value}{rest}"

    return re.sub(given, typed, message)


def _as_text(value: Any, name: str) -> Any:
    """An argument, or several, as UTF-8 text, whatever the terminal's own encoding; what is no text stays as it is."""
    if isinstance(value, list | tuple):
        return type(value)(_as_text(each, name) for each in value)
    if not isinstance(value, str) or not any("\udc80" <= sign <= "\udcff" for sign in value):
        return value
    try:  # Python marks the bytes that its own encoding does not know
        return os.fsencode(value).decode()
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise OstinatoError(f"{name}: byte 0x{byte:02X} is not UTF-8 text") from None
