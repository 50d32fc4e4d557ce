"""A model's forward pass with its recurrent layers opened: every state of every step, and a place for its gradient."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ostinato.cells import Cell, State
from ostinato.diagnostics.layers import Layer, layers_of
from ostinato.engine import BackendName, intercept_scans, scan
from ostinato.nn import sequence_mask


class Probed(Cell[Any]):
    """A cell whose states can be read and pushed: ``y, s = cell(x, state + push)``, and s stands behind y.

    The push comes in behind the features of `x`. At zero it changes nothing, and the gradient with respect to it is the
    gradient with respect to the state that enters the step, exact on every backend that runs the cell.

    Args:
        cell: To open.
        masked: Whether a recurrent dropout mask stands behind the features of `x`.
    """

    def __init__(self, cell: Cell[Any], masked: bool = False) -> None:
        self.state_sizes = [tensor.shape[1] for tensor in cell.initial_state(1)]
        carried = sum(self.state_sizes)
        width = cell.input_size + (cell.output_size if masked else 0)
        super().__init__(width + carried, cell.output_size + carried)
        self.width = width
        self.cell = cell

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return self.cell.initial_state(batch_size, device, dtype)  # type: ignore[no-any-return]

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        x, *pushes = torch.split(x, [self.width, *self.state_sizes], dim=-1)
        y, new = self.cell(x, type(state)(*(old + push for old, push in zip(state, pushes, strict=True))))
        return torch.cat([y, *new], -1), new


@dataclass
class Call:
    """One scan of one layer and direction.

    Attributes:
        cell: One time step.
        x: What it read ``(batch, time, features)``.
        pushes: One for each tensor of the state, zeros ``(batch, time, size)``: where gradients are asked for.
        first: The state before the first step.
        y: Its output, as the rest of the model reads it.
        final: The state after the last step, likewise.
        states: After each step, one tensor ``(batch, time, size)`` for each tensor of the state.
        lengths: Valid steps of each row, or None for all.
        reverse: Whether it runs from the last step to the first.
    """

    cell: Cell[Any]
    x: Tensor
    pushes: list[Tensor]
    first: State
    y: Tensor
    final: State
    states: list[Tensor]
    lengths: Tensor | None
    reverse: bool

    @property
    def valid(self) -> Tensor:
        """Which steps are within their row's length, in the order they are taken: booleans ``(batch, time)``."""
        batch, time = self.x.shape[:2]
        lengths = torch.full((batch,), time) if self.lengths is None else self.lengths
        return sequence_mask(lengths.to(self.x.device), time)

    def in_order(self, tensor: Tensor) -> Tensor:
        """``(batch, time, ...)`` in the order in which the steps were taken, each row's first one in front.

        What stands past a row's length comes last, in any order.
        """
        if not self.reverse:
            return tensor
        steps = tensor.shape[1]
        if self.lengths is None:
            return tensor.flip(1)
        order = (self.lengths[:, None] - 1 - torch.arange(steps, device=tensor.device)) % steps
        return tensor.gather(1, order.view(*order.shape, *[1] * (tensor.dim() - 2)).expand_as(tensor))

    @property
    def before(self) -> list[Tensor]:
        """The states that entered each step, as `states` in the order of the input."""
        found = []
        for first, after in zip(self.first, self.states, strict=True):
            shifted = torch.cat([first.detach()[:, None], self.in_order(after)[:, :-1]], 1)
            found.append(self.in_order(shifted))
        return found


@dataclass
class Track:
    """All scans of one layer and direction in a forward pass, in order: one scan, or one for each step of a decoder."""

    layer: Layer
    calls: list[Call] = field(default_factory=list)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the state's tensors."""
        return self.calls[0].first._fields  # type: ignore[attr-defined, no-any-return]

    @property
    def chains(self) -> list[list[Call]]:
        """The scans, together those that go on from each other: each begins with the final state of the one before."""
        chains: list[list[Call]] = []
        for call in self.calls:
            if chains and all(one is other for one, other in zip(chains[-1][-1].final, call.first, strict=True)):
                chains[-1].append(call)
            else:
                chains.append([call])
        return chains

    @property
    def chain(self) -> list[Call]:
        """The last scan and those before it that it goes on from."""
        return self.chains[-1]


@dataclass
class Recording:
    """What a forward pass left.

    Attributes:
        loss: Its scalar.
        tracks: Of the layers that ran, in the order of the model.
        modules: Recurrent layers that were called, as ``(name, module, arguments, keywords)``, in order.
    """

    loss: Tensor
    tracks: list[Track]
    modules: list[tuple[str, nn.Module, tuple[Any, ...], dict[str, Any]]]


def record(model: nn.Module, loss: Callable[[], Tensor]) -> Recording:
    """Runs a forward pass with every recurrent layer opened; the model computes what it always does.

    Args:
        model: With recurrent layers of this engine anywhere within.
        loss: Calls the model on a batch and returns a scalar.

    Returns:
        The recording, with the graph to differentiate; parameters take part in it only where they need gradients.
    """
    layers, tracks = layers_of(model), dict[Layer, Track]()
    modules: list[tuple[str, nn.Module, tuple[Any, ...], dict[str, Any]]] = []

    def interceptor(
        cell: Cell[Any], x: Tensor, state: State, lengths: Tensor | None, reverse: bool, backend: BackendName
    ) -> tuple[Tensor, State]:
        layer = layers.of(cell, reverse)
        call = _opened(cell, x, state, lengths, reverse, backend)
        tracks.setdefault(layer, Track(layer)).calls.append(call)
        return call.y, call.final

    def note(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        modules.append((layers.names[module], module, args, kwargs))

    hooks = [module.register_forward_pre_hook(note, with_kwargs=True) for module in layers.names]
    try:
        with intercept_scans(interceptor), torch.enable_grad():
            value = loss()
    finally:
        for hook in hooks:
            hook.remove()
    return Recording(value, sorted(tracks.values(), key=lambda track: layers.order(track.layer)), modules)


def _opened(
    cell: Cell[Any], x: Tensor, state: State, lengths: Tensor | None, reverse: bool, backend: BackendName
) -> Call:
    probed = Probed(cell, masked=x.shape[2] != cell.input_size)
    pushes = [x.new_zeros(x.shape[0], x.shape[1], size).requires_grad_() for size in probed.state_sizes]
    # Torch's own kernels open no state; the same equations run elsewhere.
    chosen: BackendName = "auto" if backend == "aten" else backend
    wide, final = scan(probed, torch.cat([x, *pushes], -1), state, lengths=lengths, reverse=reverse, backend=chosen)
    y, *states = torch.split(wide, [cell.output_size, *probed.state_sizes], dim=-1)
    # Views of their own: the gradient that comes to them is what the rest of the model asks, not what the scan adds.
    final = type(final)(*(tensor.view_as(tensor) for tensor in final))
    return Call(cell, x.detach(), pushes, state, y.view_as(y), final, [s.detach() for s in states], lengths, reverse)


@contextmanager
def at_rest(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode, its parameters asking for no gradient; all is as before afterwards.

    Nothing random is drawn then, and no gradient of a weight is computed.
    """
    modes = [(module, module.training) for module in model.modules()]
    asked: Sequence[nn.Parameter] = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.eval()
    for parameter in asked:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in asked:
            parameter.requires_grad_(True)
        for module, training in modes:
            module.training = training
