"""What an Assistant's network is trained by, and judged by."""

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ostinato.data.grammar import Request
from ostinato.modalities.modality import Reader
from ostinato.nn import LabelGraph, graph_log_likelihood
from ostinato.tasks.assisting.network import AssistantNetwork, RequestBatch
from ostinato.tasks.assisting.scores import figures
from ostinato.tasks.assisting.understanding import Understanding, hear
from ostinato.training import LossSum

SHARE_OF_LOSS = 0.01
"""Of the loss in nats a request, in the score by which training stops."""

MOST = 100.0
"""Nats of a request that count there, at most."""


def gathering(
    read: Reader, graphs: Sequence[LabelGraph], needed: Sequence[int], steps_of: Callable[[Tensor], Tensor]
) -> Callable[[npt.NDArray[np.int64], np.random.Generator], RequestBatch]:
    """What makes batches to train on.

    Args:
        read: Gives the frames of recordings.
        graphs: The sentences that may be said in each.
        needed: Steps that the shortest needs: a recording made faster may have fewer, and is then read as it is.
        steps_of: Tells how many steps so many frames become.
    """

    def batch(rows: npt.NDArray[np.int64], rng: np.random.Generator) -> RequestBatch:
        frames = read(rows, rng)
        steps = steps_of(torch.tensor([len(each) for each in frames])).tolist()
        for place, row in enumerate(rows):
            if steps[place] < needed[row]:
                frames[place] = read([row])[0]
        return RequestBatch.of(frames, [graphs[row] for row in rows])

    return batch


def request_loss(model: nn.Module, batch: RequestBatch) -> LossSum:
    """The negative log-likelihood of the requests of a batch: of all sentences that ask for each, in any alignment."""
    log_probs, steps = model(batch.x, batch.lengths)
    rows = graph_log_likelihood(log_probs, steps, batch.graphs)
    return LossSum(-rows.sum(), rows.new_tensor(float(len(rows))))


def request_error(read: Reader, asked: Sequence[Request], understanding: Understanding) -> Callable[[nn.Module], float]:
    """What scores a network by the slots that it has wrong (1 - F1) and the intents, and a little by its loss.

    In the first epochs all is wrong, and the loss alone tells that it learns.
    """

    def score(model: nn.Module) -> float:
        heard = hear(cast(AssistantNetwork, model), read)
        right = figures(asked, [understanding.understood(each).request for each in heard], intents=True)
        nats = [min(understanding.nats(each, request), MOST) for each, request in zip(heard, asked, strict=True)]
        return 2 - right["slot_f1"] - right["intent"] + SHARE_OF_LOSS * float(np.mean(nats))

    return score
