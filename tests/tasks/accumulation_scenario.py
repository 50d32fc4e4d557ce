"""One optimiser step of every estimator's loss on the same rows, however they are dealt out; `torchrun` runs it too."""

import sys
from pathlib import Path

import numpy as np
import torch
from forecast_scenario import COVARIATES, TINY, long
from safetensors.torch import save_file

from ostinato.data import Panel, PanelSpec, TaggedSequences, Windows
from ostinato.demos.memory.starts import STARTS
from ostinato.demos.memory.tasks import MEMORY_TASKS, MemoryBatch
from ostinato.demos.memory.trial import Reader, loss_of
from ostinato.modalities import Text, Words
from ostinato.tasks.classification.batches import gathered
from ostinato.tasks.classification.network import ClassifierNetwork
from ostinato.tasks.classification.settings import ClassifierSettings
from ostinato.tasks.classification.train import classifier_loss
from ostinato.tasks.dialogue.network import DialogueNetwork
from ostinato.tasks.dialogue.settings import ChatbotSettings
from ostinato.tasks.forecasting.network import ForecastNetwork, Sizes
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.tasks.forecasting.standardise import Standardiser
from ostinato.tasks.forecasting.train import forecast_loss
from ostinato.tasks.language.network import LanguageNetwork
from ostinato.tasks.language.settings import LanguageSettings
from ostinato.tasks.language.train import language_loss
from ostinato.tasks.seq2seq.batches import pair_batch
from ostinato.tasks.seq2seq.ensemble import Ensemble
from ostinato.tasks.seq2seq.network import Seq2SeqNetwork
from ostinato.tasks.seq2seq.train import pair_loss
from ostinato.tasks.tagging import batches as tagging_batches
from ostinato.tasks.tagging.network import TaggingNetwork
from ostinato.tasks.tagging.settings import TaggerSettings
from ostinato.tasks.tagging.train import tagging_loss
from ostinato.tasks.translation.settings import TranslatorSettings
from ostinato.training import DistributedContext, Trainer, TrainingSettings

PARTS = [np.arange(0, 1), np.arange(1, 4), np.arange(4, 6), np.arange(6, 8)]
"""Rows of batches that weigh differently: by their number, and by the lengths, gaps and labels in them."""

LENGTHS = np.array([1, 9, 2, 7, 3, 8, 4, 6])
SMALL = {"hidden_size": 5, "embedding_size": 4, "cell": "gru", "backend": "reference", "dropout": 0.0}
SURE = {"word_dropout": 0.0, "embedding_dropout": 0.0}


def rows_of(lengths, units, seed=0):
    random = np.random.default_rng(seed)
    return [random.integers(4, units, length) for length in lengths]


