"""What a LanguageModel's network is trained on, by what, and how it is judged."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ostinato.data import StreamBatches
from ostinato.data.corpus import Corpus
from ostinato.tasks.language.network import Reading
from ostinato.tasks.language.settings import LanguageSettings
from ostinato.training import DistributedContext, LossSum, moved


def training_batches(corpus: Corpus, settings: LanguageSettings) -> StreamBatches:
    """Chunks of streams read side by side, each carrying its state to the next, shared out among processes."""
    context = DistributedContext.from_environment()
    return StreamBatches(
        *corpus.streams(settings.batch_size),
        chunk=settings.bptt_steps,
        jitter=settings.bptt_jitter,
        shift=True,
        seed=settings.seed,
        rank=context.rank,
        world_size=context.world_size,
    )


def mean_nats(corpus: Corpus, settings: LanguageSettings) -> Callable[[nn.Module], float]:
    """What scores a network by the nats of a unit of another text.

    It is read side by side, as in training: one unit after the other, exact, would take as long as training.
    """
    batches = StreamBatches(*corpus.streams(min(settings.batch_size, len(corpus) // 2)), chunk=settings.bptt_steps)

    def score(model: nn.Module) -> float:
        total, state = 0.0, None
        for batch in batches.epoch(0):
            reading: Reading = model(*moved(batch, settings.on_device), state, each=True)
            total, state = total + float(reading.nats.double().sum()), reading.state
        return total / batches.tensors[0].numel()

    return score


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
