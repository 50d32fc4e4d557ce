"""`ostinato fit`: train a model on a file. A verb's command is made of its registry entry and its settings."""

from inspect import Signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ostinato.cli.command import Command, Spelling
from ostinato.cli.screen import screen
from ostinato.cli.settings import merged
from ostinato.errors import OstinatoError
from ostinato.tasks.registry import REGISTRY, Entry

if TYPE_CHECKING:
    from ostinato.tasks import Estimator


class Verbs(TyperGroup):
    """The verbs of the registry; a verb's class is imported when its command is run, not when it is listed."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(REGISTRY)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = REGISTRY.get(cmd_name)
        return None if entry is None else TyperCommand(entry.name, help=entry.about)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        self.commands = {name: self.get_command(ctx, name) for name in REGISTRY}  # what a typo is compared with
        name, listed, rest = super().resolve_command(ctx, args)
        return name, None if name is None or listed is None else command(REGISTRY[name]), rest


app = typer.Typer(cls=Verbs, no_args_is_help=True)


@app.callback()
def fit() -> None:
    """Train a model on a file, score it on data it has not seen, save it."""


class FitCommand(Command):
    """A command whose help lists the verb's settings, too."""

    verb: "type[Estimator[Any, Any, Any]]"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _spelled_out(args))

    def spellings(self) -> dict[str, Spelling]:
        from ostinato.cli.options import spellings_of

        return spellings_of(self.verb.settings_class)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from ostinato.cli.listing import all_settings

        super().format_help(ctx, formatter)
        screen().print(all_settings(self.verb.settings_class))


def command(entry: Entry) -> Any:
    """`ostinato fit NAME` for a verb."""
    from ostinato.cli.options import parameters

    verb = entry.load()

    def run(**given: Any) -> None:
        _fit(verb, **given)

    run.__signature__ = Signature(parameters(verb))  # type: ignore[attr-defined]
    alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
    alone.command(entry.name, cls=FitCommand, help=verb.fit_help, no_args_is_help=True)(run)
    made = typer.main.get_command(alone)
    assert isinstance(made, FitCommand)
    made.verb = verb
    return made


def _fit(
    verb: "type[Estimator[Any, Any, Any]]",
    *,
    data: Path | list[Path],
    out: Path,
    warm_start: Path | None,
    resume: bool,
    force: bool,
    tensorboard: bool,
    set: list[str] | None,
    validation: Path | list[Path] | None,
    test: Path | list[Path] | None,
    holdout: float | None,
    folds: int | None,
    refit: bool | None = None,
    report: Path | None = None,
    **options: Any,
) -> None:
    """Reads, holds out, fits, saves, scores, and tells how to go on."""
    from ostinato.cli.outputs import check_report
    from ostinato.cli.train import cross_validate, hold_out, show, train, training_in
    from ostinato.training import DistributedContext

    with training_in(out, resume=resume, force=force):
        start = None if warm_start is None else verb.load(warm_start)
        model = verb(**merged(options, set))
        if start is not None:
            model.adopt_settings(start)
        given, checked, tested = (
            _source(paths, name, verb.files)
            for paths, name in ((data, "DATA"), (validation, "--validation"), (test, "--test"))
        )
        share = _held_out(verb, holdout, folds, validation=checked is not None, test=tested is not None)
        if share or folds or tested is not None:
            model.check_scoring()
        if report is not None:
            check_report(verb, report, *(path for path in (given, checked, tested) if isinstance(path, Path)))
            if not share and tested is None:
                raise OstinatoError("--report: nothing is scored here: give --holdout or --test")
        training = model.read(given)
        scored = None if tested is None else model.read_test(tested, training, None if start is None else start.model)
        scored_on = f"{verb.scores_title} on {_named(tested)}"
        if share:
            training, scored, scored_on = hold_out(model, training, share)
        if folds:
            cross_validate(model, training, folds)
        train(
            model,
            training,
            out,
            checked,
            scored,
            scored_on,
            warm_start=start,
            resume=resume,
            tensorboard=tensorboard,
            refit=verb.refits if refit is None else refit,
            report=report,
        )
        console = screen(quiet=not DistributedContext.from_environment().main)
        if not console.quiet:
            for step in model.next_steps(out, given):
                show(console, step)


def _source(paths: Path | list[Path] | None, name: str, most: int) -> Any:
    """One file, or several that correspond, as a verb reads them."""
    if not isinstance(paths, list):
        return paths
    if len(paths) > most:
        raise OstinatoError(f"{name}: {len(paths)} files: give one, or {most} whose lines correspond")
    return paths[0] if len(paths) == 1 else tuple(paths)


def _named(paths: Path | tuple[Path, ...] | None) -> str:
    return " and ".join(map(str, paths)) if isinstance(paths, tuple) else str(paths)


def _held_out(
    verb: "type[Estimator[Any, Any, Any]]", holdout: float | None, folds: int | None, *, validation: bool, test: bool
) -> float:
    """The share of the data to keep from training.

    Raises:
        OstinatoError: There is test data too, or folds, or the share is out of range.
    """
    if folds is not None and (test or holdout):
        raise OstinatoError("give --folds, --test or --holdout, not two of them: each is what the model is scored on")
    if folds is not None:
        return 0.0
    if test and holdout:
        raise OstinatoError("give --test or --holdout, not both: either is what the model is scored on")
    if holdout is None:
        return 0.0 if test else verb.holdout_share(validation=validation)
    if not 0 <= holdout < 1:
        raise OstinatoError(f"--holdout must be a share of at least 0 and below 1, got {holdout:g}")
    return holdout


def _spelled_out(arguments: list[str]) -> list[str]:
    """The arguments, with `--doctor` alone made `--doctor watch`: typer has no values that may be left out."""
    spelled = []
    for place, argument in enumerate(arguments):
        spelled.append(argument)
        if argument == "--doctor" and arguments[place + 1 : place + 2] not in (["watch"], ["fix"]):
            spelled.append("watch")
    return spelled
