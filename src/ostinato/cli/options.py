"""Options of `ostinato fit`: those of every verb, and one for each setting that is marked as an `Option`."""

from inspect import Parameter
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from rich.markup import escape

from ostinato.cli.command import Spelling
from ostinato.cli.listing import choices, option_of, spelled
from ostinato.options import MODEL, SCORE, Option
from ostinato.tasks.settings import NetworkSettings
from ostinato.training import TrainingSettings

if TYPE_CHECKING:
    from ostinato.tasks import Estimator

FOLDS = "Cross-validate first, in so many parts; the model that is saved is then trained on all of DATA."
FROM = "A saved model whose weights, vocabulary and settings training goes on from, but for those given here."
REFIT = "Once scored, train anew on all rows, the scored ones too, for as many epochs as were best. [default: refit]"
REPORT = "Also write the scores of each series, as a CSV file."
SET = "Any of the settings listed below, as often as needed: --set batch_size=16 --set num_layers=2."


def parameters(verb: "type[Estimator[Any, Any, Any]]") -> list[Parameter]:
    """All that `ostinato fit` takes for a verb, as parameters of a function."""
    fields, marked = verb.settings_class.model_fields, options_of(verb.settings_class)
    source: Any = list[Path] if verb.files > 1 else Path
    twice = " Twice for two files whose lines correspond." if verb.files > 1 else ""
    without = "--test" if verb.holdout_share(validation=True) else "--test or --validation"
    kept = (
        f"Share {verb.held_out_of or 'of DATA'} kept from training for the score table; "
        f"{verb.holdout_share(validation=False):g} unless given, 0 with {without}."
    )
    return [
        _parameter("data", source, typer.Argument(metavar="DATA", help=verb.data_help), Parameter.empty),
        _parameter("out", Path, typer.Option(metavar="FOLDER", help="Folder to save the model in."), Parameter.empty),
        _option("warm_start", Path | None, "FOLDER", None, FROM, "--from"),
        _flag("resume", "Go on with a training that was interrupted."),
        _flag("force", "Replace the model that FOLDER holds."),
        _flag("tensorboard", "Write FOLDER/tensorboard besides FOLDER/metrics.jsonl."),
        *(_of_field(name, fields[name], option) for name, option in marked.items() if option.group != SCORE),
        _option("set", list[str] | None, "NAME=VALUE", MODEL, SET),
        _option("validation", source | None, "FILE", SCORE, verb.validation_help + twice),
        _option("test", source | None, "FILE", SCORE, f"{verb.test_help}; not with --holdout.{twice}"),
        _option("holdout", float | None, "SHARE", SCORE, kept),
        _option("folds", int | None, "N", SCORE, FOLDS),
        *([_option("refit", bool | None, None, SCORE, REFIT, "--refit/--no-refit")] if verb.refits else []),
        *([_option("report", Path | None, "FILE", SCORE, REPORT)] if hasattr(verb, "scores_by_series") else []),
        *(_of_field(name, fields[name], option) for name, option in marked.items() if option.group == SCORE),
    ]


def options_of(settings: type[TrainingSettings]) -> dict[str, Option]:
    """The settings that have an option of their own, in the order of the help: of the data first, its own first."""

    def place(name: str) -> tuple[bool, int]:
        blocks: tuple[Any, ...] = (TrainingSettings, NetworkSettings, *settings.__bases__)
        inherited = [-number for number, block in enumerate(blocks) if name in block.model_fields]
        return found[name].group == MODEL, max(inherited, default=-len(blocks))

    found = {name: option for name, field in settings.model_fields.items() if (option := option_of(field))}
    return {name: found[name] for name in sorted(found, key=place)}


def spellings_of(settings: type[TrainingSettings]) -> dict[str, Spelling]:
    """How each setting is given at the shell."""
    marked = options_of(settings)
    return {
        name: Spelling(_flag_of(name, marked[name]), "" if _kind(field.annotation) is bool else marked[name].metavar)
        if name in marked
        else Spelling(f"--set {name}=", "")
        for name, field in settings.model_fields.items()
    }


def _flag_of(name: str, option: Option) -> str:
    return f"--{(option.name or name).replace('_', '-')}"


def _of_field(name: str, field: FieldInfo, option: Option) -> Parameter:
    """An option for a setting: None where it is not given."""
    kind = _kind(field.annotation)
    text = option.help or field.description or ""
    several = " Repeatable." if get_origin(kind) is list and "repeatable" not in text else ""
    help = f"{escape(text)}{choices(field, f'{option.metavar} {text}')}{several}{_default(field)}"
    spelling = _flag_of(name, option)
    if kind is bool and field.default is not False:
        spelling = f"{spelling}/--no-{spelling.removeprefix('--')}"
    metavar = None if kind is bool else option.metavar
    return _option(name, kind | None, metavar, option.group or None, help, spelling)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    return "" if value is None or value is False or value == () else escape(f" [default: {spelled(value)}]")


def _kind(annotation: Any) -> Any:
    """The type that the command line reads a setting of this one as; what it is not sure of is text."""
    if get_origin(annotation) is Annotated:
        return _kind(get_args(annotation)[0])
    if get_origin(annotation) is tuple:
        return list[_kind(get_args(annotation)[0])]  # type: ignore[misc]
    if get_origin(annotation) in (UnionType, Union):
        kinds = {_kind(part) for part in get_args(annotation) if part is not type(None)}
        return kinds.pop() if len(kinds) == 1 else str
    return annotation if annotation in (bool, int, float) else str


def _flag(name: str, help: str) -> Parameter:
    return _parameter(name, bool, typer.Option(f"--{name}", help=help), False)


def _option(
    name: str, kind: Any, metavar: str | None, group: str | None, help: str, spelling: str | None = None
) -> Parameter:
    shown = typer.Option(spelling or f"--{name}", metavar=metavar, rich_help_panel=group, help=help, show_default=False)
    return _parameter(name, kind, shown, None)


def _parameter(name: str, kind: Any, shown: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, shown])
