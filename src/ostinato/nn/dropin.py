"""Torch's recurrent layers on this engine: the same constructors, parameters, checkpoints, calls and results."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from ostinato import cells
from ostinato.cells import Cell, ElmanState, GRUState, LSTMState
from ostinato.engine import BackendName, scan
from ostinato.engine.lengths import as_lengths
from ostinato.nn.packing import repack, unpack

States = tuple[Tensor, ...]


class DropIn(torch.nn.RNNBase, ABC):
    """What the three layers share: torch's own checks and layout of weights, with `scan` in place of its kernels.

    They are `torch.nn.RNNBase` and no more: torch.compile refuses every instance of torch's RNN, LSTM and GRU.
    """

    _state: ClassVar[Any]

    def __init__(self, mode: str, *args: Any, backend: BackendName, **kwargs: Any) -> None:
        super().__init__(mode, *args, **kwargs)
        self.backend: BackendName = backend
        # The cell of each layer and direction says what to compute, with the layer's weights of the moment, which come
        # from an optimiser, `functional_call` or a parametrisation. A list keeps their own, on "meta", unregistered.
        with torch.device("meta"):
            self._cells = [self._cell(weights[0].shape[1]) for weights in self.all_weights]

    @abstractmethod
    def _cell(self, input_size: int) -> Cell[Any]:
        """The cell of one layer and direction."""

    def _as_states(self, hx: Any) -> States:
        return (hx,)

    def _as_hidden(self, states: States) -> Any:
        return states[0]

    def forward(
        self, input: Tensor | PackedSequence, hx: Any = None, *, lengths: Tensor | Sequence[int] | None = None
    ) -> tuple[Any, Any]:
        """As torch's, with `lengths`.

        Args:
            input: ``(time, batch, features)``, ``(batch, time, features)`` with `batch_first`, ``(time, features)``
                without a batch, or a `PackedSequence`.
            hx: Initial state, ``(layers * directions, batch, size)``; a pair of them for an LSTM. Zeros unless given.
            lengths: Valid steps of each row of a padded batch, integers ``(batch,)`` between 0 and time, a tensor or a
                list; all steps unless given. Outputs past them are zero, final states are those at each row's last
                valid step, and the reverse direction starts there.

        Returns:
            The outputs, laid out as the input, and the final state, laid out as `hx`.

        Raises:
            RuntimeError: For shapes that do not fit, no steps, or tensors on several devices, as torch.
            ValueError: For an input of other than 2 or 3 dimensions or another dtype than the weights, as torch; for
                lengths out of range, or beside an input that is packed or has no batch.
        """
        self._update_flat_weights()
        hidden = None if hx is None else self._as_states(hx)
        y: Tensor | PackedSequence
        if isinstance(input, PackedSequence):
            y, final = self._forward_packed(input, hidden, lengths)
        else:
            y, final = self._forward_padded(input, hidden, lengths)
        return y, self._as_hidden(final)

    def _forward_packed(
        self, packed: PackedSequence, hidden: States | None, lengths: Tensor | Sequence[int] | None
    ) -> tuple[PackedSequence, States]:
        if lengths is not None:
            raise ValueError("lengths must not be given with a PackedSequence: it has its own")
        data, batch_sizes, order, back = packed
        if hidden is not None and order is not None:
            hidden = tuple(tensor.index_select(1, order) for tensor in hidden)
        self._check(data, hidden, batch_sizes)
        # Rows run in the order of the packing, in which torch checks the state too.
        in_order = PackedSequence(data, batch_sizes)
        y, final = self._run(*unpack(in_order), hidden)
        if back is not None:
            final = tuple(tensor.index_select(1, back) for tensor in final)
        return PackedSequence(repack(y, in_order).data, batch_sizes, order, back), final

    def _forward_padded(
        self, x: Tensor, hidden: States | None, lengths: Tensor | Sequence[int] | None
    ) -> tuple[Tensor, States]:
        if x.dim() not in (2, 3):
            raise ValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {x.dim()}D instead")
        if hidden is not None and any(tensor.dim() != x.dim() for tensor in hidden):
            kind, names = "batched" if x.dim() == 3 else "unbatched", "hx and cx" if len(hidden) > 1 else "hx"
            got = ", ".join(f"{tensor.dim()}-D" for tensor in hidden)
            raise RuntimeError(f"For {kind} {x.dim()}-D input, {names} should also be {x.dim()}-D but got {got}")
        batch_dim = 0 if self.batch_first else 1
        if x.dim() == 3:
            self._check(x, hidden, None)
            y, final = self._run(x if self.batch_first else x.transpose(0, 1), lengths, hidden)
            return y if self.batch_first else y.transpose(0, 1), final
        if lengths is not None:
            raise ValueError("lengths need a batch: the input must have 3 dimensions")
        one = None if hidden is None else tuple(tensor[:, None] for tensor in hidden)
        y, final = self._forward_padded(x.unsqueeze(batch_dim), one, None)
        return y.squeeze(batch_dim), tuple(tensor[:, 0] for tensor in final)

    def _check(self, x: Tensor, hidden: States | None, batch_sizes: Tensor | None) -> None:
        if hidden is None:
            self.check_input(x, batch_sizes)
        else:
            self.check_forward_args(x, self._as_hidden(hidden), batch_sizes)

    def _run(self, x: Tensor, lengths: Tensor | Sequence[int] | None, hidden: States | None) -> tuple[Tensor, States]:
        """Runs all layers over ``(batch, time, features)``."""
        if x.shape[1] == 0:
            raise RuntimeError(f"Expected sequence length to be larger than 0 in {type(self).__name__}")
        lengths = as_lengths(lengths, x)
        directions = 2 if self.bidirectional else 1
        finals: list[States] = []
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                # Torch draws with time first: one seed gives its numbers on the CPU, and the same on every backend.
                x = F.dropout(x.transpose(0, 1).contiguous(), self.dropout).transpose(0, 1)
            outputs = []
            for index in range(len(finals), len(finals) + directions):
                cell, weights = self._cells[index], [getattr(self, name) for name in self._all_weights[index]]
                state = None if hidden is None else self._state(*(tensor[index] for tensor in hidden))
                reverse = bool(index % directions)
                y, final = scan(cell, x, state, lengths=lengths, reverse=reverse, backend=self.backend, weights=weights)
                outputs.append(y)
                finals.append(final)
            x = torch.cat(outputs, -1) if self.bidirectional else outputs[0]
        return x, tuple(
            torch.stack(tensors) if len(tensors) > 1 else tensors[0][None] for tensors in zip(*finals, strict=True)
        )


class RNN(DropIn):
    """`torch.nn.RNN` on this engine: a drop-in with `lengths` at the call and the keyword `backend`.

    Args:
        input_size: Features of one input row.
        hidden_size: Units of each layer and direction.
        num_layers: Layers; 1 unless given.
        nonlinearity: "tanh" (default) or "relu".
        args: As `torch.nn.RNN`: bias, batch_first, dropout, bidirectional, device, dtype.
        backend: The engine's backend, see `ostinato.engine.scan`.
        kwargs: As `torch.nn.RNN`.

    Example:
        >>> import torch
        >>> from ostinato.nn import RNN
        >>> layer = RNN(8, 32, nonlinearity="relu", batch_first=True)
        >>> y, h = layer(torch.randn(4, 20, 8), lengths=[20, 7, 3, 1])
        >>> y.shape, h.shape
        (torch.Size([4, 20, 32]), torch.Size([1, 4, 32]))
    """

    _state: ClassVar = ElmanState

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        *args: Any,
        backend: BackendName = "auto",
        **kwargs: Any,
    ) -> None:
        _refuse_projection(kwargs)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        self.nonlinearity = nonlinearity
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(mode, input_size, hidden_size, num_layers, *args, backend=backend, **kwargs)

    def _cell(self, input_size: int) -> Cell[Any]:
        activation: Any = self.nonlinearity
        return cells.Elman(input_size, self.hidden_size, activation=activation, bias=self.bias)


class GRU(DropIn):
    """`torch.nn.GRU` on this engine: a drop-in with `lengths` at the call and the keyword `backend`.

    Args:
        args: As `torch.nn.GRU`: input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device,
            dtype.
        backend: The engine's backend, see `ostinato.engine.scan`.
        kwargs: As `torch.nn.GRU`.

    Example:
        >>> import torch
        >>> from ostinato.nn import GRU
        >>> layer = GRU(8, 32, num_layers=2, bidirectional=True, batch_first=True)
        >>> layer.load_state_dict(torch.nn.GRU(8, 32, 2, bidirectional=True).state_dict())
        <All keys matched successfully>
        >>> y, h = layer(torch.randn(4, 20, 8), lengths=[20, 7, 3, 1])
        >>> y.shape, h.shape
        (torch.Size([4, 20, 64]), torch.Size([4, 4, 32]))
    """

    _state: ClassVar = GRUState

    def __init__(self, *args: Any, backend: BackendName = "auto", **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, backend=backend, **kwargs)

    def _cell(self, input_size: int) -> Cell[Any]:
        return cells.GRU(input_size, self.hidden_size, bias=self.bias)


class LSTM(DropIn):
    """`torch.nn.LSTM` on this engine: a drop-in with `lengths` at the call and the keyword `backend`.

    Args:
        args: As `torch.nn.LSTM`: input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            proj_size, device, dtype.
        backend: The engine's backend, see `ostinato.engine.scan`.
        kwargs: As `torch.nn.LSTM`.

    Example:
        >>> import torch
        >>> from ostinato.nn import LSTM
        >>> layer = LSTM(8, 32, num_layers=2, batch_first=True)
        >>> y, (h, c) = layer(torch.randn(4, 20, 8), lengths=[20, 7, 3, 1])  # rows end at their own length
        >>> torch.equal(y[1, 6], h[-1, 1])
        True
    """

    _state: ClassVar = LSTMState

    get_expected_cell_size = torch.nn.LSTM.get_expected_cell_size
    check_forward_args = torch.nn.LSTM.check_forward_args  # type: ignore[assignment]  # torch's own override
    permute_hidden = torch.nn.LSTM.permute_hidden  # type: ignore[assignment]

    def __init__(self, *args: Any, backend: BackendName = "auto", **kwargs: Any) -> None:
        super().__init__("LSTM", *args, backend=backend, **kwargs)

    def _cell(self, input_size: int) -> Cell[Any]:
        return cells.LSTM(input_size, self.hidden_size, bias=self.bias, proj_size=self.proj_size)

    def _as_states(self, hx: Any) -> States:
        if isinstance(hx, Tensor) or len(hx) != 2:
            raise RuntimeError("LSTM expects two hidden states, the pair (h_0, c_0)")
        return (hx[0], hx[1])

    def _as_hidden(self, states: States) -> Any:
        return states


def _refuse_projection(settings: dict[str, Any]) -> None:
    if "proj_size" in settings:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
