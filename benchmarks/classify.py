"""Sentiment of single sentences, SST-2 without its phrases: accuracy, F1, ROC AUC and calibration on the test file.

    OSTINATO_DATA=path/to/data python benchmarks/classify.py --seeds 0 1 2

Everything is trained from scratch on the 6,920 training sentences. Settings, and when to stop, were chosen on the dev
file alone; the test file is scored once, after training. Beside the recipe: its baselines, the same model on torch's
own kernels (backend "aten"), and a bidirectional LSTM written with torch alone.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recipes import CLASSIFY
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ostinato import SequenceClassifier
from ostinato.data import BucketBatches, LabelledSequences
from ostinato.modalities import Text
from ostinato.tasks.classification.batches import Batch, gathered
from ostinato.tasks.classification.calibration import calibration_error, probabilities
from ostinato.tasks.classification.scores import scores_of


class PlainBiLSTM(nn.Module):
    """What most people write first: embedding, packed bidirectional LSTM, maximum over time, dropout, linear map."""

    def __init__(self, words: int, size: int = 100, hidden: int = 100) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, size, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=0.1)  # torch's own 1.0 costs it five points on the dev file
        self.lstm = nn.LSTM(size, hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(2 * hidden, 2)

    def forward(self, batch: Batch) -> Tensor:
        x = self.dropout(self.embedding(batch.x))
        packed = pack_padded_sequence(x, batch.lengths, batch_first=True, enforce_sorted=False)
        y, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, padding_value=-torch.inf)
        return self.output(self.dropout(y.amax(1)))  # type: ignore[no-any-return]


def plain(
    train: LabelledSequences, dev: LabelledSequences, test: LabelledSequences, seed: int, epochs: int = 6
) -> np.ndarray:
    """Its probabilities on the test file, with the weights that were best on the dev file."""
    torch.manual_seed(seed)
    inputs = Text.of(train.texts, SequenceClassifier(split="whitespace").settings)
    steps = {part: [inputs.steps(text) for text in part.texts] for part in (train, dev, test)}
    targets = {part: np.array(part.require_labels(), np.int64) for part in (train, dev, test)}
    model = PlainBiLSTM(len(inputs.tokenizer))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def batch_of(part: LabelledSequences, rows: np.ndarray) -> Batch:
        return gathered([steps[part][row] for row in rows], targets[part][rows])

    def told(part: LabelledSequences) -> np.ndarray:
        model.eval()
        with torch.no_grad():
            parts = [model(batch_of(part, rows)) for rows in np.array_split(np.arange(len(part)), 8)]
        return probabilities(torch.cat(parts).double().numpy())

    lengths = np.array([len(each) for each in steps[train]])
    batches = BucketBatches(lengths, 50, lambda rows: batch_of(train, rows), seed=seed)
    best, kept = 0.0, told(test)
    for epoch in range(epochs):
        model.train()
        for batch in batches.epoch(epoch):
            optimizer.zero_grad()
            F.cross_entropy(model(batch), batch.target).backward()
            optimizer.step()
        accuracy = float((told(dev).argmax(1) == targets[dev]).mean())
        if accuracy > best:
            best, kept = accuracy, told(test)
    return kept


def line(name: str, shares: np.ndarray, targets: np.ndarray, seconds: float) -> dict[str, float]:
    scores = scores_of(shares, targets) | {"ece": calibration_error(shares, targets), "seconds": seconds}
    print(
        f"{name:38} accuracy {100 * scores['accuracy']:5.2f}  F1 {100 * scores['f1']:5.2f}  "
        f"AUC {100 * scores['auc']:5.2f}  ECE {100 * scores['ece']:5.2f}  {seconds:5.0f} s",
        flush=True,
    )
    return scores


def fitted(settings: dict[str, Any], files: dict[str, Path]) -> tuple[SequenceClassifier, float]:
    began = time.perf_counter()
    model = SequenceClassifier(**settings).fit(files["train"], validation=files["dev"])
    return model, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=CLASSIFY, default="sst2", help="named settings, of recipes.py")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--part", choices=("dev", "test"), default="test", help="the file to score; tune on dev only")
    parser.add_argument("--num-threads", type=int, default=1)
    arguments = parser.parse_args()
    if "OSTINATO_DATA" not in os.environ:
        sys.exit("set OSTINATO_DATA to the folder with the public data sets")
    folder = Path(os.environ["OSTINATO_DATA"]) / "sst2"
    files = {part: folder / f"stsa.binary.{part}" for part in ("train", "dev", "test")}
    for path in files.values():
        if not path.exists():
            sys.exit(f"{path} is missing: OSTINATO_DATA must name the folder with the public data sets")
    torch.set_num_threads(arguments.num_threads)
    recipe = {**CLASSIFY[arguments.recipe], "num_threads": arguments.num_threads}
    print(f"SST-2, {arguments.part} file, recipe {arguments.recipe}, seeds {arguments.seeds}: {recipe}", flush=True)
    read = SequenceClassifier(layout="lines").read
    train, dev, scored = read(files["train"]), read(files["dev"]), read(files[arguments.part])
    targets = np.array(scored.require_labels(), np.int64)
    rows: dict[str, list[dict[str, float]]] = {}

    def count(name: str, seed: int, shares: np.ndarray, seconds: float) -> None:
        rows.setdefault(name, []).append(line(f"{name}, seed {seed}", shares, targets, seconds))

    for seed in arguments.seeds:
        model, seconds = fitted({**recipe, "seed": seed}, files)
        count("ostinato", seed, model.predict(scored.texts)[["p(0)", "p(1)"]].to_numpy(), seconds)
        if seed == arguments.seeds[0]:
            print(model.summary())
            print(model.evaluate(scored))
            print(model.report(scored))
            same, seconds = fitted({**recipe, "seed": seed, "backend": "aten"}, files)
            count("the same, backend aten", seed, same.predict(scored.texts)[["p(0)", "p(1)"]].to_numpy(), seconds)
        began = time.perf_counter()
        count("plain torch BiLSTM", seed, plain(train, dev, scored, seed), time.perf_counter() - began)
    for name, scores in rows.items():
        accuracies = [100 * score["accuracy"] for score in scores]
        mean, spread = np.mean(accuracies), np.ptp(accuracies)
        print(f"{name}: mean accuracy {mean:.2f} of {len(scores)} seeds, {spread:.2f} apart")


if __name__ == "__main__":
    main()
