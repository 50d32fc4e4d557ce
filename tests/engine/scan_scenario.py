"""Scans that tests run on several backends, and all that comes out of them."""

import copy
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from ostinato.cells import (
    CELLS,
    GRU,
    LSTM,
    SLSTM,
    Cell,
    CoupledLSTM,
    Elman,
    FastGRNN,
    Jordan,
    LayerNormLSTM,
    PeepholeLSTM,
    Zoneout,
)
from ostinato.engine import scan
from ostinato.engine.capture import capture
from ostinato.engine.graph import StepGraph, build_graph

compiled = partial(scan, backend="cpp")
reference = partial(scan, backend="reference")

EVERY_CELL: dict[str, Callable[[int, int], Cell]] = {
    **CELLS,
    "elman_without_bias": partial(Elman, bias=False),
    "lstm_without_bias": partial(LSTM, bias=False),
    "lstm_with_projection": partial(LSTM, proj_size=2),
    "peephole_lstm_with_projection": partial(PeepholeLSTM, proj_size=2),
    "coupled_lstm_with_projection": partial(CoupledLSTM, proj_size=2),
    "layer_norm_lstm_with_projection": partial(LayerNormLSTM, proj_size=2),
    "jordan_with_output_size": partial(Jordan, output_size=2),
    "slstm_with_heads": partial(SLSTM, heads=2, forget_gate="exponential"),
    "low_rank_fast_grnn": partial(FastGRNN, rank_w=2, rank_u=2),
    "gru_under_zoneout": lambda inputs, hidden: Zoneout(GRU(inputs, hidden)),
}

SIZES = (5, 34)
"""Input and hidden size: several vectors and a rest. No sizes of a cell coincide: it runs as compiled for (3, 4)."""

VARIED = [
    "binary",
    "contractive",
    "cornn",
    "gru",
    "gru_under_zoneout",
    "jordan",
    "layer_norm_lstm",
    "low_rank_fast_grnn",
]
VARIED += [
    "coupled_lstm_with_projection",
    "layer_norm_lstm_with_projection",
    "lru",
    "lstm_gru",
    "min_lstm",
    "peephole_lstm_with_projection",
    "qrnn",
    "slstm_with_heads",
    "sru",
]
"""Cells that have between them all that steps are made of."""

LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "batch first": lambda x: x,
    "time first": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "features apart": lambda x: x.transpose(1, 2).contiguous().transpose(1, 2),
}
"""The same ``(batch, time, features)`` in different orders of memory."""

LOSSES: dict[str, Callable[[Tensor, tuple[Tensor, ...], list[Tensor]], Tensor]] = {
    "all": lambda y, final, w: sum((a * b).sum() for a, b in zip((y, *final), w, strict=True)),
    "sum of outputs": lambda y, final, w: y.sum(),  # its gradient is one number, expanded
    "outputs transposed": lambda y, final, w: (y.transpose(1, 2) * w[0].transpose(1, 2).contiguous()).sum(),
    "final state": lambda y, final, w: sum((a * b).sum() for a, b in zip(final, w[1:], strict=True)),
}
"""What is differentiated: the gradients of the outputs come in different orders of memory, or not at all."""


class Case(NamedTuple):
    cell: Cell
    x: Tensor
    state: tuple[Tensor, ...] | None
    lengths: Tensor | None
    reverse: bool
    layout: str = "batch first"
    loss: str = "all"


class Results(NamedTuple):
    y: Tensor
    final: tuple[Tensor, ...]
    gradients: dict[str, Tensor]


class StepState(NamedTuple):
    h: Tensor


class StepCell(Cell[StepState]):
    """One function of ``(cell, x, h)`` as a cell: it returns the new h, or y and the new h."""

    def __init__(self, function, *, hidden: int = 4, **attributes) -> None:
        super().__init__(3, hidden)
        self.w, self.u, self.v = self.new_weight(hidden, 3), self.new_weight(hidden, hidden), self.new_bias(hidden)
        self.function = function
        for name, value in attributes.items():
            setattr(self, name, value)

    def initial_state(self, batch_size, device=None, dtype=None):
        return StepState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x, state):
        made = self.function(self, x, state.h)
        y, h = made if isinstance(made, tuple) else (made, made)
        return y, StepState(h)


class Over(nn.Module):
    """A scan as a module, so that its weights can be given by name."""

    def __init__(self, cell, run) -> None:
        super().__init__()
        self.cell = cell
        self.run = run

    def forward(self, x, state=None, **settings):
        return self.run(self.cell, x, state, **settings)


