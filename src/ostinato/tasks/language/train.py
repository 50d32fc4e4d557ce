"""Training a LanguageModel's network."""

from pathlib import Path

import torch
from torch import Tensor, nn

from ostinato.cells import State
from ostinato.data import StreamBatches
from ostinato.data.corpus import Corpus
from ostinato.tasks.fitting import fit_network
from ostinato.tasks.language.network import LanguageNetwork, Reading
from ostinato.tasks.language.settings import LanguageSettings
from ostinato.training import DistributedContext, LossSum, TrainingLogger, seed_everything

Chunk = tuple[Tensor, ...]


def train(
    settings: LanguageSettings,
    frequency: Tensor,
    training: Corpus,
    validating: Corpus,
    folder: str | Path | None,
    resume: bool,
    logger: TrainingLogger | None,
) -> LanguageNetwork:
    """A network trained on one text, with the weights that read another best; `frequency` is that of each unit."""
    process = DistributedContext.from_environment()
    seed_everything(settings.seed)
    network = LanguageNetwork(settings, len(frequency))
    network.begin_with(frequency)
    network.to(process.device)
    order = StreamBatches(
        *training.streams(settings.batch_size),
        chunk=settings.bptt_steps,
        jitter=settings.bptt_jitter,
        shift=True,
        seed=settings.seed,
        rank=process.rank,
        world_size=process.world_size,
    )
    # Side by side, as in training: one after the other, exact, would take as long as training.
    rows = min(settings.batch_size, len(validating) // 2)
    tested = StreamBatches(*validating.streams(rows), chunk=settings.bptt_steps)

    def loss(model: nn.Module, batch: Chunk, state: tuple[State, ...] | None) -> LossSum:
        return language_loss(settings, model(*(part.to(process.device) for part in batch), state))

    def score(model: nn.Module) -> float:
        total, state = 0.0, None
        for batch in tested.epoch(0):
            reading: Reading = model(*(part.to(process.device) for part in batch), state, each=True)
            total, state = total + float(reading.nats.double().sum()), reading.state
        return total / tested.tensors[0].numel()

    fit_network(network, loss, order, score, settings, folder, resume, logger)
    return network


def language_loss(settings: LanguageSettings, reading: Reading) -> LossSum:
    """The nats of the units of a chunk, each with its share of the regularisation, and the state to carry on."""
    units = reading.outputs.shape[:2].numel()
    return LossSum(reading.nats + units * activation_loss(settings, reading), units, reading.state)


def activation_loss(settings: LanguageSettings, reading: Reading) -> Tensor:
    """Activation regularisation and its temporal kind (Merity et al. 2017, "Revisiting Activation Regularization")."""
    total = torch.zeros((), device=reading.nats.device)
    if settings.activation_regularisation:
        total = total + settings.activation_regularisation * reading.dropped.square().mean()
    if settings.temporal_regularisation and reading.outputs.shape[1] > 1:
        change = reading.outputs[:, 1:] - reading.outputs[:, :-1]
        total = total + settings.temporal_regularisation * change.square().mean()
    return total
