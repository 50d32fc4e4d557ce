"""Language models of public texts: their scores, the baselines', and how fast they write.

    OSTINATO_DATA=path/to/data python benchmarks/language.py --dataset tinyshakespeare

tinyshakespeare: characters, trained on the first 90 % and scored on the rest, which also chose the weights kept, as is
customary there. ptb: words, the line end among them, 10,000 known; scored on the validation and the test part, each
read as one stream. The same model is then timed on torch's own kernels (backend "aten").
"""

import argparse
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from recipes import LANGUAGE

from ostinato import LanguageModel
from ostinato.data import Corpus, StreamBatches
from ostinato.data.tokenizers import TOKENIZERS
from ostinato.tasks.language.network import LanguageNetwork
from ostinato.tasks.language.settings import LanguageSettings
from ostinato.training import TrainingLogger

PROMPT = {"tinyshakespeare": "ROMEO:\n", "ptb": " the company said "}
TYPED = ["the ", "the co", "he said that ", "in the la", "and ", "a good m", "of th", "we have n", "for ", "to be "]


class Parts(NamedTuple):
    """A text, the one that chooses the weights, and those to score by name."""

    train: list[str]
    validation: list[str]
    scored: dict[str, list[str]]


def tinyshakespeare(folder: Path) -> Parts:
    """Plays of Shakespeare, 1.1 million characters (Karpathy 2015)."""
    text = existing(folder / "tinyshakespeare" / "input.txt").read_text()
    cut = int(len(text) * 0.9)
    return Parts([text[:cut]], [text[cut:]], {"validation": [text[cut:]]})


def ptb(folder: Path) -> Parts:
    """Penn Treebank as prepared by Mikolov et al. (2010), a sentence a line."""
    train, valid, test = ([existing(folder / "ptb" / f"{name}.txt").read_text()] for name in ("train", "valid", "test"))
    return Parts(train, valid, {"validation": valid, "test": test})


DATASETS = {"tinyshakespeare": tinyshakespeare, "ptb": ptb}
RECIPES = {"tinyshakespeare": "char_shakespeare", "ptb": "ptb"}


def existing(path: Path) -> Path:
    if not path.exists():
        sys.exit(f"{path} is missing: OSTINATO_DATA must name the folder with the public data sets")
    return path


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """The median over some repeats, after one that is not counted."""
    work()
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def step_seconds(settings: dict[str, Any], parts: Parts, backend: str, steps: int = 10) -> tuple[float, float]:
    """Of one training step (forward and backward), and its loss, of a new model on a backend."""
    chosen = LanguageSettings(**settings | {"backend": backend})
    tokenizer = TOKENIZERS[chosen.tokenizer].learn(parts.train, split=chosen.split)
    corpus = Corpus.encode([parts.train[0][:400_000]], tokenizer)
    torch.manual_seed(0)
    network = LanguageNetwork(chosen, len(tokenizer))
    batch = next(StreamBatches(*corpus.streams(chosen.batch_size), chunk=chosen.bptt_steps).epoch(0))

    def work() -> float:
        network.zero_grad()
        torch.manual_seed(0)
        loss = network(*batch).nats / batch[0].numel()
        loss.backward()
        return loss.item()

    return seconds(work, steps), work()


def speeds(model: LanguageModel, dataset: str) -> None:
    """How fast it writes and suggests."""
    length, prompt = 500, PROMPT[dataset]
    one = seconds(lambda: "".join(model.generate(prompt, length=length, seed=0)), 3)
    many = seconds(lambda: model.generate_many([prompt] * 64, length=length, seed=0), 3)
    print(f"writing: {length / one:,.0f} units a second in one stream, {64 * length / many:,.0f} in 64 streams")
    each = []
    for text in TYPED:
        began = time.perf_counter()
        model.suggest(text)
        each.append(1000 * (time.perf_counter() - began))
    print(f"suggesting: {statistics.median(each):.2f} ms, {max(each):.2f} ms at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=DATASETS, required=True)
    parser.add_argument("--full", action="store_true", help="the published settings, for a day or a GPU (ptb)")
    parser.add_argument("--max-minutes", type=float, help="stop training after so many")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--backend", default="auto", help="of the training")
    parser.add_argument("--dynamic", action="store_true", help="score by dynamic evaluation too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--num-threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="folder for checkpoints and the model")
    arguments = parser.parse_args()
    if "OSTINATO_DATA" not in os.environ:
        sys.exit("set OSTINATO_DATA to the folder with the public data sets")
    torch.set_num_threads(arguments.num_threads)
    dataset = arguments.dataset
    recipe = RECIPES[dataset] + ("_full" if arguments.full else "")
    if recipe not in LANGUAGE:
        sys.exit(f"--full: there are no published settings for {dataset}")
    parts = DATASETS[dataset](Path(os.environ["OSTINATO_DATA"]))
    settings: dict[str, Any] = {**LANGUAGE[recipe], "seed": arguments.seed, "backend": arguments.backend}
    if arguments.epochs:
        settings["epochs"] = arguments.epochs
    if arguments.max_minutes:
        settings["max_seconds"] = 60 * arguments.max_minutes
    print(f"{dataset}, recipe {recipe}, {arguments.num_threads} threads: {settings}", flush=True)
    began = time.perf_counter()
    logger = None if arguments.out is None else TrainingLogger(arguments.out)
    model = LanguageModel(**settings).fit(parts.train, validation=parts.validation, folder=arguments.out, logger=logger)
    print(f"{model.summary()} Trained in {time.perf_counter() - began:.0f} s.", flush=True)
    if arguments.out is not None:
        model.save(arguments.out)
    for name, text in parts.scored.items():
        for kind, scores in model.evaluate(text).rows.items():
            figures = f"perplexity {scores['perplexity']:.2f}, {scores['nats_per_unit']:.4f} nats per unit"
            print(f"{name}: {kind} {figures}, {scores['bits_per_char']:.4f} bits per character", flush=True)
        if arguments.dynamic:
            dynamic = model.perplexity(text, dynamic=True)
            print(
                f"{name}: ostinato, dynamic evaluation: perplexity {dynamic:.2f}, {math.log(dynamic):.4f} nats per unit"
            )
    speeds(model, dataset)
    (ours, loss), (theirs, its_loss) = (step_seconds(settings, parts, backend) for backend in ("auto", "aten"))
    agree = abs(loss - its_loss) < 1e-3
    print(f"a training step: {1000 * ours:.1f} ms, on torch's kernels {1000 * theirs:.1f} ms", end="")
    print(f", {theirs / ours:.2f} times faster" if agree else f"; losses differ ({loss:.4f}, {its_loss:.4f}): no ratio")


if __name__ == "__main__":
    main()