def graph_of(cell: Cell) -> StepGraph:
    return build_graph(capture(cell.double(), cell.input_size, torch.float64))


@cache
def graph_of_cell(name: str) -> StepGraph:
    return graph_of(EVERY_CELL[name](*SIZES))


def random_state(cell: Cell, batch: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    zeros = cell.initial_state(batch, dtype=dtype)
    return type(zeros)(*(torch.randn_like(tensor) for tensor in zeros))


def made_case(cell: nn.Module, *, batch: int = 5, time: int = 4, features: int = 0, **settings) -> Case:
    """A scan of rows of several lengths, the last one's 0 (but for a row alone), from a random state."""
    torch.manual_seed(1)
    dtype = next(cell.parameters()).dtype
    x = torch.randn(batch, time, features or cell.input_size, dtype=dtype)
    lengths = (time - 3 * torch.arange(batch)) % (time + 1)
    lengths[1:][-1:] = 0
    return Case(cell, x, random_state(cell, batch, dtype), lengths, False)._replace(**settings)


def drawn_case(data, cell: Cell, *, least: int = 0, most_rows: int = 4, features: int | None = None) -> Case:
    """A drawn scan in float64 whose padding is NaN."""
    torch.manual_seed(data.draw(st.integers(0, 99), label="seed"))
    rows, steps = (
        data.draw(st.integers(least, most_rows), label="batch"),
        data.draw(st.integers(least, 6), label="time"),
    )
    x = torch.randn(rows, steps, features or cell.input_size, dtype=torch.float64)
    lengths = None
    if data.draw(st.booleans(), label="ragged"):
        drawn = data.draw(st.lists(st.integers(0, steps), min_size=rows, max_size=rows), label="lengths")
        lengths = torch.tensor(drawn, dtype=data.draw(st.sampled_from([torch.int64, torch.int32, torch.uint8])))
        for row, length in enumerate(drawn):
            x[row, length:] = torch.nan
    state = random_state(cell, rows) if data.draw(st.booleans(), label="initial state") else None
    return Case(cell, x, state, lengths, data.draw(st.booleans(), label="reverse"))


def results(run, case: Case) -> Results:
    """Outputs, final state and the gradient of everything, under one fixed random loss."""
    cell, x, state, lengths, reverse, layout, loss = case
    leaves = dict(cell.named_parameters())
    leaves["x"] = x = x.detach().clone().requires_grad_()
    if state is not None:
        state = type(state)(*(tensor.detach().clone().requires_grad_() for tensor in state))
        leaves |= {f"state.{name}": tensor for name, tensor in state._asdict().items()}
    y, final = run(cell, LAYOUTS[layout](x), state, lengths=lengths, reverse=reverse)
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(tensor.shape, generator=generator).to(tensor) for tensor in (y, *final)]
    total = LOSSES[loss](y, final, weights)
    total = total + 0 * sum(leaf.nan_to_num().sum() for leaf in leaves.values())  # what had no part has gradient zero
    return Results(y, tuple(final), dict(zip(leaves, torch.autograd.grad(total, [*leaves.values()]), strict=True)))


def assert_same(actual: Results, expected: Results, tolerance: float = 1e-10) -> None:
    """Differences are relative to each number, and absolute below the largest of its tensor, or 1."""
    for name, a, b in zip(_names(expected), _tensors(actual), _tensors(expected), strict=True):
        largest = max(1.0, float(b.detach().abs().max())) if b.numel() else 1.0
        torch.testing.assert_close(
            a.to(b), b, rtol=tolerance, atol=tolerance * largest, msg=lambda text, name=name: f"{name}: {text}"
        )


def _names(results: Results) -> list[str]:
    return ["y", *(f"final {i}" for i in range(len(results.final))), *(f"gradient of {k}" for k in results.gradients)]


def _tensors(results: Results) -> list[Tensor]:
    return [results.y, *results.final, *results.gradients.values()]


def assert_compiled(case: Case) -> None:
    """The compiled cell gives what the reference gives, in results and every gradient."""
    single = next(case.cell.parameters()).dtype == torch.float32
    assert_same(results(compiled, case), results(reference, in_double(case)), 1e-5 if single else 1e-11)


def in_double(case: Case) -> Case:
    """The same numbers in float64."""
    state = case.state and type(case.state)(*(tensor.double() for tensor in case.state))
    return case._replace(cell=copy.deepcopy(case.cell).double(), x=case.x.double(), state=state)
