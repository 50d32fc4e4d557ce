"""Sentiment of single sentences, SST-2 without its phrases: accuracy, F1, ROC AUC and calibration.

Everything is trained from scratch on the 6,920 training sentences. Settings, and when to stop, were chosen on the dev
file alone; the test file is scored once, after training. Beside the recipe: its baselines, the same model on torch's
own kernels (backend "aten"), and a bidirectional LSTM written with torch alone.
"""

from collections.abc import Iterator

import numpy as np
import torch
from benchmark import Row, Run, data_file, rows_of, timed
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


def sst2(run: Run) -> Iterator[Row]:
    files = {part: data_file(f"sst2/stsa.binary.{part}") for part in ("train", "dev", "test")}
    read = SequenceClassifier(layout="lines").read
    train, dev = read(files["train"]), read(files["dev"])
    scored = read(files["test"]) if run.part == "test" else dev
    targets = np.array(scored.require_labels(), np.int64)

    def row(name: str, shares: np.ndarray, seconds: float) -> Row:
        own = {"ece": calibration_error(shares, targets), "train_seconds": seconds}
        return Row(name, scores_of(shares, targets) | own)

    def predicted(model: SequenceClassifier) -> np.ndarray:
        return model.predict(scored.texts)[["p(0)", "p(1)"]].to_numpy()

    model, seconds = run.train(SequenceClassifier, files["train"], files["dev"])
    yield row("ostinato", predicted(model), seconds)
    if run.first:
        yield from (baseline for baseline in rows_of(model.evaluate(scored)) if baseline.name != "ostinato")
        run.say(model.report(scored))
        same, seconds = run.train(SequenceClassifier, files["train"], files["dev"], backend="aten")
        yield row("the same, backend aten", predicted(same), seconds)
    shares, seconds = timed(lambda: plain(train, dev, scored, run.seed))
    yield row("plain torch BiLSTM", shares, seconds)
