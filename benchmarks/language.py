"""Language models of public texts: their scores, the baselines', and how fast they write.

tinyshakespeare: characters, trained on the first 90 % and scored on the rest, which also chose the weights kept, as is
customary there. ptb: words, the line end among them, 10,000 known; each part is read as one stream, and with the test
part the validation part is scored too. The same model is then timed on torch's own kernels (backend "aten"). With the
option `dynamic` each part is also scored by dynamic evaluation.
"""

import math
import statistics
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from benchmark import Row, Run, data_file, median_seconds, rows_of, timed

from ostinato import LanguageModel
from ostinato.data import Corpus, StreamBatches
from ostinato.data.tokenizers import TOKENIZERS
from ostinato.tasks.language.network import LanguageNetwork
from ostinato.tasks.language.settings import LanguageSettings

TYPED = ["the ", "the co", "he said that ", "in the la", "and ", "a good m", "of th", "we have n", "for ", "to be "]


class Parts(NamedTuple):
    """A text, the one that chooses the weights, those to score by name, and how what it writes begins."""

    train: list[str]
    validation: list[str]
    scored: dict[str, list[str]]
    prompt: str


def tinyshakespeare(run: Run) -> Iterator[Row]:
    """1.1 million characters."""
    text = data_file("tinyshakespeare/input.txt").read_text()
    cut = int(len(text) * 0.9)
    return figures(run, Parts([text[:cut]], [text[cut:]], {"": [text[cut:]]}, "ROMEO:\n"))


def ptb(run: Run) -> Iterator[Row]:
    """A sentence a line."""
    train, valid = ([data_file(f"ptb/{name}.txt").read_text()] for name in ("train", "valid"))
    test = {"": [data_file("ptb/test.txt").read_text()], "validation: ": valid}
    scored = test if run.part == "test" else {"": valid}
    return figures(run, Parts(train, valid, scored, " the company said "))


def figures(run: Run, parts: Parts) -> Iterator[Row]:
    model, seconds = run.train(LanguageModel, parts.train, parts.validation)
    for prefix, text in parts.scored.items():
        own = {} if prefix else {"train_seconds": seconds}
        yield from rows_of(model.evaluate(text), prefix, **own)
        if run.options["dynamic"]:
            dynamic = model.perplexity(text, dynamic=True)
            scores = {"perplexity": dynamic, "nats_per_unit": math.log(dynamic)}
            yield Row(f"{prefix}ostinato, dynamic evaluation", scores)
    yield from speeds(model, parts.prompt)
    yield step_row(run.settings, parts)


def speeds(model: LanguageModel, prompt: str) -> Iterator[Row]:
    """How fast it writes and suggests."""
    length = 500
    one = median_seconds(lambda: "".join(model.generate(prompt, length=length, seed=0)), 3)
    many = median_seconds(lambda: model.generate_many([prompt] * 64, length=length, seed=0), 3)
    yield Row("writing, units", {"per_second": length / one})
    yield Row("writing in 64 streams, units", {"per_second": 64 * length / many})
    each = [1000 * timed(lambda text=text: model.suggest(text))[1] for text in TYPED]
    yield Row("suggesting", {"median_ms": statistics.median(each), "longest_ms": max(each)})


def step_row(settings: dict[str, Any], parts: Parts) -> Row:
    """A training step on both backends; where their losses differ there is no time."""
    (ours, loss), (theirs, its_loss) = (step_seconds(settings, parts, backend) for backend in ("auto", "aten"))
    if abs(loss - its_loss) >= 1e-3:
        return Row("a training step", {}, f"losses differ from torch's kernels ({loss:.4f}, {its_loss:.4f})")
    times = {"step_ms": 1000 * ours, "torch_step_ms": 1000 * theirs, "training_x_torch": theirs / ours}
    return Row("a training step", times)


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

    return median_seconds(work, steps), work()
