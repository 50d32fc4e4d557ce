"""Gradient flow through time: what reaches the state of k steps ago of the loss of the last step."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ostinato.diagnostics.layers import Layer
from ostinato.diagnostics.probe import Call, Recording, Track, at_rest, record
from ostinato.diagnostics.rate import exponential_rate
from ostinato.errors import OstinatoError

SHARE = 0.01
"""A gradient that has fallen below this share of its largest norm no longer teaches."""


@dataclass(frozen=True)
class GradientFlow:
    """The gradient that comes back through time to the state of one layer and direction.

    Attributes:
        layer: Which.
        state: The name of the state's tensor: h, c, ...; several where they are taken together.
        norms: ``norms[row, k - 1]`` is the 2-norm of the derivative, with respect to the state at T - k (as it enters
            the next step), of what the loss takes from the last step T; float64, NaN before a row's
            first step, infinite where it overflows.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import gradient_flow
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> def loss():
        ...     return net(x)[0][:, -1].square().mean()
        >>> flow = gradient_flow(net, loss)[0]
        >>> flow.state, flow.norms.shape  # a norm for each row and lag
        ('h', torch.Size([8, 50]))
        >>> flow.rate < 0 and flow.reach < 50  # the gradient vanishes
        True
    """

    layer: Layer
    state: str
    norms: Tensor

    def __str__(self) -> str:
        return f"{self.layer}, {self.state}"

    @property
    def rates(self) -> Tensor:
        """The fitted exponential rate of each row, in nats a step; NaN where nothing comes back."""
        return exponential_rate(self.norms)

    @property
    def rate(self) -> float:
        """Their median: below 0 gradients vanish, above 0 they explode; NaN where nothing comes back."""
        return float(self.rates.nanmedian())

    @property
    def typical(self) -> Tensor:
        """The median norm at each lag that half of the rows have ``(lags,)``."""
        enough = int((~self.norms.isnan()).double().mean(0).ge(0.5).sum())
        return self.norms[:, : max(enough, 1)].nanmedian(0).values

    def band(self, low: float = 0.1, high: float = 0.9) -> tuple[Tensor, Tensor]:
        """Quantiles over the rows at the lags of `typical`, two of ``(lags,)``."""
        norms = self.norms[:, : len(self.typical)]
        return norms.nanquantile(low, 0), norms.nanquantile(high, 0)

    @property
    def growth(self) -> float:
        """The typical norm at the longest lag as a share of that at lag 1; NaN where nothing comes back."""
        typical = self.typical
        return float(typical[-1] / typical[0]) if float(typical[0]) > 0 else math.nan

    @property
    def reach(self) -> int:
        """The longest lag at which the typical norm is still 1 % of its largest; 0 where nothing comes back."""
        typical = self.typical.nan_to_num(0)
        kept = (typical >= SHARE * typical.amax()) & (typical > 0)
        return int(kept.nonzero().amax()) + 1 if bool(kept.any()) else 0


def gradient_flow(model: nn.Module, loss: Callable[[], Tensor]) -> list[GradientFlow]:
    """Measures how gradients fare on their way back through time, exactly, on whatever backend the layers use.

    The model is put into evaluation mode for the measurement, which draws nothing random and changes nothing. Of each
    stack of layers, the loss's gradient at the last valid step of each row is followed back through all its layers:
    the gradient of the loss at step T with respect to the state at T - k, for every lag k. A direction that runs
    backwards has its last step at the start of the row.

    Args:
        model: With recurrent layers of this engine.
        loss: Calls the model on a batch and returns a scalar.

    Returns:
        One flow for each layer, direction and tensor of the state, in the order of the model.

    Raises:
        OstinatoError: The model ran no recurrent layer, or the loss does not depend on any.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import gradient_flow
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> for flow in gradient_flow(net, lambda: net(x)[0][:, -1].square().mean()):
        ...     print(f"{flow}: {flow.rate:.2f} nats a step, reach {flow.reach}")
        layer 1, h: -0... nats a step, reach ...
        layer 1, c: -0... nats a step, reach ...
    """
    with at_rest(model):
        return flows(record(model, loss))


def flows(recording: Recording) -> list[GradientFlow]:
    """The gradient flows of a recorded forward pass; see `gradient_flow`."""
    if not recording.tracks:
        raise OstinatoError(
            "the model ran no recurrent layer of this engine: use ostinato.nn.Recurrent, or ostinato.nn.LSTM, GRU or "
            "RNN, which load the weights of torch's"
        )
    if not recording.loss.requires_grad:
        raise OstinatoError("the loss does not depend on any recurrent layer")
    found: dict[tuple[Layer, str], GradientFlow] = {}
    for stack in dict.fromkeys(track.layer.stack for track in recording.tracks):
        own = [track for track in recording.tracks if track.layer.stack == stack]
        for reverse in (False, True):
            for flow in _one_direction(recording.loss, own, reverse):
                found[flow.layer, flow.state] = flow
    return [found[track.layer, name] for track in recording.tracks for name in track.fields]


def together(measured: Sequence[GradientFlow]) -> list[GradientFlow]:
    """The flows to the tensors of a layer's state as one flow to the whole of it, for each layer and direction."""
    layers: dict[Layer, list[GradientFlow]] = {}
    for flow in measured:
        layers.setdefault(flow.layer, []).append(flow)
    return [
        GradientFlow(
            layer,
            " and ".join(flow.state for flow in own),
            torch.stack([flow.norms for flow in own]).square().sum(0).sqrt(),
        )
        for layer, own in layers.items()
    ]


