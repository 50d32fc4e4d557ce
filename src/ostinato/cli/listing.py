"""Settings, listed: those there are, and those of a saved model."""

from collections.abc import Collection
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ostinato.training import TrainingSettings


def all_settings(settings: type[BaseModel], named: Collection[str]) -> Group:
    """Every setting with its default and meaning, in the manner of typer's help.

    Args:
        settings: of the task.
        named: settings that have an option of their own, and are left out.
    """
    fields = {name: field for name, field in settings.model_fields.items() if name not in named}
    training = {name: field for name, field in fields.items() if name in TrainingSettings.model_fields}
    own = {name: field for name, field in fields.items() if name not in training}
    return Group(_panel("--set: the model", own), _panel("--set: training", training))


def _panel(title: str, fields: dict[str, FieldInfo]) -> Panel:
    table = Table("setting", "default", "meaning", box=None, expand=True, pad_edge=False, header_style="dim")
    table.columns[0].no_wrap = True
    table.columns[0].style = "bold cyan"
    table.columns[1].max_width = 16
    table.columns[2].ratio = 1
    for name, field in fields.items():
        default = spelled(field.get_default(call_default_factory=True))
        table.add_row(name, default, f"{field.description}{_choices(field)}")
    return Panel(table, title=title, title_align="left", border_style="dim")


def _choices(field: FieldInfo) -> str:
    return f" One of {', '.join(get_args(field.annotation))}." if get_origin(field.annotation) is Literal else ""


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
