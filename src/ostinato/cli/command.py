"""What every command does with its arguments, and with the errors that end it."""

import re
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
            value = ctx.params.get(parameter.name)
            for text in value if isinstance(value, list | tuple) else [value]:
                if isinstance(text, str):
                    name = parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar
                    _refuse_bytes(text, str(name))
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
    given = rf"(?<![\w.'\"-])(?<!--set )({names})=('[^']*'|\"[^\"]*\"|\.\.\.|[^\s,;:)]*)"

    def typed(found: re.Match[str]) -> str:
        flag, metavar = spellings[found[1]]
        value = found[2].strip("'\"")
        if flag.endswith("="):
            return f"{flag}{value}"
        if not metavar:
            return flag if value == "True" else found[0]
        return f"{flag} {metavar if value == '...' else value}"

    return re.sub(given, typed, message)


def _refuse_bytes(text: str, name: str) -> None:
    """Makes sure that an argument is text: the shell hands on any bytes, which Python marks."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        byte = ord(text[error.start]) - 0xDC00
        raise OstinatoError(f"{name}: byte 0x{byte:02X} is not UTF-8 text: give it as your terminal's UTF-8") from None
