"""The quick look at a network in training: how far its gradients reach, and how large its states are."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ostinato.diagnostics.breakage import broken_state, state_norms
from ostinato.diagnostics.flow import GradientFlow, flows, together
from ostinato.diagnostics.lags import DataLags, data_lags
from ostinato.diagnostics.layers import Layer
from ostinato.diagnostics.probe import Recording, at_rest, record


@dataclass(frozen=True)
class QuickCheck:
    """What the quick look finds.

    Attributes:
        loss: Of the batch.
        steps: Of the longest sequence that a layer has read.
        flows: To the whole state of each layer and direction.
        largest: The largest norm of a state, for each layer and direction.
        broken: Where a state is not finite or beyond its limit, in words; empty where none is.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import quick_check
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> def loss():
        ...     return net(x)[0][:, -1].square().mean()
        >>> check = quick_check(net, loss)
        >>> check.steps, check.broken
        (50, '')
    """

    loss: float
    steps: int
    flows: list[GradientFlow]
    largest: dict[Layer, float]
    broken: str

    def to_dict(self) -> dict[str, Any]:
        """The figures, fit for JSON."""
        return {
            "loss": self.loss,
            "steps": self.steps,
            "layers": {
                str(flow.layer): {
                    "rate": _finite(flow.rate),
                    "reach": flow.reach,
                    "growth": _finite(flow.growth),
                    "largest_state": _finite(self.largest.get(flow.layer, math.nan)),
                }
                for flow in self.flows
            },
        }


def quick_check(model: nn.Module, loss: Callable[[], Tensor], *, limit: float = math.inf) -> QuickCheck:
    """Takes a quick look at a model on one batch; it costs about as much as a training step.

    Args:
        model: With recurrent layers of this engine.
        loss: Calls the model on the batch and returns a scalar.
        limit: Of the norm of a state.

    Raises:
        OstinatoError: As `gradient_flow`.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import quick_check
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> def loss():
        ...     return net(x)[0][:, -1].square().mean()
        >>> sorted(quick_check(net, loss).to_dict())
        ['layers', 'loss', 'steps']
    """
    with at_rest(model):
        recording = record(model, loss)
        return quick_check_of(recording, flows(recording), limit)


def needed_lag(model: nn.Module, loss: Callable[[], Tensor]) -> int | None:
    """The longest lag at which what the first recurrent layer reads still tells something; None for none found.

    Args:
        model: With recurrent layers of this engine.
        loss: Calls the model on a batch and returns a scalar.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import needed_lag
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 1, 16), torch.sin(torch.arange(200) / 5).expand(4, 200)[..., None]
        >>> needed_lag(net, lambda: net(x)[0].square().mean()) > 10
        True
    """
    with at_rest(model):
        lags = lags_of(record(model, loss))
    return None if lags is None else lags.needed


def lags_of(recording: Recording) -> DataLags | None:
    """How far back what the first recurrent layer reads tells of itself; None for a layer that reads a step at a time.

    A layer that reads in both directions reads the same, of which the forward one is taken.
    """
    call = recording.tracks[0].calls[0]
    return data_lags(call.x, call.lengths) if call.x.shape[1] > 2 else None


def quick_check_of(recording: Recording, measured: Sequence[GradientFlow], limit: float = math.inf) -> QuickCheck:
    """The quick look at a recorded forward pass, with its gradient flows."""
    tracks = recording.tracks
    return QuickCheck(
        float(recording.loss.detach()),
        max(sum(call.x.shape[1] for call in track.calls) for track in tracks) if tracks else 0,
        together(measured),
        {track.layer: max(float(norms.max()) for norms in state_norms(track) if norms.numel()) for track in tracks},
        broken_state(tracks, min(limit, torch.finfo(torch.float64).max)),
    )


def _finite(figure: float) -> float | None:
    return figure if math.isfinite(figure) else None
