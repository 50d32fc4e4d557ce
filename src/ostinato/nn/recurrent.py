"""A cell made a layer: stacked, run in one or both directions, regularised."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from operator import attrgetter
from typing import Any, Literal, cast, get_args, overload

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.rnn import PackedSequence
from torch.types import Device

from ostinato.cells import Cell, State, Zoneout
from ostinato.engine import BackendName, scan
from ostinato.engine.lengths import as_lengths, mask_steps, sequence_mask
from ostinato.nn.packing import repack, unpack

Merge = Literal["concat", "sum"]


class _Scan(nn.Module):
    """One cell over time, as a module: `torch.func.functional_call` can lend the cell other weights."""

    def __init__(self, cell: Cell[Any], reverse: bool, backend: BackendName) -> None:
        super().__init__()
        self.cell = cell
        self.reverse = reverse
        self.backend = backend

    def forward(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        return scan(self.cell, x, state, lengths=lengths, reverse=self.reverse, backend=self.backend)


class Recurrent(nn.Module):
    """Any cell over time: stacked, in one or both directions, regularised.

    ``Recurrent(LSTM, 8, 32, num_layers=2, bidirectional=True)``; a cell with settings comes as a callable,
    ``partial(LSTM, proj_size=16)`` or ``lambda i, h: Chain(LSTM(i, h), GRU(h, h))``.

    A layer above the first reads ``dropout(norm(x))``, x the output of the layer below. Random masks are drawn here, in
    a fixed order, so that one seed gives the same numbers on every backend. All of them but `zoneout` (which then gives
    the expected state) act in training only.

    Args:
        cell: A `Cell` class, or any callable that makes a cell from an input size and a hidden size.
        input_size: Features of one input row.
        hidden_size: The cells' second argument: the units of each layer and direction.
        num_layers: Layers; each reads the output of the one below.
        bidirectional: Whether each layer also runs from each row's last step to the first, with weights of its own.
        merge: "concat" joins the outputs of the two directions, "sum" adds them (Graves & Schmidhuber 2005).
        dropout: Probability of a zero in what each layer above the first reads (Zaremba et al. 2014), as in torch.
        locked_dropout: Whether `dropout` takes one mask per row for all of its steps (Merity et al. 2018).
        recurrent_dropout: Probability of a zero in what the recurrent weights see, one mask per row for all of its
            steps (Gal & Ghahramani 2016). The cell must call `Cell.apply_recurrent_dropout`.
        zoneout: Probability that a state unit keeps its old value at a step (Krueger et al. 2017), one for all tensors
            of the state or one for each: ``(0.05, 0.5)`` for the h and c of an LSTM.
        weight_drop: Probability of a zero in the recurrent weights, one mask per forward pass (Merity et al. 2018). The
            cell must name its `recurrent_weights`.
        residual: Whether a layer adds its input to its output, where the sizes agree (those of the layers above the
            first must).
        layer_norm: Whether each layer above the first normalises what it reads (Ba et al. 2016).
        trainable_initial_state: Whether the states before the first step are parameters, shared by all rows; they begin
            as the cell's `initial_state`.
        backend: The engine's backend, see `ostinato.engine.scan`.
        device: Of the weights; torch's default unless given. A `cell` that takes `device` and `dtype` is given
            them, any other is made under that device and then brought to the type.
        dtype: Of the weights; torch's default unless given.

    Attributes:
        output_size: Features of one output row.
        cells: The cells, layer by layer, the forward before the reverse direction.

    Raises:
        ValueError: For settings out of range, or that the cell cannot meet.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.nn import Recurrent
        >>> net = Recurrent(LSTM, 8, 32, num_layers=2, bidirectional=True, dropout=0.2, zoneout=(0.05, 0.5))
        >>> y, state = net(torch.randn(4, 20, 8), lengths=[20, 7, 1, 0])
        >>> y.shape, len(state)  # a state for each layer and direction
        (torch.Size([4, 20, 64]), 4)
    """

    def __init__(
        self,
        cell: Callable[[int, int], Cell[Any]],
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        merge: Merge = "concat",
        dropout: float = 0.0,
        locked_dropout: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: float | tuple[float, ...] = 0.0,
        weight_drop: float = 0.0,
        residual: bool = False,
        layer_norm: bool = False,
        trainable_initial_state: bool = False,
        backend: BackendName = "auto",
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        zones = zoneout if isinstance(zoneout, tuple) else (zoneout,)
        if num_layers < 1:
            raise ValueError(f"num_layers must be at least 1, got {num_layers}")
        if merge not in get_args(Merge):
            raise ValueError(f"merge must be one of {', '.join(get_args(Merge))}, got {merge!r}")
        _check_probabilities("dropout", dropout)
        _check_probabilities("recurrent_dropout", recurrent_dropout)
        _check_probabilities("zoneout", *zones)
        _check_probabilities("weight_drop", weight_drop)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.merge = merge
        self.dropout = dropout
        self.locked_dropout = locked_dropout
        self.recurrent_dropout = recurrent_dropout
        self.zoneout = zoneout if any(zones) else 0.0
        self.weight_drop = weight_drop
        self.residual = residual
        self._directions = 2 if bidirectional else 1
        self.scans = nn.ModuleList()
        self.norms = nn.ModuleList()
        size = input_size
        for layer in range(num_layers):
            if layer and layer_norm:
                self.norms.append(nn.LayerNorm(size, device=device, dtype=dtype))
            below, size = size, self._add_layer(_placed(cell, device, dtype), size, backend)
            if layer and residual and size != below:
                raise ValueError(f"residual: layer {layer} takes {below} features and gives {size}; they must be equal")
        self.output_size = size
        self.initial = nn.ParameterDict(self._initial_parameters(device, dtype) if trainable_initial_state else {})

    def _add_layer(self, make: Callable[[int, int], Cell[Any]], input_size: int, backend: BackendName) -> int:
        """Adds the cells of one layer; gives the layer's output size."""
        sizes = []
        for direction in range(self._directions):
            cell = make(input_size, self.hidden_size)
            self._check_cell(cell, input_size)
            sizes.append(cell.output_size)
            self.scans.append(_Scan(Zoneout(cell) if self.zoneout else cell, bool(direction), backend))
        return sum(sizes) if self.merge == "concat" else sizes[0]

    def _check_cell(self, cell: Cell[Any], input_size: int) -> None:
        name = type(cell).__name__
        if not isinstance(cell, Cell):
            raise ValueError(f"cell must make a Cell from (input_size, hidden_size), it made a {name}")
        if cell.input_size != input_size:
            raise ValueError(f"cell made a {name} that takes {cell.input_size} features where {input_size} come in")
        if self.recurrent_dropout and not cell.supports_recurrent_dropout:
            raise ValueError(
                f"recurrent_dropout: {name} does not drop its state; call Cell.apply_recurrent_dropout in its forward "
                "and set supports_recurrent_dropout = True, or use zoneout or weight_drop"
            )
        if self.weight_drop and not cell.recurrent_weights:
            raise ValueError(f"weight_drop: {name} has no recurrent_weights; name them in its class")
        fields = cell.initial_state(1)._fields
        if isinstance(self.zoneout, tuple) and len(self.zoneout) != len(fields):
            raise ValueError(f"zoneout must be one number for each of {name}'s {', '.join(fields)}, got {self.zoneout}")

    def _initial_parameters(self, device: Device, dtype: torch.dtype | None) -> dict[str, nn.Parameter]:
        return {name: nn.Parameter(value) for name, value in self._first_values(device, dtype).items()}

    def _first_values(self, device: Any, dtype: torch.dtype | None) -> dict[str, Tensor]:
        """Where the trainable initial states begin."""
        return {
            self._initial_name(field, index): tensor[0].clone()
            for index, cell in enumerate(self.cells)
            for field, tensor in cell.initial_state(1, device, dtype)._asdict().items()
        }

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draws all weights anew, as the constructor did: the same seed gives the same numbers.

        Each cell does so by its own `reset_parameters`; norms and trainable initial states are as in the beginning.
        """
        for cell in self.cells:
            cell.reset_parameters()
        for norm in cast(Iterable[nn.LayerNorm], self.norms):
            norm.reset_parameters()
        if self.initial:
            for name, value in self._first_values(None, None).items():
                self.initial[name].copy_(value)

    def _initial_name(self, field: str, index: int) -> str:
        layer, reverse = divmod(index, self._directions)
        return f"{field}_l{layer}" + ("_reverse" if reverse else "")

    @property
    def cells(self) -> list[Cell[Any]]:
        """The cells, layer by layer, the forward before the reverse direction."""
        return [each.cell for each in cast(Iterable[_Scan], self.scans)]

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> tuple[State, ...]:
        """The state before the first step.

        Args:
            batch_size: Rows.
            device: Of the tensors; torch's default unless given.
            dtype: Of the tensors; torch's default unless given.

        Returns:
            One state of the cell for each layer and direction, in the order of `cells`.
        """
        states = (cell.initial_state(batch_size, device, dtype) for cell in self.cells)
        return tuple(self._trained(state, index) if self.initial else state for index, state in enumerate(states))

    def _trained(self, state: Any, index: int) -> State:
        trained = {
            field: self.initial[self._initial_name(field, index)].to(tensor).expand_as(tensor)
            for field, tensor in state._asdict().items()
        }
        return state._replace(**trained)  # type: ignore[no-any-return]

    @overload
    def forward(
        self, x: Tensor, state: tuple[State, ...] | None = None, *, lengths: Tensor | Sequence[int] | None = None
    ) -> tuple[Tensor, tuple[State, ...]]: ...

    @overload
    def forward(
        self, x: PackedSequence, state: tuple[State, ...] | None = None
    ) -> tuple[PackedSequence, tuple[State, ...]]: ...

    def forward(
        self,
        x: Tensor | PackedSequence,
        state: tuple[State, ...] | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
    ) -> tuple[Tensor | PackedSequence, tuple[State, ...]]:
        """Runs all layers over time.

        Args:
            x: Input ``(batch, time, input_size)``, or a `PackedSequence`, which brings its own lengths.
            state: States before the first step, as `initial_state` gives them, rows in the user's order; that is also
                what is taken unless given. The final state of a chunk, cut with `ostinato.engine.detach`, is the
                initial state of the next one.
            lengths: Valid steps of each row, integers ``(batch,)`` between 0 and time, a tensor or a list; all steps
                unless given.

        Returns:
            The outputs ``(batch, time, output_size)``, zero past each row's length (packed as `x` if that is packed),
            and the final states, those at each row's last valid step.

        Raises:
            ValueError: For shapes that do not fit, lengths out of range, or lengths beside a `PackedSequence`.
        """
        if not isinstance(x, PackedSequence):
            return self._run(x, state, lengths)
        if lengths is not None:
            raise ValueError("lengths must not be given with a PackedSequence: it has its own")
        padded, lengths = unpack(x)
        y, final = self._run(padded, state, lengths)
        return repack(y, x), final

    def _run(
        self, x: Tensor, state: tuple[State, ...] | None, lengths: Tensor | Sequence[int] | None
    ) -> tuple[Tensor, tuple[State, ...]]:
        if x.dim() != 3 or x.shape[2] != self.input_size:
            raise ValueError(f"x must be (batch, time, {self.input_size}), got {tuple(x.shape)}")
        lengths = as_lengths(lengths, x)
        first = self.initial_state(x.shape[0], x.device, x.dtype) if state is None else state
        if len(first) != len(self.scans):
            raise ValueError(
                f"state must hold {len(self.scans)} states of the cell ({self.num_layers} layers, "
                f"{self._directions} directions), got {len(first)}"
            )
        final: list[State] = []
        for layer in range(self.num_layers):
            below, seen, outputs = x, self._read(x, layer), []
            for index in range(len(final), len(final) + self._directions):
                y, last = self._scan(index, seen, first[index], lengths)
                outputs.append(y)
                final.append(last)
            x = self._merged(*outputs)
            if self.residual and x.shape == below.shape:
                x = x + (below if lengths is None else mask_steps(below, sequence_mask(lengths, x.shape[1])))
        return x, tuple(final)

    def _merged(self, forward: Tensor, reverse: Tensor | None = None) -> Tensor:
        if reverse is None:
            return forward
        return torch.cat([forward, reverse], -1) if self.merge == "concat" else forward + reverse

    def _read(self, x: Tensor, layer: int) -> Tensor:
        """What a layer reads of the one below."""
        if layer and self.norms:
            x = self.norms[layer - 1](x)
        if layer and self.dropout and self.training:
            batch, steps, features = x.shape
            x = x * _kept(x, (batch, 1 if self.locked_dropout else steps, features), self.dropout)
        return x

    def _scan(self, index: int, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        one = cast(_Scan, self.scans[index])
        if masks := list(self._masks(one.cell, x)):
            x = torch.cat([x, *masks], -1)
        if not (self.weight_drop and self.training):
            return one(x, state, lengths)  # type: ignore[no-any-return]
        weights = {f"cell.{name}": attrgetter(name)(one.cell) for name in one.cell.recurrent_weights}
        dropped = {name: weight * _kept(weight, weight.shape, self.weight_drop) for name, weight in weights.items()}
        return functional_call(one, dropped, (x, state, lengths))  # type: ignore[no-any-return]

    def _masks(self, cell: Cell[Any], x: Tensor) -> Iterator[Tensor]:
        """The masks that stand behind the features of `x`: recurrent dropout's, then zoneout's."""
        batch, time, _ = x.shape
        if self.recurrent_dropout and self.training:
            yield _kept(x, (batch, 1, cell.output_size), self.recurrent_dropout).expand(batch, time, -1)
        if isinstance(cell, Zoneout):
            sizes = cell.state_sizes
            zones = self.zoneout if isinstance(self.zoneout, tuple) else (self.zoneout,) * len(sizes)
            for size, p in zip(sizes, zones, strict=True):
                mask = x.new_full((batch, time, size), p)
                yield mask.bernoulli_(p) if self.training else mask

    def extra_repr(self) -> str:
        names = [
            "bidirectional",
            "dropout",
            "locked_dropout",
            "recurrent_dropout",
            "zoneout",
            "weight_drop",
            "residual",
        ]
        settings = ["num_layers", "merge"] + [name for name in names if getattr(self, name)]
        return f"{self.input_size}, {self.hidden_size}, " + ", ".join(f"{n}={getattr(self, n)!r}" for n in settings)


def _placed(
    make: Callable[..., Cell[Any]], device: Device, dtype: torch.dtype | None
) -> Callable[[int, int], Cell[Any]]:
    """Makes cells on this device and in this type, whether or not `make` takes the two as keywords."""
    if device is None and dtype is None:
        return make
    taken = inspect.signature(make).parameters
    keywords = {name: value for name, value in (("device", device), ("dtype", dtype)) if name in taken}

    def made(input_size: int, hidden_size: int) -> Cell[Any]:
        with nullcontext() if device is None else torch.device(device):
            cell = make(input_size, hidden_size, **keywords)
        return cell.to(dtype=dtype) if isinstance(cell, Cell) else cell

    return made


def _check_probabilities(name: str, *probabilities: float) -> None:
    for p in probabilities:
        if not 0 <= p < 1:
            raise ValueError(f"{name} must be a probability in [0, 1), got {p}")


def _kept(x: Tensor, shape: Sequence[int], p: float) -> Tensor:
    """A dropout mask like `x`: 0 with probability p, else 1 / (1 - p).

    Drawn into a new tensor: `F.dropout` draws in the order of memory, which differs between backends.
    """
    return x.new_empty(shape).bernoulli_(1 - p).div_(1 - p)
