"""Torch's own layers and products inside a step, compiled."""

from typing import NamedTuple

import pytest
import torch
from scan_scenario import assert_compiled, made_case
from torch import Tensor, nn
from torch.nn import functional as F

from ostinato.cells import Cell
from ostinato.engine import explain, scan


class Two(NamedTuple):
    h: Tensor
    c: Tensor


class WithParts(Cell[Two]):
    """One function of ``(cell, x, state)`` as a cell with parts; it returns h, or y and the new state."""

    def __init__(self, function, **parts) -> None:
        super().__init__(4, 4)
        self.function = function
        self.w, self.v = self.matrix(4, 4), self.vector(4)
        for name, part in parts.items():
            setattr(self, name, part)

    def initial_state(self, batch_size, device=None, dtype=None):
        return Two(*(torch.zeros(batch_size, 4, device=device, dtype=dtype) for _ in range(2)))

    def forward(self, x, state):
        made = self.function(self, x, state)
        return made if isinstance(made, tuple) else (made, Two(made + 0.1 * state.c, 0.5 * state.h))


def lstm(c, x, s):
    new = Two(*c.cell(x, s))
    return new.h, new


def overwritten(c, x, s):
    z = x @ c.w + s.h
    out = torch.zeros_like(z)
    out[:, :2] = z[:, 2:]
    out[:, 2:] = torch.tanh(z[:, :2])
    z = z.clone()
    z[:, ::2].mul_(0.5)
    y = out * s.c
    y.add_(z)
    return y


def slots(c, x, s):
    h, w = s.h.view(-1, 2, 2), c.w[:2, :2]
    by_linear = F.linear(h, w, c.v[:2]).flatten(1)
    by_einsum = torch.einsum("bsi,oi->bso", s.c.view(-1, 2, 2), w).flatten(1)
    from_left = (w @ h).flatten(1)
    return torch.tanh(x + by_linear + by_einsum + from_left)


def matrices(c, x, s):
    a, b = x.view(-1, 2, 2), s.h.view(-1, 2, 2)
    outer = torch.einsum("bi,bj->bij", x[:, :2], s.h[:, :2])
    heads = (x.view(-1, 2, 2, 1) @ s.h.view(-1, 2, 1, 2)).sum(1)
    return torch.tanh((torch.bmm(a, b) + outer + heads + (a @ s.c[:, :2, None])).flatten(1))


def attention(c, x, s):
    q, k, v = (torch.stack(pair, 1).view(-1, 2, 2, 2) for pair in ((x, x), (s.h, s.c), (s.c, s.h)))
    seen = F.scaled_dot_product_attention(q, k, v).flatten(2)[:, 0]
    keys = torch.stack([s.h, s.c], 1)
    return torch.tanh(x + seen + c.attention(x[:, None], keys, keys)[0][:, 0])


def windows(c, x, s):
    h, g = s.h.view(-1, 2, 2), s.c.view(-1, 1, 2, 2)
    strided = F.conv2d(g, c.filters, padding=1, stride=2).flatten(1)
    grouped = F.conv1d(h, c.w[:2, :1, None].expand(2, 1, 3), padding="same", groups=2).flatten(1)
    return torch.tanh(x + c.conv1(h).flatten(1) + c.conv2(g).flatten(1) + strided + grouped)


def truths(c, x, s):
    a, b = s.h > 0, x > 0
    either, both = a + b, a * b
    return torch.tanh(x @ c.w + s.h * (either.to(x.dtype) + 2 * both)) + torch.where(a + b + a, x, s.c)


def counted_from_the_last(c, x, s):
    return torch.tanh(x + s.c + c.w[s.h.argmax(-1) - 2])


STEPS = {
    "sums and products of truths": (truths, {}),
    "a negative index": (counted_from_the_last, {}),
    "lstm_cell": (lstm, {"cell": lambda: nn.LSTMCell(4, 4)}),
    "gru_cell": (lambda c, x, s: c.cell(x, s.h), {"cell": lambda: nn.GRUCell(4, 4)}),
    "in place": (overwritten, {}),
    "slots": (slots, {}),
    "matrices": (matrices, {}),
    "attention": (attention, {"attention": lambda: nn.MultiheadAttention(4, 2, batch_first=True)}),
    "convolutions": (
        windows,
        {
            "conv1": lambda: nn.Conv1d(2, 2, 3, padding=1),
            "conv2": lambda: nn.Conv2d(1, 1, 3, padding=1),
            "filters": lambda: nn.Parameter(torch.randn(4, 1, 3, 3) / 3),
        },
    ),
    "bilinear": (lambda c, x, s: torch.tanh(c.bilinear(s.h, x)), {"bilinear": lambda: nn.Bilinear(4, 4, 4)}),
    "group norm": (lambda c, x, s: torch.tanh(c.norm(s.h + x)), {"norm": lambda: nn.GroupNorm(2, 4)}),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_may_have_parts_of_torch(name):
    function, parts = STEPS[name]
    torch.manual_seed(0)
    cell = WithParts(function, **{name: make() for name, make in parts.items()}).double()

    for settings in ({}, {"reverse": True, "layout": "time first"}, {"lengths": None, "loss": "sum of outputs"}):
        assert_compiled(made_case(cell, **settings))


def test_a_parameter_may_be_reached_by_another_way_than_its_name():
    torch.manual_seed(0)
    cell = WithParts(lambda c, x, s: torch.tanh(s.h @ c.every["w"] + x * c.some[0]))
    cell.every, cell.some = {"w": cell.w}, [cell.v]

    assert_compiled(made_case(cell.double()))


def test_a_tensor_that_is_not_registered_is_named():
    unknown = torch.rand(4)
    cell = WithParts(lambda c, x, s: torch.tanh(s.h * c.every["scale"][1] + x))
    cell.every = {"scale": [0, unknown]}

    told = explain(cell, torch.zeros(2, 3, 4)).others["cpp"]
    assert told.startswith(
        "WithParts.every['scale'][1] is neither a parameter nor a buffer: give it to register_buffer"
    )
    assert f"{__file__}:" in told


def test_an_index_out_of_range_within_the_loop_gives_no_plausible_number():
    cell = WithParts(lambda c, x, s: torch.tanh(x + s.c + c.w[(s.h > 60).sum(-1) * 9])).double()
    x, first = torch.zeros(2, 3, 4).double(), Two(*(torch.full((2, 4), 100.0).double() for _ in range(2)))

    with pytest.raises(IndexError):
        scan(cell, x, first, backend="reference")
    assert scan(cell, x, first, backend="cpp")[0][:, 0].isnan().all()


def test_gradients_scaled_by_how_often_an_index_comes_are_refused():
    cell = WithParts(
        lambda c, x, s: torch.tanh(x + c.table(s.h.argmax(-1)) + s.c),
        table=nn.Embedding(4, 4, scale_grad_by_freq=True),
    ).double()
    assert "scales gradients" in explain(cell, torch.zeros(2, 3, 4).double()).others["cpp"]
