"""How far the network's predictions are from the right units."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ROWS = 256
"""Predictions whose scores are held at once."""


def target_loss(states: Tensor, output: nn.Linear, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy per unit (with smoothing: Szegedy et al. 2016, section 7) of ``output(states)``, the mean of all.

    Equal to ``F.cross_entropy(output(states), targets, label_smoothing=label_smoothing)``, value and gradients. The
    scores of all units for all predictions, by far the largest tensor of a training step, are never held at once: a
    few rows at a time, their part of the gradients is made on the spot, which takes half the time on a CPU.

    Args:
        states: What the output layer reads, ``(predictions, features)``.
        output: The output layer, with a bias.
        targets: The right units ``(predictions,)``.
        label_smoothing: Probability that the right answer leaves to all units alike.

    Returns:
        A scalar, in nats.
    """
    if not torch.is_grad_enabled() or not len(targets):
        return F.cross_entropy(output(states), targets, label_smoothing=label_smoothing)
    loss: Tensor = _OutputLoss.apply(states, output.weight, output.bias, targets, label_smoothing)  # type: ignore[no-untyped-call]
    return loss


class _OutputLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        of_states, of_weight, of_bias = torch.empty_like(states), torch.zeros_like(weight), torch.zeros_like(bias)
        total = states.new_zeros(())
        for first in range(0, len(states), ROWS):
            rows = slice(first, first + ROWS)
            right = targets[rows, None]
            scores = F.linear(states[rows], weight, bias)
            norm = scores.logsumexp(1, keepdim=True)
            total += (norm - (1 - smoothing) * scores.gather(1, right) - smoothing * scores.mean(1, keepdim=True)).sum()
            # The gradient with respect to the scores: what is predicted less what is right.
            error = scores.sub_(norm).exp_().sub_(smoothing / len(weight))
            error.scatter_add_(1, right, error.new_full(right.shape, smoothing - 1))
            of_states[rows] = error @ weight
            of_weight.addmm_(error.T, states[rows])
            of_bias += error.sum(0)
        ctx.save_for_backward(of_states, of_weight, of_bias)
        return total / len(states)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        share = gradient / len(ctx.saved_tensors[0])
        return *(tensor * share for tensor in ctx.saved_tensors), None, None
