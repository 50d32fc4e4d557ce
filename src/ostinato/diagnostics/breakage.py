"""Where a training that cannot go on broke: the first layer, step and lag at which numbers stopped being finite."""

import math
import sys
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ostinato.diagnostics.flow import GradientFlow, flows
from ostinato.diagnostics.probe import Call, Track, at_rest, record

GROWS = 1.05
"""States that grow by more than this factor a step before they overflow are said to run away."""


def explain_divergence(model: nn.Module, loss: Callable[[], Tensor]) -> str:
    """Says where the forward or backward pass of a batch first leaves the finite numbers, and the likely cause.

    Run in evaluation mode, so that what only dropout brings about is not seen again.

    Args:
        model: With the weights that the pass was done with.
        loss: Calls the model on the batch, and returns a scalar.

    Returns:
        A sentence or two; empty where nothing wrong is found in the recurrent layers.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import explain_divergence
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> x[2, 20] = float("nan")
        >>> print(explain_divergence(net, lambda: net(x)[0].sum()))
        state ... is not finite (step 21 of 50, ... row 3 of the batch)...
    """
    with at_rest(model):
        recording = record(model, loss)
        if found := broken_state(recording.tracks):
            return found
        if not recording.tracks or not recording.loss.requires_grad:
            return ""
        if not bool(recording.loss.isfinite()):
            return "all states are finite: what the loss makes of them is not"
        measured = flows(recording)
    return broken_gradient(measured) or no_gradient(measured)


def broken_state(tracks: list[Track], limit: float = sys.float_info.max) -> str:
    """The first state that is not finite, or whose size passes a limit, in words; empty where there is none.

    Args:
        tracks: Of a recording.
        limit: Of the norm of a row's state.
    """
    for track in tracks:
        for name, norms in zip(track.fields, state_norms(track), strict=True):
            broken = ~(norms <= limit)  # so that nan is, too
            if bool(broken.any()):
                step = int(broken.any(0).int().argmax())
                row = int(broken[:, step].int().argmax())
                return _told(track, name, norms[row], step, row)
    return ""


def state_norms(track: Track) -> list[Tensor]:
    """Norms of each row's states after each step, float64 ``(batch, time)`` for each tensor of the state.

    In the order in which the steps were taken; 0 past a row's length. Of a layer that ran more than once, the scans
    that go on from each other up to the last one.
    """
    return [torch.cat([_norms(call, number) for call in track.chain], 1) for number in range(len(track.fields))]


def _norms(call: Call, number: int) -> Tensor:
    norms = call.in_order(torch.linalg.vector_norm(call.states[number], dim=2, dtype=torch.float64))
    return torch.where(call.valid, norms, 0)


def _told(track: Track, name: str, norms: Tensor, step: int, row: int) -> str:
    size, steps = float(norms[step]), len(norms)
    what = f"has the norm {size:.3g}" if math.isfinite(size) else "is not finite"
    place = f"step {step + 1} of {steps}, lag {steps - 1 - step} from the end, row {row + 1} of the batch"
    return f"state {name} of {track.layer} {what} ({place}): {_cause(track, norms[:step])}"


def _cause(track: Track, before: Tensor) -> str:
    """Why a state left its bounds, from its norms until then."""
    call = track.calls[-1]
    if not bool(call.x.isfinite().all()):
        return "what this layer reads is not finite already; look at the data, or at the layers before it"
    finite = before[before.isfinite() & (before > 0)][-10:]
    if not all(bool(weight.isfinite().all()) for weight in call.cell.parameters()):
        return "its weights are not finite: an update was too large; lower learning_rate, or set clip_norm"
    if len(finite) > 1:
        growth = float((finite[-1] / finite[0]) ** (1 / (len(finite) - 1)))
        if growth > GROWS:
            return (
                f"it grew by a factor of {growth:.3g} a step until then, so its recurrent weights are too large; a "
                "gated cell (lstm, gru), an orthogonal one, or a lower learning_rate keep it in bounds"
            )
    return "its inputs or weights are too large; scale the data, or lower learning_rate"


def broken_gradient(measured: list[GradientFlow]) -> str:
    """The first lag at which a gradient through time is not finite, in words; empty where all are."""
    for flow in reversed(measured):
        infinite = (flow.norms == torch.inf).any(0)
        if bool(infinite.any()):
            lag = int(infinite.int().argmax()) + 1
            return (
                f"the gradient of state {flow.state} of {flow.layer} overflows at lag {lag} of {flow.norms.shape[1]}: "
                f"it grows by a factor of {math.exp(flow.rate):.3g} a step on its way back; a gated cell, an "
                "orthogonal one, or shorter sequences keep it in bounds"
            )
    return ""


def no_gradient(measured: list[GradientFlow]) -> str:
    """Which layers get no gradient at all, in words; empty where all do."""
    layers = dict.fromkeys(flow.layer for flow in measured)
    silent = [
        layer
        for layer in layers
        if not any(bool((flow.norms.nan_to_num(0) != 0).any()) for flow in measured if flow.layer == layer)
    ]
    if not silent:
        return ""
    names = ", ".join(map(str, silent))
    return f"no gradient reaches {names} at any lag: dead units (ReLU), saturated outputs, or a loss that reads neither"
