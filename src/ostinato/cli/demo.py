"""`ostinato demo`: real data that come with the package, from file to result."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ostinato.cli.outputs import check_folder
from ostinato.demos.registry import DEMOS
from ostinato.errors import OstinatoError

if TYPE_CHECKING:
    from ostinato.demos.demo import Demo, Experiment


def demo(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="; ".join(f"{name}: {entry.about}" for name, entry in DEMOS.items()) + "."),
    ] = "co2",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder for the model, what it makes and a copy of the data; demo unless given, where it replaces "
            "what an earlier one left.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a training that was interrupted.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the model that FOLDER holds.")] = False,
) -> None:
    """See it work on real data that come with the package.

    Trains a model, prints its scores next to those of simple baselines, saves the model and the data.

    Example:
      ostinato demo sunspots --out demo/
    """
    if name not in DEMOS:
        raise OstinatoError(f"no demo {name!r}: choose one of {', '.join(DEMOS)}")
    from ostinato.demos.demo import Demo

    found, place = DEMOS[name].load(), out or Path("demo")
    if isinstance(found, Demo):
        _train(found, place, resume, force or out is None)
    else:
        _try_out(name, found, place, resume)


def _train(demo: "Demo", out: Path, resume: bool, force: bool) -> None:
    """Trains, scores, saves, and shows the model at work."""
    from ostinato.cli.screen import screen
    from ostinato.cli.train import hold_out, show, train, training_in
    from ostinato.tasks.registry import REGISTRY
    from ostinato.training import DistributedContext

    with training_in(out, resume=resume, force=force):
        console = screen(quiet=not DistributedContext.from_environment().main)
        materials = demo.materials()
        console.print(demo.intro(materials))
        verb = REGISTRY[demo.verb].load()
        model = verb(**demo.settings)
        training, scored, scored_on = materials.data, materials.test, demo.scored_on
        if scored is None:
            training, scored, scored_on = hold_out(
                model, model.read(materials.data), verb.holdout_share(validation=False)
            )
        train(model, training, out, materials.validation, scored, scored_on, resume=resume)
        if not console.quiet:
            for shown in demo.story(model, materials, out):
                show(console, shown)


def _try_out(name: str, demo: "Experiment", out: Path, resume: bool) -> None:
    """Does the experiment, which makes no model."""
    if resume:
        raise OstinatoError(f"demo {name} keeps no checkpoints, as it is short: start it without --resume")
    check_folder(out)
    from ostinato.cli.screen import screen
    from ostinato.cli.train import show
    from ostinato.training import DistributedContext, Interrupted

    if DistributedContext.from_environment().world_size > 1:
        raise OstinatoError(f"demo {name} trains in one process: start it without torchrun")
    console = screen()
    try:
        for shown in demo.story(out):
            show(console, shown)
    except Interrupted:
        typer.echo("interrupted; nothing is kept: begin anew", err=True)
        raise typer.Exit(130) from None