def forecaster():
    panel = Panel.from_table(long(missing=0.0), PanelSpec(**COVARIATES))
    standardiser = Standardiser.fit(panel, panel.offsets[1:], log=False, season_length=7)
    panel = standardiser.transform(panel, standardiser.scales)
    settings = ForecasterSettings(**TINY, dropout=0.0, segment=3)
    windows = Windows(panel, settings.window, settings.horizon)
    names = panel.names
    network = ForecastNetwork(settings, Sizes(len(names.past), len(windows.known_names), len(names.static), 3))
    whole = windows.gather(np.arange(0, 80, 10))
    whole = type(whole)(*(part.double() if part.is_floating_point() else part for part in whole))
    whole = whole._replace(target_observed=torch.arange(5) < torch.tensor(LENGTHS)[:, None] // 2)  # none in the first
    batch = lambda rows: type(whole)(*(part[rows] for part in whole))  # noqa: E731
    return network, batch, lambda model, batch, state: forecast_loss(settings, model(batch), batch)


def classifier():
    settings = ClassifierSettings(**SMALL, **SURE, ensemble=2, label_smoothing=0.1)
    weights = torch.tensor([0.2, 1.0, 3.0], dtype=torch.float64)
    texts, labels = rows_of(LENGTHS, 12), np.array([0, 0, 1, 0, 2, 2, 1, 0])
    text = Text.of([" ".join(map(str, range(10)))], settings)  # and padding and unknown: 12 tokens
    network = ClassifierNetwork(settings, text, ("a", "b", "c"))
    batch = lambda rows: gathered([texts[row] for row in rows], labels[rows])  # noqa: E731
    return network, batch, lambda model, batch, state: classifier_loss(model(batch), batch.target, weights, 0.1)


def tagger(decoder):
    settings = TaggerSettings(**SMALL, **SURE, decoder=decoder, char_hidden_size=0)
    words = Words.learn(
        TaggedSequences.of_sentences([list("abcdefghij")], tags=False), settings
    )  # and two specials: 12
    steps = [row[:, None] for row in rows_of(LENGTHS, 12)]
    tags = [row % 3 for row in rows_of(LENGTHS, 12, seed=1)]
    batch = lambda rows: tagging_batches.gathered([steps[row] for row in rows], [tags[row] for row in rows])  # noqa: E731
    return TaggingNetwork(settings, words, 3), batch, lambda model, batch, state: tagging_loss(model, batch)


def writer(make):
    pairs = list(zip(rows_of(LENGTHS[::-1], 12), rows_of(LENGTHS, 12, seed=1), strict=True))
    batch = lambda rows: pair_batch([pairs[row] for row in rows])  # noqa: E731
    return Ensemble(make, 2), batch, lambda model, batch, state: pair_loss(model, batch, 0.1)


def translator():
    return writer(lambda: Seq2SeqNetwork(TranslatorSettings(**SMALL, word_dropout=0.0), 12, 12))


def chatbot():
    return writer(lambda: DialogueNetwork(ChatbotSettings(**SMALL, context_dropout=0.0, mutual_information=0.0), 12))


def language_model():
    settings = LanguageSettings(**SMALL, activation_regularisation=2.0, temporal_regularisation=1.0)
    ids = torch.from_numpy(np.stack(rows_of([7] * 8, 12)))
    batch = lambda rows: (ids[rows, :-1], ids[rows, 1:])  # noqa: E731
    return LanguageNetwork(settings, 12), batch, lambda model, batch, state: language_loss(settings, model(*batch))


def memory_trial():
    task = MEMORY_TASKS["recall"]
    whole = task.batch(8, 5, seed=0)
    batch = lambda rows: MemoryBatch(whole.x[rows].double(), whole.target[rows])  # noqa: E731
    return Reader(STARTS["lstm"].factory(5), task, 5), batch, loss_of


CASES = {
    "forecaster": forecaster,
    "classifier": classifier,
    "tagger, crf": lambda: tagger("crf"),
    "tagger, softmax": lambda: tagger("softmax"),
    "translator": translator,
    "chatbot": chatbot,
    "language model": language_model,
    "memory trial": memory_trial,
}


class Given:
    """An epoch of these batches."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def epoch(self, number, start=0):
        return iter(self.batches[start:])

    def continues(self, index):
        return False


def made(case):
    torch.manual_seed(0)
    network, batch, loss = CASES[case]()
    network = network.double()
    with torch.no_grad():
        for parameter in network.parameters():  # also what starts at zero shall matter
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network, batch, loss


def step(case, parts):
    """The gradient of each parameter at a step over these batches, as the weights have moved by it, and the loss."""
    network, batch, loss = made(case)
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    settings = TrainingSettings(
        epochs=1, optimizer="sgd", momentum=0.0, learning_rate=1.0, clip_norm=None, accumulation_steps=len(parts)
    )
    history = Trainer(network, loss, settings).fit(Given([batch(rows) for rows in parts]))
    moved = {name: before[name] - parameter.detach() for name, parameter in network.named_parameters()}
    return moved | {"loss": torch.tensor([history.epochs[0].loss], dtype=torch.float64)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    rank = DistributedContext.from_environment().rank
    for case in CASES:
        save_file(step(case, PARTS[2 * rank : 2 * rank + 2]), Path(sys.argv[1]) / f"{case}-{rank}.safetensors")
