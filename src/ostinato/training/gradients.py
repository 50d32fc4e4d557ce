"""Gradients looked at before they reach the optimiser: clipped when too large, refused when not finite."""

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_value_, clip_grads_with_norm_, get_total_norm

from ostinato.errors import OstinatoError
from ostinato.training.settings import TrainingSettings

NAMED = 5


class TrainingDiverged(OstinatoError):  # noqa: N818 (what happened, not what to call it)
    """The loss, a gradient, a state or the validation score left its bounds; a step it would have spoilt is not taken.

    So did the gradients when they are all zero, step after step.

    Args:
        message: what, where, and how to mend it.
        step: the optimiser step, counted from 1.
        parameters: names of those with a gradient that is not finite.

    Example:
        >>> import torch
        >>> from ostinato.data import StreamBatches
        >>> from ostinato.training import LossSum, Trainer, TrainingDiverged, TrainingSettings
        >>> def broken(model, batch, state):
        ...     return LossSum(model(batch[0]).sum() * float("nan"), 1)
        >>> trainer = Trainer(torch.nn.Linear(3, 1), broken, TrainingSettings())
        >>> try:
        ...     trainer.fit(StreamBatches(torch.randn(4, 10, 3), chunk=5))
        ... except TrainingDiverged as error:
        ...     print(error)
        the loss is nan at optimiser step 1 ...
    """

    def __init__(self, message: str, step: int, parameters: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.step, self.parameters = step, parameters


def gradient_norm(model: nn.Module) -> Tensor:
    """The 2-norm over the gradients of all parameters, a scalar."""
    return get_total_norm([p.grad for p in model.parameters() if p.grad is not None])


def divide_gradients(model: nn.Module, divisor: float) -> None:
    """Divide the gradients of all parameters, in place."""
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad.div_(divisor)


def clip_gradients(model: nn.Module, clip_value: float | None, clip_norm: float | None, norm: Tensor) -> None:
    """Clip in place, by value first, where they are given. `norm` is the norm that the gradients have."""
    trained = [parameter for parameter in model.parameters() if parameter.grad is not None]
    if clip_value is not None:
        clip_grad_value_(trained, clip_value)
        norm = gradient_norm(model)
    if clip_norm is not None:
        clip_grads_with_norm_(trained, clip_norm, norm)


def diverged(
    model: nn.Module, settings: TrainingSettings, loss: float, rate: float, step: int, place: str, found: str
) -> Exception:
    """What to raise for a loss or gradient that is not finite.

    Args:
        model: with the gradients.
        settings: with the clipping to advise on.
        loss: of the step.
        rate: learning rate of the step.
        step: number of the step, from 1.
        place: where in the data, in words.
        found: what was found in the batch, in words; may be empty.
    """
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    broken = tuple(name for name, gradient in gradients.items() if not torch.isfinite(gradient).all())
    if not math.isfinite(loss):
        what = f"the loss is {loss}"
    elif broken:
        what = f"the gradient of {', '.join(broken[:NAMED])}{' and others' * (len(broken) > NAMED)} is not finite"
    else:
        what = "the norm of the gradient is too large for its number format"
    clip = "set clip_norm" if settings.clip_norm is None else f"lower clip_norm (now {settings.clip_norm:g})"
    advice = f"lower learning_rate (now {rate:g}), {clip}"
    if found:
        advice = f"{found}. At the least, {advice}"
    else:
        advice += ", or look for values in the data that are not finite or far too large"
    return TrainingDiverged(
        f"{what} at optimiser step {step} ({place}): {advice}",
        step,
        broken,
    )
