"""Translating image captions from German to English, Multi30k task 1 (Elliott et al. 2016): BLEU and chrF on test2016.

    OSTINATO_DATA=path/to/data python benchmarks/translate.py --seed 0

The raw files are read as they are; 29,000 pairs train, 1,014 choose the epoch, the 1,000 of the test are scored once,
at the end. BLEU is sacreBLEU's with its tokens "13a". The recipe makes all texts lower-case, references too; against
references as they are, each word is given the case it has most often in the training texts, the first one a capital.
With `--cased` nothing is made lower-case. `--backend aten` trains the same model on torch's own kernels.
"""

import argparse
import gzip
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from recipes import TRANSLATE

from ostinato.cli.settings import merged
from ostinato.data.pairs import ParallelTexts
from ostinato.tasks import Translator
from ostinato.tasks.translation.scores import translation_scores
from ostinato.training import TrainingLogger


def pairs(folder: Path, name: str) -> ParallelTexts:
    sides = []
    for language in ("de", "en"):
        path = folder / "multi30k" / f"{name}.{language}.gz"
        if not path.exists():
            sys.exit(f"{path} is missing: OSTINATO_DATA must name the folder with the public data sets")
        with gzip.open(path, "rt", encoding="utf-8") as file:
            sides.append(file.read().splitlines())
    return ParallelTexts.of(list(zip(*sides, strict=True)))


WORD = re.compile(r"\w+")


def recased(texts: Sequence[str], like: Sequence[str]) -> list[str]:
    """Lower-case texts with each word in the case that it has most often in others, but for their first words."""
    forms = Counter(word for text in like for word in WORD.findall(text)[1:])
    usual = {form.lower(): form for form, _ in reversed(forms.most_common())}
    given = (WORD.sub(lambda word: usual.get(word[0], word[0]), text) for text in texts)
    return [text[:1].upper() + text[1:] for text in given]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=TRANSLATE, default="multi30k", help="named settings, of recipes.py")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--num-threads", type=int, default=2)
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
    torch.set_num_threads(arguments.num_threads)
    folder = Path(os.environ["OSTINATO_DATA"])
    settings = TRANSLATE[arguments.recipe] | {"seed": arguments.seed, "backend": arguments.backend}
    settings |= {"lowercase": False} if arguments.cased else {}
    settings |= merged({}, arguments.set)
    print(f"multi30k de-en, {arguments.num_threads} threads: {settings}", flush=True)
    began = time.perf_counter()
    logger = TrainingLogger(arguments.out, progress=False)
    training = pairs(folder, "train")
    translator = Translator(**settings).fit(training, pairs(folder, "val"), logger=logger)
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
    if translator.settings.lowercase:
        scores = translation_scores(recased(translator.translate(test.sources), training.targets), test.targets)
        print(f"recased, against references as they are: bleu {scores['bleu']:.4g}")


if __name__ == "__main__":
    main()
