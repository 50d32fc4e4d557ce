"""Training a SequenceClassifier's network."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ostinato.data import BucketBatches
from ostinato.data.labelled import Labelled
from ostinato.tasks.classification.calibration import Array, fitted_mix
from ostinato.tasks.classification.inputs import Batch, Inputs, TextInputs, gathered
from ostinato.tasks.classification.network import ClassifierNetwork
from ostinato.tasks.classification.settings import ClassifierSettings
from ostinato.tasks.fitting import fit_network
from ostinato.training import DistributedContext, LossSum, TrainingLogger, seed_everything

BATCH = 256
"""Validation rows read at once."""

Targets = npt.NDArray[np.int64]


def train(
    settings: ClassifierSettings,
    inputs: Inputs,
    training: tuple[Labelled, Targets],
    validating: tuple[Labelled, Targets],
    weights: Array,
    linear: Array | None,
    vectors: Tensor | None,
    folder: str | Path | None,
    resume: bool,
    logger: TrainingLogger | None,
) -> ClassifierNetwork:
    """A network trained on some sequences, with the weights that tell others best.

    The score is the negative log-likelihood of the validation part after calibration: that of the model as it will be
    used, so that a network that is merely too sure of itself does not count as worse.

    Args:
        settings: The classifier's.
        inputs: How items become steps.
        training: Items, and the numbers of their labels.
        validating: The same, to choose when to stop.
        weights: Of each label in the loss.
        linear: The linear part's scores of the validation part, where there is one.
        vectors: To begin with, ``(units, features)``; None for random ones.
        folder: As in `fit_network`.
        resume: As there.
        logger: As there.
    """
    process = DistributedContext.from_environment()
    seed_everything(settings.seed)
    network = ClassifierNetwork(settings, inputs.size, len(weights), text=isinstance(inputs, TextInputs))
    if vectors is not None:
        network.set_vectors(vectors)
    network.to(process.device)
    items = [inputs.steps(item) for item in training[0].items]
    others = [inputs.steps(item) for item in validating[0].items]
    batches = BucketBatches(
        np.array([len(steps) for steps in items]),
        settings.batch_size,
        lambda rows: gathered([items[row] for row in rows], training[1][rows]),
        seed=settings.seed,
        rank=process.rank,
        world_size=process.world_size,
    )
    importance = torch.tensor(weights, dtype=torch.float32, device=process.device)

    def loss(model: nn.Module, batch: Batch, state: None) -> LossSum:
        batch = Batch(*(tensor.to(process.device) for tensor in batch))
        return classifier_loss(model(batch), batch.target, importance, settings.label_smoothing)

    def score(model: nn.Module) -> float:
        parts = []
        for start in range(0, len(others), BATCH):
            batch = gathered(others[start : start + BATCH], validating[1][start : start + BATCH])
            parts.append(model(Batch(*(tensor.to(process.device) for tensor in batch))).mean(0).cpu())
        scores = torch.cat(parts).double().numpy()
        mix = fitted_mix(scores, linear, validating[1])
        logits = torch.from_numpy(mix.logits(scores, linear))
        return float(F.cross_entropy(logits, torch.from_numpy(validating[1])))

    fit_network(network, loss, batches, score, settings, folder, resume, logger)
    return network


def classifier_loss(scores: Tensor, target: Tensor, weights: Tensor, smoothing: float) -> LossSum:
    """The cross-entropy of each network, added up over them, so that each learns as it would alone.

    Args:
        scores: ``(networks, batch, labels)``.
        target: ``(batch,)``.
        weights: Of each label, ``(labels,)``; the mean is over the weights of the rows.
        smoothing: Share of the target spread over all labels (Szegedy et al. 2016, section 7).
    """
    each = (F.cross_entropy(one, target, weights, label_smoothing=smoothing, reduction="sum") for one in scores)
    return LossSum(torch.stack(tuple(each)).sum(), weights[target].sum())
