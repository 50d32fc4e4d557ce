"""Figures as tables of Markdown, and docs/benchmarks.md with them between its markers."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from registry import BENCHMARKS, named
from results import Result, figures_of, read_results

from ostinato import OstinatoError

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
KEPT = Path(__file__).parent / "results"
BLOCK = re.compile(r"(<!-- figures: ([\w ]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
"""``<!-- figures: NAME NAME -->``, the table, ``<!-- end of figures -->``."""


class Form(NamedTuple):
    """How a metric is shown: times a scale, with so many decimals, or three digits in all."""

    heading: str
    decimals: int | None = None
    scale: float = 1

    def spelled(self, figure: float) -> str:
        return f"{self.scale * figure:.3g}" if self.decimals is None else f"{self.scale * figure:,.{self.decimals}f}"


FORMS = {
    "mse": Form("MSE", 3),
    "mae": Form("MAE", 3),
    "nats_per_unit": Form("nats per unit", 3),
    "perplexity": Form("perplexity", 1),
    "bleu": Form("BLEU", 1),
    "accuracy": Form("accuracy, %", 1, 100),
    "accuracy_of_names": Form("accuracy of names, %", 1, 100),
    "accuracy_in_stream": Form("in a stream, %", 1, 100),
    "false_alarms_per_hour": Form("false alarms an hour at 5 % missed", 1),
    "f1": Form("F1, %", 1, 100),
    "slot_f1": Form("slot F1, %", 1, 100),
    "request": Form("all slots right, %", 1, 100),
    "ece": Form("confidence error, %", 1, 100),
    "recall_1_of_10": Form("true reply of ten, %", 1, 100),
    "distinct_1": Form("distinct words, %", 1, 100),
    "distinct_2": Form("distinct pairs, %", 1, 100),
    "train_seconds": Form("training, min", 1, 1 / 60),
    "forward_x_torch": Form("forward, x torch", 2),
    "training_x_torch": Form("training, x torch", 2),
    "forward_over_floor": Form("forward / floor", 1),
    "training_over_floor": Form("training / floor", 1),
    "step_ms": Form("a step, ms", 1),
    "look_in_steps": Form("a look, in steps", 2),
    "adds": Form("adds, %", 1, 100),
    "per_second": Form("a second", 0),
    "peak_mb": Form("peak memory, MB", 0),
    "compiles_and_is_right": Form("compiles and is right", 0),
}


def form_of(metric: str) -> Form:
    return FORMS.get(metric, Form(metric.replace("_", " ")))


def shown(metric: str, figures: Sequence[float]) -> str:
    """The mean, and where several differ as shown, the smallest and the largest."""
    if not figures:
        return "–"
    middle, least, most = (form_of(metric).spelled(pick(figures)) for pick in (mean, min, max))
    return middle if least == most else f"{middle} ({least} to {most})"


def table(results: Sequence[Result], metrics: Sequence[str] = ()) -> str:
    """What some runs measured, a row for each thing, beside what is published.

    Args:
        results: In the order of the rows; runs of one benchmark and part that differ in their seed share rows.
        metrics: The columns; none for all there are.
    """
    several = len({result.benchmark for result in results}) > 1
    lines: list[tuple[str, dict[str, list[float]]]] = []
    for (name, part), runs in groupby(results, key=lambda result: (result.benchmark, result.part)):
        benchmark = BENCHMARKS[name]
        aside = f" ({part} part)" if part != benchmark.part(None) else ""
        rows = {row + aside: figures for row, figures in figures_of(runs).items()}
        if not aside:
            rows |= {row: {m: [f] for m, f in figures.items()} for row, figures in benchmark.published.items()}
        lines += [(f"{name}: {row}" if several else row, figures) for row, figures in rows.items()]
    columns = metrics or list(dict.fromkeys(metric for _, figures in lines for metric in figures))
    columns = [metric for metric in columns if any(metric in figures for _, figures in lines)]
    cells = [["", *(form_of(metric).heading for metric in columns)]]
    cells += [[row, *(shown(m, figures.get(m, [])) for m in columns)] for row, figures in lines]
    return _aligned([line for line in cells if any(cell != "–" for cell in line[1:])])


def conditions(results: Iterable[Result]) -> str:
    """On what, when and with which seeds, a line for each machine and date."""
    by_place: dict[str, dict[str, list[str]]] = {}
    for result in results:
        source = f", entered by hand from {result.transcribed}" if result.transcribed else ""
        place = (
            f"{counted(result.num_threads, 'thread')}, {result.processor}, torch {result.torch}, {result.date}{source}."
        )
        seeds = by_place.setdefault(place, {}).setdefault(result.benchmark, [])
        if result.seed is not None and str(result.seed) not in seeds:
            seeds.append(str(result.seed))
    return "\n".join(f"{', '.join(map(_with_seeds, runs, runs.values()))}: {place}" for place, runs in by_place.items())


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _with_seeds(name: str, seeds: Sequence[str]) -> str:
    return f"`{name}`" + (f" (seed{'s' * (len(seeds) > 1)} {', '.join(seeds)})" if seeds else "")


def filled(text: str, results: Sequence[Result]) -> str:
    """A page with the figures of results between its markers.

    Raises:
        OstinatoError: For figures of changed settings, of a benchmark that is unknown or that the page does not show,
            or a marker without figures.
    """
    for result in results:
        named([result.benchmark])
        if result.changed:
            changes = ", ".join(f"{name}={value}" for name, value in result.changed.items())
            raise OstinatoError(f"{result.name}: measured with {changes}, not with the registry's settings")
        if result.failures:
            raise OstinatoError(f"{result.name}: a check failed ({next(iter(result.failures))})")
    asked: set[str] = set()

    def block(match: re.Match[str]) -> str:
        wanted = match[2].split()
        named(wanted)
        asked.update(wanted)
        found = [result for name in wanted for result in _usual_part_first(name, results)]
        if missing := [name for name in wanted if not any(result.benchmark == name for result in found)]:
            raise OstinatoError(f"the page asks for figures of {missing[0]}, of which there are none")
        metrics = dict.fromkeys(metric for name in wanted for metric in BENCHMARKS[name].metrics)
        return f"{match[1]}\n{table(found, list(metrics))}\n\n{conditions(found)}\n\n{match[3]}"

    written = BLOCK.sub(block, text)
    if left := sorted({result.benchmark for result in results} - asked):
        raise OstinatoError(f"figures of {left[0]} have no marker on the page: add <!-- figures: {left[0]} -->")
    return written


def write_page() -> None:
    """Writes the kept figures into docs/benchmarks.md."""
    PAGE.write_text(filled(PAGE.read_text(), read_results(KEPT)))


def _usual_part_first(name: str, results: Iterable[Result]) -> list[Result]:
    usual = BENCHMARKS[name].part(None)
    return sorted((each for each in results if each.benchmark == name), key=lambda each: each.part != usual)


def _aligned(cells: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    rows = [
        "| " + " | ".join(cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in pairs) + " |"
        for pairs in (enumerate(zip(line, widths, strict=True)) for line in cells)
    ]
    rule = "|" + "|".join("-" * (width + 1) + (":" if place else "-") for place, width in enumerate(widths)) + "|"
    return "\n".join([rows[0], rule, *rows[1:]])
