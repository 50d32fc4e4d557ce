"""The loss of an output layer over many classes, without holding all of its scores."""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ROWS, SCORES = 256, 2**18
"""Predictions whose scores are held at once: at least so many, and as many as have so many scores."""

MULTIPLE = 64
"""Rows are filled up to a multiple of this: libraries compile products in low precision anew for every new shape."""


def linear_cross_entropy(
    x: Tensor,
    output: nn.Linear,
    targets: Tensor,
    label_smoothing: float = 0.0,
    *,
    reduction: Literal["mean", "sum"] = "mean",
) -> Tensor:
    """Cross-entropy (with smoothing: Szegedy et al. 2016, section 7) of ``output(x)``.

    Equal to ``F.cross_entropy(output(x), targets, label_smoothing=..., reduction=...)``, value and gradients. The
    scores of all classes for all predictions, by far the largest tensor of a language model's training step, are never
    held at once: a few rows at a time, their part of the gradients is made on the spot, which takes half the time on a
    CPU.

    Args:
        x: What the output layer reads, ``(predictions, features)``.
        output: The output layer, with a bias.
        targets: The right classes ``(predictions,)``, int64.
        label_smoothing: Probability that the right answer leaves to all classes alike.
        reduction: The mean of all predictions, or their sum.

    Returns:
        A scalar, in nats.

    Example:
        >>> import torch
        >>> from torch.nn import functional as F
        >>> from ostinato.nn import linear_cross_entropy
        >>> x, output, targets = torch.randn(50, 32), torch.nn.Linear(32, 1000), torch.randint(1000, (50,))
        >>> loss = linear_cross_entropy(x, output, targets)
        >>> torch.allclose(loss, F.cross_entropy(output(x), targets))
        True
    """
    if not torch.is_grad_enabled() or not len(targets):
        return F.cross_entropy(output(x), targets, label_smoothing=label_smoothing, reduction=reduction)
    total: Tensor = _LinearCrossEntropy.apply(x, output.weight, output.bias, targets, label_smoothing)  # type: ignore[no-untyped-call]
    return total / len(targets) if reduction == "mean" else total


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        of_x, of_weight, of_bias = torch.empty_like(x), torch.zeros_like(weight), torch.zeros_like(bias)
        total = x.new_zeros(())
        block = max(ROWS, SCORES // len(weight))
        for first in range(0, len(x), block):
            rows = slice(first, first + block)
            right = targets[rows, None]
            read = F.pad(x[rows], (0, 0, 0, -len(right) % MULTIPLE))
            filled = F.linear(read, weight, bias)
            scores = filled[: len(right)]
            torch.log_softmax(scores, 1, out=scores)  # in place: new memory for each block takes longer than the work
            total -= ((1 - smoothing) * scores.gather(1, right) + smoothing * scores.mean(1, keepdim=True)).sum()
            # The gradient with respect to the scores: what is predicted less what is right.
            error = scores.exp_().sub_(smoothing / len(weight))
            error.scatter_add_(1, right, error.new_full(right.shape, smoothing - 1))
            filled[len(right) :] = 0
            of_x[rows] = (filled @ weight)[: len(right)]
            of_weight.addmm_(filled.T, read)
            of_bias += error.sum(0)
        ctx.save_for_backward(of_x, of_weight, of_bias)
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return *(tensor * gradient for tensor in ctx.saved_tensors), None, None
