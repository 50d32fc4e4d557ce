"""The recurrent layers of a model, and what to call them."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import nn

from ostinato.cells import Cell, Zoneout
from ostinato.engine.capture import weights_of
from ostinato.nn import Recurrent
from ostinato.nn.dropin import DropIn


class Layer(NamedTuple):
    """One layer and direction.

    Attributes:
        stack: The name of the module that it belongs to, as in the model's `named_modules`; may be empty.
        depth: From 0, the one that reads the input.
        reverse: Whether it runs backwards.
        layers: Of the stack.
        cell: The class of its cell.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import gradient_flow
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16, num_layers=2), torch.randn(8, 50, 3)
        >>> def loss():
        ...     return net(x)[0][:, -1].square().mean()
        >>> layer = gradient_flow(net, loss)[-1].layer
        >>> layer.cell, layer.depth, layer.layers, layer.top
        ('LSTM', 1, 2, True)
    """

    stack: str
    depth: int
    reverse: bool
    layers: int
    cell: str

    def __str__(self) -> str:
        parts = [self.stack] if self.stack else []
        if self.layers > 1 or not parts:
            parts.append(f"layer {self.depth + 1}")
        if self.reverse:
            parts.append("reverse")
        return " ".join(parts)

    @property
    def top(self) -> bool:
        """Whether the rest of the model reads its output."""
        return self.depth == self.layers - 1


@dataclass
class Layers:
    """Finds the layer of a cell that runs.

    Attributes:
        names: Every recurrent module of the model, and its name.
    """

    names: dict[nn.Module, str]
    _known: dict[int, Layer]
    _others: int = 0

    def of(self, cell: Cell[Any], reverse: bool) -> Layer:
        """The layer that this cell is; one that the model does not hold is a layer of its own."""
        key = _key(cell)
        if key not in self._known:
            self._others += 1
            self._known[key] = Layer(f"scan {self._others}", 0, reverse, 1, type(cell).__name__)
        return self._known[key]

    def order(self, layer: Layer) -> int:
        """Its place in the model."""
        return list(self._known.values()).index(layer)


def layers_of(model: nn.Module) -> Layers:
    """Every recurrent layer of a model: those of `Recurrent` and of the drop-ins, and cells that stand alone."""
    names: dict[nn.Module, str] = {}
    known: dict[int, Layer] = {}
    for name, module in model.named_modules():
        if isinstance(module, Recurrent):
            names[module] = name
            directions = 2 if module.bidirectional else 1
            for number, cell in enumerate(module.cells):
                depth, reverse = divmod(number, directions)
                known[_key(cell)] = Layer(name, depth, bool(reverse), module.num_layers, _kind(cell))
        elif isinstance(module, DropIn):
            names[module] = name
            directions = 2 if module.bidirectional else 1
            for number, weights in enumerate(module.all_weights):
                depth, reverse = divmod(number, directions)
                known[id(weights[0])] = Layer(name, depth, bool(reverse), module.num_layers, type(module).__name__)
        elif isinstance(module, Cell) and _key(module) not in known and not _within(name, names.values()):
            known[_key(module)] = Layer(name, 0, False, 1, _kind(module))
    return Layers(names, known)


def _within(name: str, stacks: Any) -> bool:
    return any(name.startswith(f"{stack}." if stack else "") for stack in stacks)


def _key(cell: Cell[Any]) -> int:
    """What is the same for a cell and the copies of it that share its weights."""
    weights = weights_of(cell)
    return id(weights[0][1]) if weights else id(cell)


def _kind(cell: Cell[Any]) -> str:
    return type(cell.cell if isinstance(cell, Zoneout) else cell).__name__
