"""Several networks that write one text together."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ostinato.tasks.seq2seq.batches import PairBatch
from ostinato.tasks.seq2seq.network import Seq2SeqNetwork
from ostinato.topologies import DecoderState, EncoderOutput

EncoderOutputs = tuple[EncoderOutput, ...]
DecoderStates = tuple[DecoderState, ...]


class Ensemble(nn.Module):
    """Networks side by side that differ in their first weights and their dropout; their probabilities are averaged.

    Args:
        make: Makes a network.
        count: How many; 1 is that network alone.
    """

    def __init__(self, make: Callable[[], Seq2SeqNetwork], count: int) -> None:
        super().__init__()
        self.members: Sequence[Seq2SeqNetwork] = nn.ModuleList(make() for _ in range(count))  # type: ignore[assignment]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def forward(self, batch: PairBatch, label_smoothing: float | None = None) -> Tensor:
        """Reads and writes with teacher forcing, as `Seq2SeqNetwork` does.

        Args:
            batch: Pairs.
            label_smoothing: Given, the loss is returned, with so much smoothing.

        Returns:
            Log-probabilities of the units at the valid steps of the targets, row by row ``(valid steps, units)``; or
            the loss, summed over these steps: in training the sum of the networks' own, so that each learns as it would
            alone, else that of their mean.
        """
        if label_smoothing is not None and (self.training or len(self.members) == 1):
            return torch.stack([member(batch, label_smoothing) for member in self.members]).sum()
        together = _mean([member(batch).log_softmax(-1) for member in self.members])
        if label_smoothing is None:
            return together
        right = batch.target_out[batch.valid]
        return F.cross_entropy(together, right, label_smoothing=label_smoothing, reduction="sum")

    def encode(self, ids: Tensor, lengths: Tensor) -> EncoderOutputs:
        """Reads sources ``(batch, time)`` of these lengths ``(batch,)``; what each decoder needs of them."""
        return tuple(member.encode(ids, lengths) for member in self.members)

    def step(
        self, ids: Tensor, memory: EncoderOutputs, carry: DecoderStates | None = None
    ) -> tuple[Tensor, DecoderStates, Tensor | None]:
        """Writes one unit in each row, as `Seq2SeqNetwork.step` does: `memory` and `carry` are one for each network.

        The log-probabilities ``(batch, units)`` are those of the mean probability; the attention's weights
        ``(batch, time)`` are the mean of the networks' own.
        """
        before = (None,) * len(self.members) if carry is None else carry
        each = zip(self.members, memory, before, strict=True)
        steps = [member.step(ids, read, carried) for member, read, carried in each]
        log_probabilities, after, weights = zip(*steps, strict=True)
        looked = None if weights[0] is None else torch.stack(weights).mean(0)
        return _mean(log_probabilities), after, looked


def _mean(log_probabilities: Sequence[Tensor]) -> Tensor:
    """The logarithm of the mean probability."""
    if len(log_probabilities) == 1:
        return log_probabilities[0]
    return torch.stack(list(log_probabilities)).logsumexp(0) - math.log(len(log_probabilities))
