"""Translating image captions from German to English, Multi30k task 1 (Elliott et al. 2016): BLEU and chrF on test2016.

    OSTINATO_DATA=path/to/data python benchmarks/translate.py --seed 0

The raw files are read as they are; 29,000 pairs train, 1,014 choose the epoch, the 1,000 of the test are scored once,
at the end. BLEU is sacreBLEU's with its tokens "13a". The recipe makes all texts lower-case, references too; with
`--cased` nothing is. `--backend aten` trains the same model on torch's own kernels.
"""

import argparse
import gzip
import os
import sys
import time
from pathlib import Path

import torch

from ostinato.cli.settings import merged
from ostinato.data.pairs import Pairs
from ostinato.tasks import Translator
from ostinato.tasks.translation.recipes import BENCHMARKS
from ostinato.training import Report


def pairs(folder: Path, name: str) -> Pairs:
    sides = []
    for language in ("de", "en"):
        path = folder / "multi30k" / f"{name}.{language}.gz"
        if not path.exists():
            sys.exit(f"{path} is missing: OSTINATO_DATA must name the folder with the public data sets")
        with gzip.open(path, "rt", encoding="utf-8") as file:
            sides.append(file.read().splitlines())
    return Pairs.of(list(zip(*sides, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=BENCHMARKS, default="multi30k", help="named settings of the package")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--cased", action="store_true", help="leave upper and lower case as they are")
    parser.add_argument("--set", action="append", metavar="NAME=VALUE", help="another setting than the recipe's")
    parser.add_argument(
        "--part", default="test_2016_flickr", choices=["test_2016_flickr", "val"], help="what is scored"
    )
    parser.add_argument("--out", type=Path, help="folder for the model and metrics.jsonl, the loss of every epoch")
    arguments = parser.parse_args()
    if "OSTINATO_DATA" not in os.environ:
        sys.exit("set OSTINATO_DATA to the folder with the public data sets")
    torch.set_num_threads(arguments.threads)
    folder = Path(os.environ["OSTINATO_DATA"])
    settings = BENCHMARKS[arguments.recipe] | {"seed": arguments.seed, "backend": arguments.backend}
    settings |= {"lowercase": False} if arguments.cased else {}
    settings |= merged({}, arguments.set)
    print(f"multi30k de-en, {arguments.threads} threads: {settings}", flush=True)
    began = time.perf_counter()
    report = Report(arguments.out, progress=False)
    translator = Translator(**settings).fit(pairs(folder, "train"), pairs(folder, "val"), report=report)
    print(f"{translator.summary()} Trained in {time.perf_counter() - began:.0f} s.", flush=True)
    if arguments.out is not None:
        translator.save(arguments.out)
    test = pairs(folder, arguments.part)
    for beam_size in (1, translator.settings.beam_size):
        began = time.perf_counter()
        table = translator.evaluate(test, beam_size=beam_size)
        seconds = time.perf_counter() - began
        print(f"{arguments.part}, beam {beam_size}, {seconds:.0f} s:\n{table}")
        for name, scores in table.rows.items():
            print(f"{name} beam {beam_size} " + " ".join(f"{metric} {figure:.4g}" for metric, figure in scores.items()))


if __name__ == "__main__":
    main()
