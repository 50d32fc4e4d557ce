"""Runs benchmarks by name, one JSON file a seed, and writes the kept figures into docs/benchmarks.md.

    python benchmarks/run.py --list
    OSTINATO_DATA=path/to/data python benchmarks/run.py etth1_96 tinyshakespeare --seeds 0 1 --out results/
    python benchmarks/run.py --page

Settings are chosen on the part "validation"; the part "test" is scored once, after training. `--page` reads the JSON
files in benchmarks/results: what shall stand on the page is moved there by hand.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import torch
from benchmark import Benchmark, Run, data_file, timed
from page import counted, table, write_page
from registry import BENCHMARKS, named
from results import Result

import ostinato
from ostinato import OstinatoError
from ostinato.cli.settings import merged
from ostinato.engine.target import processor
from ostinato.training import Interrupted


def one_run(name: str, run: Run, changed: dict[str, Any]) -> Result:
    """Measures, and tells every row as it comes."""
    benchmark = BENCHMARKS[name]
    torch.set_num_threads(run.num_threads)

    def measured() -> tuple[dict[str, dict[str, float | None]], dict[str, str]]:
        figures: dict[str, dict[str, float | None]] = {}
        failures: dict[str, str] = {}
        for row in benchmark.load()(run):
            if row.failure:
                failures[row.name] = row.failure
            else:
                figures[row.name] = dict(row.figures)
            told = row.failure or "  ".join(f"{metric} {figure:.4g}" for metric, figure in row.figures.items())
            print(f"{'FAILED ' * bool(row.failure)}{row.name}: {told}", flush=True)
        return figures, failures

    (figures, failures), seconds = timed(measured)
    return Result(
        benchmark=name,
        part=run.part,
        seed=run.seed,
        figures=figures,
        failures=failures,
        notes=run.notes,
        seconds=round(seconds, 2),
        settings={**run.settings, **run.options},
        changed=changed,
        num_threads=run.num_threads,
        processor=f"{processor()} ({torch.backends.cpu.get_cpu_capability()})",
        torch=torch.__version__,
        ostinato=ostinato.__version__,
        date=date.today().isoformat(),
    )


def runs_of(benchmark: Benchmark, name: str, arguments: argparse.Namespace, changed: dict[str, Any]) -> list[Run]:
    """A run for every seed.

    Raises:
        OstinatoError: For a part, a setting or a data file that is not there.
    """
    try:
        part = benchmark.part(arguments.part)
        seeds = benchmark.seeded(arguments.seeds)
        settings, options = benchmark.chosen(changed)
        if arguments.models and not settings:
            raise OstinatoError("--models: it keeps no model; leave it out")
        for file in benchmark.data:
            data_file(file)
    except OstinatoError as error:
        raise OstinatoError(f"{name}: {error}") from None
    num_threads = arguments.num_threads or benchmark.num_threads
    return [
        Run(
            settings={**settings, "seed": seed, "num_threads": num_threads} if settings else {},
            options=dict(options),
            part=part,
            seed=seed,
            num_threads=num_threads,
            first=seed == seeds[0],
            folder=arguments.models / f"{name}-seed{seed}" if arguments.models else None,
        )
        for seed in seeds
    ]


def run_all(names: Sequence[str], arguments: argparse.Namespace) -> bool:
    """Runs what was asked for, and says whether all checks held. What is missing is told before any work."""
    changed = merged({}, arguments.set)
    planned = {name: runs_of(benchmark, name, arguments, changed) for name, benchmark in named(names).items()}
    right = True
    for name, runs in planned.items():
        results = []
        for run in runs:
            told = f"part {run.part}, seed {run.seed}, threads {run.num_threads}"
            print(f"\n{name}, {told}: {run.settings | run.options}", flush=True)
            result = one_run(name, run, changed)
            print(f"{result.seconds:.0f} s; written to {result.write(arguments.out)}", flush=True)
            results.append(result)
            right = right and not result.failures
        print(f"\n{table(results)}", flush=True)
    return right


def listed() -> str:
    """A line or two for every benchmark."""
    lines = []
    for name, benchmark in BENCHMARKS.items():
        lines.append(f"{name:<24} {benchmark.what}")
        lines.append(f"{'':<24} about {benchmark.minutes:g} min, {counted(benchmark.num_threads, 'thread')}")
        if benchmark.seeds:
            lines[-1] += f"; seeds {', '.join(map(str, benchmark.seeds))}"
        if benchmark.parts:
            lines[-1] += f"; scores {' or '.join(benchmark.parts)}"
        if benchmark.data:
            lines.append(f"{'':<24} reads {', '.join(benchmark.data)}")
        if benchmark.options:
            options = " ".join(f"{option}={value}" for option, value in benchmark.options.items())
            lines.append(f"{'':<24} --set {options}")
        lines += [f"{'':<24} beside {who}: {dict(figures)}" for who, figures in benchmark.published.items()]
    return "\n".join(lines)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: at least 1")
    return number


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = made.add_mutually_exclusive_group(required=True)
    what.add_argument("names", nargs="*", default=[], metavar="NAME", help="what to run")
    what.add_argument("--all", action="store_true", help="run all but what takes a day, for hours")
    what.add_argument("--list", action="store_true", help="say what there is, and end")
    what.add_argument("--page", action="store_true", help="write docs/benchmarks.md from the kept figures, and end")
    made.add_argument("--seeds", type=int, nargs="+", metavar="N", help="instead of the benchmark's own")
    made.add_argument("--part", choices=("test", "validation"), help="what is scored; tune on validation only")
    made.add_argument("--num-threads", "--threads", type=positive, metavar="N", help="CPU threads")
    made.add_argument("--set", action="append", metavar="NAME=VALUE", help="another setting, or option of a benchmark")
    made.add_argument("--out", type=Path, default=Path("results"), help="folder of the JSON files (%(default)s)")
    made.add_argument("--models", type=Path, metavar="FOLDER", help="keep models and their metrics.jsonl there")
    return made


def main(words: Sequence[str] | None = None) -> None:
    arguments = parser().parse_args(words)
    try:
        if arguments.list:
            print(listed())
        elif arguments.page:
            write_page()
        else:
            names = arguments.names or [name for name, benchmark in BENCHMARKS.items() if benchmark.routine]
            if not run_all(names, arguments):
                sys.exit(1)
    except OstinatoError as error:
        sys.exit(str(error))
    except Interrupted:
        print("interrupted: this run is not written", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
