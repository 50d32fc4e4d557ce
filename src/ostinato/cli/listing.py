"""Settings, listed: those there are, and those of a saved model."""

import re
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ostinato.options import Option
from ostinato.training import TrainingSettings


def option_of(field: FieldInfo) -> Option | None:
    """What marks a setting that has an option of its own; None for one that has none."""
    return next((mark for mark in field.metadata if isinstance(mark, Option)), None)


def all_settings(settings: type[BaseModel]) -> Group:
    """Every setting with its default and meaning, in the manner of typer's help.

    Those whose options say it all are left out.
    """
    fields = {name: field for name, field in settings.model_fields.items() if not _told(field)}
    training = {name: field for name, field in fields.items() if name in TrainingSettings.model_fields}
    own = {name: field for name, field in fields.items() if name not in training}
    return Group(_panel("--set: the model", own), _panel("--set: training", training))


def _told(field: FieldInfo) -> bool:
    """Whether an option has the setting's description."""
    option = option_of(field)
    return option is not None and not option.help


def choices(field: FieldInfo, text: str) -> str:
    """What a setting may be, where that is one of a few names, and the text does not say them all."""
    names = [str(name) for name in _literals(field.annotation)]
    told = all(re.search(rf"\b{re.escape(name)}\b", text) for name in names)
    return "" if told else f" One of {', '.join(names)}."


def _literals(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    inner = [_literals(part) for part in get_args(annotation) if part is not type(None)]
    return inner[0] if len(inner) == 1 else ()


def _panel(title: str, fields: dict[str, FieldInfo]) -> Panel:
    table = Table("setting", "default", "meaning", box=None, expand=True, pad_edge=False, header_style="dim")
    table.columns[0].no_wrap = True
    table.columns[0].style = "bold cyan"
    table.columns[1].max_width = 16
    table.columns[2].ratio = 1
    for name, field in fields.items():
        default = spelled(field.get_default(call_default_factory=True))
        table.add_row(name, default, f"{field.description}{choices(field, field.description or '')}")
    return Panel(table, title=title, title_align="left", border_style="dim")


def settings_of(values: dict[str, Any], settings: type[BaseModel]) -> Table:
    """The settings of a saved model, in bold and with the default beside it where it is another.

    Args:
        values: from its bundle.
        settings: of its task.
    """
    defaults = settings().model_dump(mode="json")
    table = Table("setting", "value", "default", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.columns[0].no_wrap = True
    table.columns[1].max_width = 32
    for name, value in values.items():
        changed = value != defaults[name]
        style = "bold" if changed else ""
        table.add_row(Text(name, style), Text(spelled(value), style), spelled(defaults[name]) if changed else "")
    return table


def spelled(value: Any) -> str:
    """A value as `--set` reads it."""
    return str(list(value) if isinstance(value, tuple) else value)
