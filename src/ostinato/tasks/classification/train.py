"""What a SequenceClassifier's network is trained by, and judged by."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ostinato.modalities import Reader
from ostinato.tasks.classification.batches import Targets, gathered
from ostinato.tasks.classification.calibration import Array
from ostinato.tasks.classification.targets import Labelling
from ostinato.training import LossSum, moved

BATCH = 256
"""Validation rows read at once."""


def calibrated_score(
    read: Reader, targets: Targets, linear: Array | None, labelling: Labelling, device: torch.device
) -> Callable[[nn.Module], float]:
    """What scores a network by its negative log-likelihood on some sequences after calibration on them.

    That is the likelihood of the model as it will be used, so that a network that is merely too sure of itself does not
    count as worse.

    Args:
        read: Gives the sequences' steps.
        targets: Of their labels.
        linear: The linear part's scores of them, where there is one.
        labelling: What targets mean.
        device: The network's.
    """

    def score(model: nn.Module) -> float:
        parts = []
        for start in range(0, len(targets), BATCH):
            rows = np.arange(start, min(start + BATCH, len(targets)))
            batch = gathered(read(rows), targets[rows])
            parts.append(model(moved(batch, device)).mean(0).cpu())
        scores = torch.cat(parts).double().numpy()
        logits = labelling.logits(labelling.fitted_mix(scores, linear, targets), scores, linear)
        return float(labelling.losses(logits, targets).mean())

    return score


WRONG = 0.3
"""How much all steps of a recording weigh that say a wrong keyword, where the one that says its own weighs 1."""


def stream_loss(scores: Tensor, target: Tensor, weights: Tensor, smoothing: float) -> LossSum:
    """That of `classifier_loss`, and what makes a step's softmax hold by itself, of each network, added up.

    The step that says a label best is to be sure of it, and none is to say a keyword that is not the recording's: also
    not before its word has ended.

    Args:
        scores: ``(networks, batch, 3, labels)``, see `HighestSteps`.
        target: ``(batch,)``.
        weights: Of each label, ``(labels,)``.
        smoothing: As for `classifier_loss`.
    """
    highest, best, allowed = scores.unbind(2)
    together = classifier_loss(highest, target, weights, smoothing)
    steps = (F.nll_loss(one, target, weights, reduction="sum") for one in best + WRONG * allowed)
    return LossSum(together.total + torch.stack(tuple(steps)).sum(), together.weight)


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
