"""Rows do not see each other: a step in which they do is refused, with the line."""

import re

import pytest
import torch
from scan_scenario import StepCell, StepState, graph_of, made_case
from torch import nn
from torch.nn import functional as F

from ostinato.engine import explain
from ostinato.engine.capture import CaptureError

MIXED = {
    "mean over rows": lambda c, x, h: F.linear(x.mean(0), c.w),
    "largest of all": lambda c, x, h: h.max(),
    "centred by batch": lambda c, x, h: h - h.mean(0, keepdim=True),
    "softmax over rows": lambda c, x, h: h.softmax(0),
    "rolled": lambda c, x, h: h.roll(1, 0),
    "rolled flat": lambda c, x, h: h.roll(1),
    "flipped": lambda c, x, h: F.linear(x.flip(0), c.w),
    "flipped both ways": lambda c, x, h: F.linear(x.flip(0, 1), c.w),
    "summed up to here": lambda c, x, h: F.linear(x.cumsum(0), c.w),
    "sorted": lambda c, x, h: F.linear(x.sort(0).values, c.w),
    "the first row": lambda c, x, h: h[:1] * x[:, :1],
    "the last row": lambda c, x, h: h * F.linear(x, c.w)[-1],
    "rows put in another order": lambda c, x, h: F.linear(x[x[:, 0].argsort()], c.w),
    "rows by rows": lambda c, x, h: (h @ h.t()).softmax(-1) @ h,
    "distances of rows": lambda c, x, h: torch.cdist(h, h).sum(-1, keepdim=True) * h,
    "counted": lambda c, x, h: h * torch.arange(x.shape[0], dtype=x.dtype)[:, None],
    "batch norm": lambda c, x, h: F.batch_norm(h, None, None, training=True),
    "batch norm of the input": lambda c, x, h: F.linear(F.batch_norm(x, None, None, training=True), c.w),
}

APART = {
    "over features": lambda c, x, h: h.softmax(1) + F.linear(x.sort(1).values.roll(1, -1).flip(-1), c.w),
    "in heads": lambda c, x, h: (h.view(-1, 2, 2) - h.view(-1, 2, 2).mean(1, keepdim=True)).flatten(1),
    "transposed": lambda c, x, h: (h.t() - h.t().mean(0)).t(),
    "filled": lambda c, x, h: h + x.new_ones(x.shape[0], 4) + torch.zeros(x.shape[0], 1, dtype=x.dtype),
    "rows of a parameter": lambda c, x, h: h + c.u[x[:, 0].abs().long().clamp(0, 3)],
    "batch norm as it was trained": lambda c, x, h: F.batch_norm(
        h, c.v.detach(), c.v.detach().square() + 1, training=False
    ),
}


@pytest.mark.parametrize("name", MIXED)
def test_a_step_that_mixes_rows_is_refused(name):
    def step(c, x, h):
        return torch.tanh(F.linear(x, c.w) + h + MIXED[name](c, x, h))

    with pytest.raises(CaptureError, match=r"(mixes|counts|pairs) .*rows.*, /\S+:\d+: .*rows do not see each other"):
        graph_of(StepCell(step))


@pytest.mark.parametrize("name", APART)
def test_a_step_that_works_on_each_row_is_not(name):
    graph_of(StepCell(lambda c, x, h: torch.tanh(F.linear(x, c.w) + h + APART[name](c, x, h))))


class Centred(StepCell):
    def forward(self, x, state):
        h = torch.tanh(F.linear(x, self.w) + state.h - state.h.mean(0))
        return h, StepState(h)


def test_it_runs_in_the_plain_loop_and_explain_says_why_with_the_line():
    case = made_case(Centred(None))

    why = explain(case.cell, case.x)
    assert why.backend == "reference"
    assert re.search(
        r"Centred mixes rows \(mean, .*test_independent_rows.py:\d+: h = .*state.h.mean", why.rejected["cpp"]
    )


def test_batch_norm_that_still_learns_its_statistics_is_refused():
    cell = StepCell(lambda c, x, h: torch.tanh(c.norm(F.linear(x, c.w)) + h))
    cell.norm = nn.BatchNorm1d(4)

    with pytest.raises(CaptureError):
        graph_of(cell)
