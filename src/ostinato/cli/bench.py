"""`ostinato bench`: how fast a cell is here, and beside whom."""

from typing import TYPE_CHECKING, Annotated

import typer

from ostinato.cli.screen import screen
from ostinato.errors import OstinatoError

if TYPE_CHECKING:
    from ostinato.engine.measure import Comparison

REPEATS = 7
LEGEND = """\
ms         milliseconds of one pass over all steps, median of {repeats}
/floor     times the floor: the cell's multiplications alone, each one call of
           torch for all steps; three times that for forward + backward
speed-up   over the reference, the plain loop over steps
error      largest relative error of outputs, state and gradients in float32,
           compared with the reference in float64"""


def bench(
    cell: Annotated[
        str,
        typer.Argument(
            metavar="CELL",
            help="A cell by its name, such as gru or lstm, or a class of yours: FILE.py:CLASS or MODULE:CLASS.",
        ),
    ],
    input_size: Annotated[int, typer.Option("--input", metavar="N", min=1, help="Features of one step.")] = 64,
    hidden_size: Annotated[int, typer.Option("--hidden", metavar="N", min=1, help="Units.")] = 128,
    batch: Annotated[int, typer.Option(metavar="N", min=1, help="Sequences at a time.")] = 32,
    steps: Annotated[int, typer.Option(metavar="N", min=1, help="Steps of a sequence.")] = 100,
    num_threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Threads; as many as torch takes unless given.")
    ] = None,
) -> None:
    """Measure a cell: the compiled backend, torch's own, and the plain loop, side by side.

    Every result is checked first; one that is wrong is named, and gets no times. Leave the machine in peace meanwhile.

    Example:
      ostinato bench lstm --input 64 --hidden 128 --batch 32 --steps 100
      ostinato bench my_cells.py:MyCell
    """
    import warnings

    import torch

    from ostinato.cli.cell import cell_named
    from ostinato.engine.ahead import surroundings
    from ostinato.engine.measure import BUSY, WrongResultError, compare, tolerance
    from ostinato.engine.workload import Workload

    if num_threads is not None:
        torch.set_num_threads(num_threads)
    torch.manual_seed(0)
    console = screen()
    workload = Workload.drawn(cell_named(cell, input_size, hidden_size), steps, batch)
    with console.status("compiling, checking, measuring"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nothing can be compiled is told below
        obstacles, place = workload.obstacles(), surroundings()
        truth = workload.truth()
        try:
            limit = tolerance(workload, truth)
        except WrongResultError as error:
            raise OstinatoError(f"{cell}: the plain loop itself fails: {error}; try fewer steps") from None
        comparison = compare(workload, workload.everyone(), REPEATS, truth=truth, limit=limit)
    sizes = f"{steps} steps of {batch} rows, {input_size} features, {hidden_size} units"
    console.print(f"{cell}: {sizes}; float32, threads: {torch.get_num_threads()}\n", soft_wrap=True)
    console.print(table(comparison), soft_wrap=True)
    console.print(f"\n{LEGEND.format(repeats=REPEATS)}\n")
    console.print(f"processor: {place['processor']}; target: {place.get('target', 'none')}", soft_wrap=True)
    for name, why in obstacles.items():
        console.print(f"not {name}: {why}", soft_wrap=True)
    if comparison.swing > BUSY:
        console.print(f"note: times swung by {comparison.swing:.0%}: the machine is busy, and they mean little")
    if comparison.wrong:
        raise typer.Exit(1)


def table(comparison: "Comparison") -> str:
    """A comparison as text of at most 80 columns; a wrong result has no times."""
    floor, loop = comparison.floor, comparison.speeds.get("reference")
    lines = [f"{'':14}{'forward':^28}{'forward + backward':>23}", f"{'':14}{_HEAD}{_HEAD}{'error':>9}"]
    for name, speed in comparison.speeds.items():
        forward = _times(speed.forward, floor, loop and loop.forward)
        training = _times(speed.training, floor and 3 * floor, loop and loop.training)
        lines.append(f"{name:14}{forward}{training}{speed.error:9.0e}")
    if floor is not None:
        lines.append(f"{'floor':14}{_times(floor, floor, None)}{_times(3 * floor, 3 * floor, None)}".rstrip())
    lines += [f"{name:14}FAILED: {why}" for name, why in comparison.wrong.items()]
    return "\n".join(lines)


_HEAD = f"{'ms':>10}{'/floor':>8}{'speed-up':>10}"


def _times(seconds: float, floor: float | None, loop: float | None) -> str:
    over = "" if floor is None else f"{seconds / floor:.2f}"
    faster = "" if loop is None else f"{loop / seconds:.1f}"
    return f"{seconds * 1e3:10.3f}{over:>8}{faster:>10}"
