"""A verb that the command line has never heard of: how long a line is, from how often one letter stands in it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pandas as pd
import torch
from pydantic import Field
from torch import nn

from ostinato.data import IndexBatches
from ostinato.options import DATA, Option
from ostinato.tasks.estimator import Estimator
from ostinato.tasks.model import Model
from ostinato.tasks.prepared import Prepared
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.settings import NetworkSettings
from ostinato.training import LossSum


class LengthsSettings(NetworkSettings, epochs=1):
    letter: Annotated[str, Option("LETTER", DATA)] = Field("e", description="The letter that is counted.")
    also: Annotated[tuple[str, ...], Option("LETTER", DATA, name="other")] = Field((), description="Counted as well.")
    fold: Annotated[bool, Option(group=DATA)] = Field(False, description="Count capitals, too.")
    unit: Annotated[Literal["letters", "words"] | None, Option("UNIT")] = Field(None, description="What is measured.")
    bias: bool = Field(True, description="Whether the line may miss the origin.")


@dataclass
class LengthsModel(Model[LengthsSettings]):
    settings: LengthsSettings
    network: nn.Module

    @classmethod
    def build(cls, settings, parts):
        return nn.Linear(1, 1, bias=settings.bias)


class Lengths(Estimator[LengthsSettings, list, LengthsModel]):
    settings_class: ClassVar = LengthsSettings
    model_class: ClassVar = LengthsModel
    held_out_of: ClassVar = "of the lines"
    fit_help: ClassVar = """Measure lines.

    Example:
      ostinato fit lengths lines.txt --letter a --out model/
    """

    def read(self, data):
        if isinstance(data, list):
            return data
        files = data if isinstance(data, tuple) else (data,)
        return [line for file in files for line in Path(file).read_text().splitlines()]

    def split(self, records, share):
        kept = len(records) - round(share * len(records))
        return records[:kept], records[kept:]

    def prepare(self, training, validation, *, folder, start):
        network = LengthsModel.build(self.settings, {})
        x, y = self._numbers(training)

        def loss(model, rows, state):
            return LossSum((model(x[rows]) - y[rows]).square().sum(), len(rows))

        return Prepared(
            settings=self.settings,
            network=network,
            batches=IndexBatches(len(training), self.settings.batch_size, torch.from_numpy),
            loss=loss,
            score=lambda model: self._error(model, validation),
            model=lambda: LengthsModel(self.settings, network),
        )

    def _numbers(self, lines):
        letters = (self.settings.letter, *self.settings.also)
        counts = [float(sum(line.count(letter) for letter in letters)) for line in lines]
        return torch.tensor(counts)[:, None], torch.tensor([float(len(line)) for line in lines])[:, None]

    def _error(self, network, lines):
        x, y = self._numbers(lines)
        return (network(x) - y).abs().mean().item()

    def predict(self, data):
        x, _ = self._numbers(self.read(data))
        return pd.DataFrame({"length": self.model.network(x).detach()[:, 0]})

    def evaluate(self, data):
        lines = self.read(data)
        rows = {"ostinato": {"mae": self._error(self.model.network, lines)}, "nothing": {"mae": 99.0}}
        self.metrics = ScoreTable("ostinato", rows, len(lines), "lines")
        return self.metrics

    def summary(self):
        return "Lengths: one weight."

    def sample_loss(self, data):
        return lambda: torch.zeros(())
