"""What is measured: a cell with its input, and those who run it."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ostinato.cells import GRU, LSTM, Cell, Elman
from ostinato.engine import aten, cpp
from ostinato.engine.scan import BackendName, scan

Results = dict[str, Tensor]

_FAST: tuple[BackendName, ...] = ("cpp", "aten")
_LAYERS: dict[type, Any] = {LSTM: torch.nn.LSTM, GRU: torch.nn.GRU, Elman: torch.nn.RNN}


@dataclass(frozen=True)
class Contender:
    """Something that runs a cell over time.

    Attributes:
        run: Gives the outputs ``(time, batch, features)`` and the final state.
        leaves: What gradients are taken of: x, the weights and the initial state, by name.
        gradient: The gradient of the outputs: the loss is the sum of their product.
        states: Names of the state's tensors.
    """

    run: Callable[[], tuple[Tensor, Any]]
    leaves: dict[str, Tensor]
    gradient: Tensor
    states: tuple[str, ...]

    def forward(self) -> object:
        """The forward pass as for inference."""
        with torch.no_grad():
            return self.run()

    def train(self) -> tuple[Tensor, ...]:
        """Forward and backward pass: the gradients of all leaves. The loss itself costs nothing."""
        return self._gradients(self.run()[0])

    def results(self) -> Results:
        """All that a forward and a backward pass make, by name."""
        y, final = self.run()
        finals = (final,) if isinstance(final, Tensor) else final
        gradients = self._gradients(y)
        return {
            "the output": y.detach(),
            **{f"the final {name}": tensor.detach() for name, tensor in zip(self.states, finals, strict=True)},
            **{f"the gradient of {name}": tensor for name, tensor in zip(self.leaves, gradients, strict=True)},
        }

    def _gradients(self, y: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad(y, tuple(self.leaves.values()), self.gradient, materialize_grads=True)


@dataclass(frozen=True)
class Workload:
    """A cell, and what every contender is given to run it on.

    Attributes:
        cell: One time step.
        x: Input ``(time, batch, features)``.
        state: The state before the first step.
        gradient: The gradient of the outputs, ``(time, batch, features)``.
    """

    cell: Cell[Any]
    x: Tensor
    state: Any
    gradient: Tensor

    @classmethod
    def drawn(cls, cell: Cell[Any], steps: int, batch: int, seed: int = 0) -> "Workload":
        """Random input and gradient for a cell in float32."""
        draw = torch.Generator().manual_seed(seed)
        x, gradient = (torch.randn(steps, batch, size, generator=draw) for size in (cell.input_size, cell.output_size))
        return cls(cell, x, cell.initial_state(batch), gradient)

    def on(self, backend: BackendName) -> Contender:
        """`scan` on one backend."""
        x, state = _leaf(self.x), type(self.state)(*map(_leaf, self.state))

        def run() -> tuple[Tensor, Any]:
            y, final = scan(self.cell, x.transpose(0, 1), state, backend=backend)
            return y.transpose(0, 1), final

        return self._contender(run, x, self._weights(self.cell.parameters()), state)

    def layer(self, layer: torch.nn.RNNBase) -> Contender:
        """A layer in the manner of torch, time first, which holds the cell's weights."""
        x, state = _leaf(self.x), tuple(_leaf(tensor[None]) for tensor in self.state)
        hidden: Any = state if len(state) > 1 else state[0]
        return self._contender(lambda: layer(x, hidden), x, self._weights(layer.parameters()), state)

    def truth(self) -> Results:
        """The results of the plain loop in float64."""
        state = type(self.state)(*(tensor.double() for tensor in self.state))
        double = replace(
            self, cell=deepcopy(self.cell).double(), x=self.x.double(), state=state, gradient=self.gradient.double()
        )
        return double.on("reference").results()

    def everyone(self) -> dict[str, Contender]:
        """All that can run the cell: the backends, and torch's layer where torch has the cell, by name."""
        found: dict[str, Contender] = {name: self.on(name) for name in _FAST if name not in self.obstacles()}
        if layer := torch_layer(self.cell):
            found[f"torch.nn.{type(layer).__name__}"] = self.layer(layer)
        return found | {"reference": self.on("reference")}

    def obstacles(self) -> dict[str, str]:
        """Why each backend that cannot run the cell cannot, by name."""
        features = self.x.shape[2]
        compiled = cpp.prepare(self.cell, features, self.x.dtype, self.x.device)
        found = {
            "cpp": compiled if isinstance(compiled, str) else None,
            "aten": aten.why_not(self.cell, features),
        }
        return {name: why for name, why in found.items() if why is not None}

    def _weights(self, tensors: Iterable[Tensor]) -> dict[str, Tensor]:
        names = (name for name, _ in self.cell.named_parameters())
        return {name: tensor for name, tensor in zip(names, tensors, strict=True) if tensor.requires_grad}

    def _contender(
        self, run: Callable[[], tuple[Tensor, Any]], x: Tensor, weights: dict[str, Tensor], state: tuple[Tensor, ...]
    ) -> Contender:
        states = self.state._fields
        first = {f"the initial {name}": tensor for name, tensor in zip(states, state, strict=True)}
        return Contender(run, {"x": x, **weights, **first}, self.gradient, states)


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().requires_grad_()


def torch_layer(cell: Cell[Any]) -> torch.nn.RNNBase | None:
    """Torch's layer with the cell's weights, if torch has the cell."""
    if aten.why_not(cell, cell.input_size):
        return None
    options: dict[str, Any] = {"bias": cell.bias_ih is not None}
    if isinstance(cell, LSTM):
        options["proj_size"] = cell.proj_size
    if isinstance(cell, Elman):
        options["nonlinearity"] = cell.activation
    hidden_size = cell.hidden_size if isinstance(cell, LSTM) else cell.output_size
    layer: torch.nn.RNNBase = _LAYERS[type(cell)](cell.input_size, hidden_size, **options)
    with torch.no_grad():
        for theirs, ours in zip(layer.parameters(), cell.parameters(), strict=True):
            theirs.copy_(ours)
    return layer