def _one_direction(loss: Tensor, stack: Sequence[Track], reverse: bool) -> list[GradientFlow]:
    """The flows of the layers that run in one direction."""
    measured = [track for track in stack if track.layer.reverse == reverse]
    top = next((track for track in measured if track.layer.top), None)
    if top is None:
        return []
    outputs = [call.y for call in top.chain]
    finals = [tensor for track in measured for tensor in track.chain[-1].final]
    asked = torch.autograd.grad(loss, [*outputs, *finals], retain_graph=True, allow_unused=True, materialize_grads=True)
    by_output, by_final = asked[: len(outputs)], asked[len(outputs) :]
    last = _last_step(top.chain, by_output, by_final)
    seeds = _seeds(top.chain, by_output, last)
    pushes = [push for track in measured for call in track.chain for push in call.pushes]
    came = iter(
        torch.autograd.grad(
            [*outputs, *finals],
            pushes,
            [*seeds, *by_final],
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
    )
    made = []
    for track in measured:
        valid = torch.cat([call.valid for call in track.chain], 1)
        parts = [[call.in_order(next(came)) for _ in call.pushes] for call in track.chain]
        for number, name in enumerate(track.fields):
            norms = torch.cat([torch.linalg.vector_norm(part[number], dim=2, dtype=torch.float64) for part in parts], 1)
            made.append(GradientFlow(track.layer, name, _by_lag(norms, valid, last)))
    return made


def _last_step(chain: Sequence[Call], by_output: Sequence[Tensor], by_final: Sequence[Tensor]) -> Tensor:
    """The last step of each row that the loss reads, in the order in which steps are taken, ``(batch,)``."""
    valid = torch.cat([call.valid for call in chain], 1)
    steps = torch.arange(valid.shape[1], device=valid.device)
    end = torch.where(valid, steps, -1).amax(1)
    if any(bool(final.any()) for final in by_final):
        return end
    read = (
        torch.cat([call.in_order(gradient).any(2) for call, gradient in zip(chain, by_output, strict=True)], 1) & valid
    )
    return torch.where(read.any(1), torch.where(read, steps, -1).amax(1), end)


def _seeds(chain: Sequence[Call], by_output: Sequence[Tensor], last: Tensor) -> list[Tensor]:
    """Gradients ``(batch, time, features)`` of the scans' outputs at the last step of each row, zero elsewhere."""
    seeds, before = [], 0
    for call, gradient in zip(chain, by_output, strict=True):
        time = gradient.shape[1]
        there = torch.arange(time, device=last.device) == (last - before)[:, None]  # in order
        seeds.append(torch.where(call.in_order(there)[..., None], gradient, 0))
        before += time
    return seeds


def _by_lag(norms: Tensor, valid: Tensor, last: Tensor) -> Tensor:
    """Norms ``(batch, steps)`` in the order of the steps, as ``(batch, lags)``: lag 1 is the state before the last."""
    steps = torch.arange(norms.shape[1], device=norms.device)
    # What stands past a row's length in a scan that another goes on from is no step.
    together = norms.gather(1, (~valid).int().argsort(stable=True, dim=1))
    place = (valid & (steps <= last[:, None])).sum(1, keepdim=True) - 1 - steps
    # What is no number has passed infinity.
    found = together.gather(1, place.clamp(min=0)).nan_to_num(nan=torch.inf, posinf=torch.inf)
    return torch.where(place >= 0, found, torch.nan)
