"""Every operation of the table, compiled: values, gradients, and what is no number."""

from math import inf

import pytest
import torch
from scan_scenario import StepCell, StepState, assert_compiled, compiled, made_case, reference
from torch.nn import functional as F

from ostinato.engine.capture import capture, operation
from ostinato.engine.operations import DECOMPOSED, POINTWISE


def within(z, interval):
    """Numbers as they come, moved into an interval, smoothly."""
    low, high = interval
    if interval == (-inf, inf):
        return z
    return low + 0.1 + F.softplus(z) if high == inf else low + (high - low) * (0.02 + 0.96 * torch.sigmoid(z))


class EveryOperation(StepCell):
    """All operations of a table side by side, each of operands that it is defined for."""

    def __init__(self, table, *, move=True) -> None:
        super().__init__(None)
        self.operations, self.move = tuple(table.values()), move
        self.output_size = 4 * len(self.operations)

    def initial_state(self, batch_size, device=None, dtype=None):
        return StepState(torch.zeros(batch_size, 4, device=device, dtype=dtype))

    def forward(self, x, state):
        z, other = F.linear(x, self.w), state.h * self.v
        operands = z + 0.5 * other, other - 0.3 * z, z * other
        if not self.move:
            operands = z, other, z + other
        made = []
        for operation_ in self.operations:
            given = [within(o, d) if self.move else o for o, d in zip(operands, operation_.domains, strict=False)]
            result = operation_.call(*given)
            made.append(torch.where(result, z, other) if operation_.flag else result)
        return torch.cat(made, -1), StepState(torch.tanh(z + other))


def parts(table):
    """A table in parts: a cell may hold no more functions than can be checked at each call."""
    names = list(table)
    return [{name: table[name] for name in names[i : i + 20]} for i in range(0, len(names), 20)]


def first(table):
    return f"from {next(iter(table))}"


@pytest.mark.parametrize("table", [*parts(POINTWISE), *parts(DECOMPOSED)], ids=first)
def test_every_operation_is_compiled(table):
    torch.manual_seed(0)

    for settings in ({}, {"reverse": True, "lengths": None}):
        assert_compiled(made_case(EveryOperation(table).double(), **settings))


def test_the_names_of_pointwise_operations_are_torchs():
    cell = EveryOperation(POINTWISE)
    called = {operation(n) for n in capture(cell, 3, torch.float64).graph.nodes if n.op == "call_function"}

    assert POINTWISE.keys() - called == {"square", "floor_divide"}  # a power, and a way to divide


@pytest.mark.parametrize("table", parts(POINTWISE), ids=first)
def test_every_function_treats_what_is_no_number_as_torch_does(table):
    torch.manual_seed(0)
    cell = EveryOperation(table, move=False).double()
    with torch.no_grad():
        cell.w.copy_(torch.eye(4, 3))
    special = torch.tensor([0.0, -0.0, 1.0, -2.5, inf, -inf, torch.nan, 1e300, 5e-324, -750.0]).double()
    x = torch.cartesian_prod(special, special)[:, None]
    x = torch.cat([x, x[..., :1]], -1)
    state = cell.initial_state(len(x))._replace(h=special.repeat(len(x) * 4)[: 4 * len(x)].view(-1, 4))

    (y, last), (expected, expected_last) = compiled(cell, x, state), reference(cell, x, state)
    torch.testing.assert_close(last, expected_last, rtol=1e-11, atol=1e-300, equal_nan=True)
    for name, made, wanted in zip(table, y.split(4, -1), expected.split(4, -1), strict=True):
        torch.testing.assert_close(
            made, wanted, rtol=1e-11, atol=1e-300, equal_nan=True, msg=lambda text, name=name: f"{name}: {text}"
        )
