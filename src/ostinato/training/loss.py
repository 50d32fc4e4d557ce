"""What is minimised: a sum over a batch and the weight of that batch, so that batches can be put together exactly."""

from typing import NamedTuple, Protocol, TypeVar

from torch import Tensor, nn

from ostinato.training.carried import State

B_contra = TypeVar("B_contra", contravariant=True)


class LossSum(NamedTuple):
    """The loss of one batch as a sum, and what to divide it by.

    The sums of several batches, or of the parts of a batch in several processes, divided once by the sum of their
    weights, are the mean over all of them together; the mean of their means is not, when some weigh more than others.

    Attributes:
        total: the sum of the losses of a batch, a scalar; 0 where there are none, and part of the graph even then.
        weight: what makes it a mean: how many losses were added up, or the sum of the weights they were given.
        state: what to carry to the chunk that continues this batch, nested tuples of tensors; None for nothing.

    Example:
        >>> import torch
        >>> from ostinato.training import LossSum
        >>> LossSum(torch.tensor(6.0), 4).mean
        tensor(1.5000)
    """

    total: Tensor
    weight: Tensor | float
    state: State = None

    @property
    def mean(self) -> Tensor:
        """The mean loss of this batch alone, a scalar; 0 over nothing."""
        return self.total / self.weight if self.weight else self.total


class Loss(Protocol[B_contra]):
    """The loss of one batch.

    Example:
        >>> from torch.nn import functional as F
        >>> from ostinato.training import Loss, LossSum
        >>> def squared_error(model, batch, state):
        ...     x, target = batch
        ...     return LossSum(F.mse_loss(model(x), target, reduction="sum"), target.numel())
        >>> loss: Loss[tuple] = squared_error
    """

    def __call__(self, model: nn.Module, batch: B_contra, state: State) -> LossSum:
        """The sum of the losses, its weight, and the state to carry to the chunk that continues this batch.

        Args:
            model: the one to call, as `model(...)`: with several processes it is wrapped, and only a call of it
                adds up gradients.
            batch: as the batches give it.
            state: that of the chunk before, cut from its graph; None at the start of a sequence.
        """
        ...
