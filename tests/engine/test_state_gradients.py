"""States that nobody reads, that are read in part, or that are cut off: what their gradients are."""

from typing import NamedTuple

import pytest
import torch
from scan_scenario import Case, assert_same, compiled, made_case, reference, results
from torch import Tensor
from torch.nn import functional as F

from ostinato.cells import Cell

SETTINGS = {
    "rows first": {"lengths": None},
    "time first": {"lengths": None, "layout": "time first"},
    "one row": {"lengths": None, "batch": 1},
    "reversed": {"lengths": None, "layout": "time first", "reverse": True},
    "of several lengths": {},
    "of several lengths, reversed": {"layout": "time first", "reverse": True},
}


class Two(NamedTuple):
    h: Tensor
    g: Tensor


class TwoCell(Cell[Two]):
    """One function of ``(cell, x, h, g)`` as a cell: it returns y and both states."""

    def __init__(self, function) -> None:
        super().__init__(4, 4)
        self.w, self.u, self.v = self.new_weight(4, 4), self.new_weight(4, 4), self.new_bias(4)
        self.small = torch.nn.Parameter(torch.randn(2, 2))
        self.function = function

    def initial_state(self, batch_size, device=None, dtype=None):
        return Two(*(torch.zeros(batch_size, 4, device=device, dtype=dtype) for _ in range(2)))

    def forward(self, x, state):
        y, h, g = self.function(self, x, *state)
        return y, Two(h, g)


def case_of(step, **settings) -> Case:
    torch.manual_seed(0)
    return made_case(TwoCell(step).double(), **settings)


def new(c, x, h):
    return torch.tanh(F.linear(x, c.w) + h * c.v)


def written_only(c, x, h, g):
    made = new(c, x, h)
    return made, made, torch.sigmoid(made)


def read_detached(c, x, h, g):
    made = new(c, x, h) + g.detach()
    return made, made, torch.sigmoid(made)


def read_by_a_comparison(c, x, h, g):
    made = new(c, x, h) + (g > 0.5).to(x.dtype)
    return made, made, torch.sigmoid(made)


def read_rounded_down(c, x, h, g):
    made = new(c, x, h) + g.floor()
    return made, made, 3 * made


def both_cut_off(c, x, h, g):
    return F.linear(h.detach(), c.u), torch.tanh(x + g.detach()), x * c.v


def read_by_its_sum(c, x, h, g):
    made = torch.tanh(x + h.sum(-1, keepdim=True))
    return made, made, 0.5 * g


def both_read_by_sums(c, x, h, g):
    made = torch.tanh(x * g.sum(-1, keepdim=True) + h.mean(-1, keepdim=True) * c.v)
    return made, made, torch.cat([x[:, :2], h[:, :2]], -1)


def read_by_a_part(c, x, h, g):
    return g, torch.tanh(F.linear(x, c.w) + h), torch.cat([h[:, 2:], h[:, 2:]], -1)


def weighted_and_cut(c, x, h, g):
    """What multiplies the state of before, cut off, feeds another state: its gradient comes a step later."""
    return g, torch.tanh(F.linear(g.detach(), c.u)), 0.6 * g + 0.4 * torch.tanh(h * c.v + x)


def weighted_cut_and_waiting(c, x, h, g):
    return g, F.linear(g.detach(), c.u) * x, torch.tanh(g * c.v + h)


def chosen_and_rounded(c, x, h, g):
    """No gradient comes through the rounding, and what the weight would get of it is read from the state still."""
    z = torch.where(h > 0, h, F.linear(x, c.w))
    return F.linear(x, c.u), 0.5 * h + torch.sigmoid(torch.round(3 * torch.tanh(z))), 0.5 * g


def waiting_for_work(c, x, h, g):
    """Work on what was made of the input a step before: both leave the loop."""
    return F.linear(h, c.u), torch.cat([x * 2, x], -1)[:, :4], torch.tanh(g + x)


def in_heads(c, x, h, g):
    made = new(c, x, h)
    return (made.reshape(-1, 2, 2) @ c.small).reshape(-1, 4), made, 0.5 * g + made


def state_in_heads(c, x, h, g):
    """The gradient of the weight has several rows for one of the state."""
    return (h.reshape(-1, 2, 2) @ c.small).reshape(-1, 4), torch.tanh(x + g), h * c.v


STEPS = [
    written_only, read_detached, read_by_a_comparison, read_rounded_down, both_cut_off, read_by_its_sum,
    both_read_by_sums, read_by_a_part, weighted_and_cut, weighted_cut_and_waiting, chosen_and_rounded,
    waiting_for_work, in_heads, state_in_heads,
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def uninitialised_memory_is_nan():
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("step", STEPS)
def test_every_gradient_is_the_plain_loops(step, settings):
    case = case_of(step, **settings)

    assert_same(results(compiled, case), results(reference, case), 1e-10)
