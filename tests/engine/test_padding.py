"""Padded steps: what work outside the loop makes of them reaches no gradient."""

import pytest
import torch
from scan_scenario import SIZES, StepCell, StepState, assert_same, compiled, graph_of, made_case, reference, results
from torch.nn import functional as F

from ostinato.cells import GRU
from ostinato.engine import execute
from ostinato.engine.schedule import build_schedule

EARLY = {
    "sqrt": lambda c, x: F.linear((x.abs() + 1 + c.b).sqrt(), c.w),
    "log": lambda c, x: F.linear((x.abs() + 1 + c.b).log(), c.w),
    "reciprocal": lambda c, x: F.linear(1 / (x.abs() + 1 + c.b), c.w),
    "power": lambda c, x: F.linear((x.abs() + 1 + c.b) ** -1.5, c.w),
    "normalize": lambda c, x: F.linear(F.normalize(x + c.b, dim=-1), c.w),
    "norm": lambda c, x: F.linear(x, c.w) * (x + c.b).norm(dim=-1, keepdim=True),
    "std": lambda c, x: F.linear(x, c.w) * (x + c.b).std(-1, keepdim=True),
    "amax": lambda c, x: F.linear(x, c.w) * (x + c.b).amax(-1, keepdim=True),
    "layer norm without an epsilon": lambda c, x: F.linear(F.layer_norm(x + c.b, (3,), eps=0), c.w),
    "distance": lambda c, x: ((x - c.b).square().sum(-1, keepdim=True) + 1e-3).sqrt() @ c.w[:1, :1] * c.v,
    "inverse": lambda c, x: F.linear(torch.linalg.inv(torch.diag_embed(x + c.b)).flatten(1)[:, ::4], c.w),
}
"""Work on x that is not defined for all numbers, zero among them where the weights are taken away."""

LATE = {
    "sqrt": lambda c, h: F.linear((h + 3).sqrt(), c.u),
    "log": lambda c, h: F.linear((h + 3 + c.v).log(), c.u),
    "norm": lambda c, h: F.linear(h / h.norm(dim=-1, keepdim=True), c.u),
    "cumprod": lambda c, h: (h + 2).cumprod(-1),
}
"""Work on the new state that no state needs."""

SCANS = {
    "some": {},
    "reversed": {"reverse": True, "layout": "time first"},
    "none": {"lengths": torch.tensor([0, 0, 0, 0, 0])},
    "only the last row": {"lengths": torch.tensor([0, 0, 0, 0, 1])},
    "all": {"lengths": torch.tensor([4, 4, 4, 4, 4])},
}


def checked(step, **settings):
    torch.manual_seed(0)
    cell = StepCell(step)
    cell.b = torch.nn.Parameter(torch.tensor([0.3, 0.5, 0.8]))
    case = made_case(cell.double(), **settings)

    expected = results(reference, case)
    assert all(gradient.isfinite().all() for gradient in expected.gradients.values())
    assert_same(results(compiled, case), expected, 1e-10)


@pytest.mark.parametrize("settings", SCANS.values(), ids=SCANS)
@pytest.mark.parametrize("name", EARLY)
def test_what_is_made_of_the_input_before_the_loop(name, settings):
    checked(lambda c, x, h: torch.tanh(EARLY[name](c, x) + 0.5 * h), **settings)


@pytest.mark.parametrize("settings", SCANS.values(), ids=SCANS)
@pytest.mark.parametrize("name", LATE)
def test_what_is_made_of_the_state_after_the_loop(name, settings):
    def step(c, x, h):
        new = torch.tanh(F.linear(x, c.w) + h * c.v)
        return LATE[name](c, new), new

    checked(step, **settings)


@pytest.mark.parametrize("reverse", [False, True])
def test_blocks_of_steps_without_a_valid_one(reverse, monkeypatch):
    monkeypatch.setattr(execute, "_BLOCK", 1)
    monkeypatch.setattr(execute, "_WEIGHTS", 0)
    lengths = torch.tensor([3, 0, 1, 0, 2])

    checked(lambda c, x, h: torch.tanh(EARLY["sqrt"](c, x) + 0.5 * h), time=9, lengths=lengths, reverse=reverse)


def test_a_broken_row_breaks_the_input_gradient_of_no_other():
    torch.manual_seed(0)
    cell = StepCell(lambda c, x, h: torch.tanh(F.linear((x + 5).sqrt(), c.w) + 0.5 * h)).double()
    x = torch.randn(4, 3, 3).double()
    x[0, 0] = torch.nan
    x.requires_grad_()

    y, _ = compiled(cell, x, StepState(torch.zeros(4, 4).double()), lengths=torch.tensor([3, 0, 1, 2]))
    (by_x,) = torch.autograd.grad(y[1:].sum(), x)

    assert by_x[1:].isfinite().all()


def test_products_and_sums_alone_read_padding_as_it_is():
    """What is finite at zero costs nothing more."""
    backward = build_schedule(graph_of(GRU(*SIZES))).backward
    assert backward.early.total
    assert backward.late(backward.results).total
