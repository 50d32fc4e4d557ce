"""Torch's own layers and products inside a step, compiled."""

from typing import NamedTuple

import pytest
import torch
from scan_scenario import assert_compiled, made_case
from torch import Tensor, nn
from torch.nn import functional as F

from ostinato.cells import Cell
from ostinato.engine import explain, scan
from ostinato.engine.capture import capture


class Two(NamedTuple):
    h: Tensor
    c: Tensor


class WithParts(Cell[Two]):
    """One function of ``(cell, x, state)`` as a cell with parts; it returns h, or y and the new state."""

    def __init__(self, function, **parts) -> None:
        super().__init__(4, 4)
        self.function = function
        self.w, self.v = self.new_weight(4, 4), self.new_bias(4)
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

    told = explain(cell, torch.zeros(2, 3, 4)).rejected["cpp"]
    assert told.startswith(
        "WithParts.every['scale'][1] is neither a parameter nor a buffer: give it to register_buffer"
    )
    assert f"{__file__}:" in told


def out(s):
    """An index that is out of range for large numbers."""
    return 4 * (s.h > 60).any(-1, keepdim=True)


BY_INDEX = {
    "a row of a parameter": lambda c, x, s: x + c.w[out(s)[:, 0]],
    "an embedding of whole numbers": lambda c, x, s: x + F.embedding(out(s)[:, 0], c.numbers) * s.c,
    "whole numbers": lambda c, x, s: x + s.h.argsort(-1).gather(1, out(s)) * s.c,
    "a test of what is one-hot": lambda c, x, s: x + torch.where(F.one_hot(out(s)[:, 0], 4) > 0, s.h, s.c),
    "one-hot of the data": lambda c, x, s: x + F.one_hot(4 * (x[:, 0] > 60), 4) * s.h,
    "a value sent": lambda c, x, s: x + s.h.scatter(1, out(s), 0.5),
    "features sent": lambda c, x, s: x + s.h.scatter(1, out(s).expand(-1, 4), s.c),
    "features added": lambda c, x, s: x + s.h.scatter_add(1, -out(s).expand(-1, 4), s.c),
}


def is_loud(run):
    try:
        return all(result.isnan().any() for result in run())
    except (IndexError, RuntimeError) as error:
        return "out of bounds" in str(error)


@pytest.mark.parametrize("name", BY_INDEX)
def test_an_index_out_of_range_is_loud(name):
    """An error as torch's where torch runs it, NaN in all results of a loop, and in gradients."""
    cell = WithParts(lambda c, x, s: torch.tanh(BY_INDEX[name](c, x, s)))
    cell.register_buffer("numbers", torch.arange(16).view(4, 4))
    cell = cell.double()
    x = torch.full((2, 3, 4), 100.0).double()
    state = Two(*(torch.full((2, 4), 100.0).double().requires_grad_() for _ in range(2)))

    with pytest.raises((IndexError, RuntimeError)):
        scan(cell, x, state, backend="reference")

    def run():
        y, final = scan(cell, x, state, backend="cpp")
        return y, *final

    assert is_loud(run)
    assert is_loud(lambda: torch.autograd.grad(run()[0].sum(), state))
    with torch.no_grad():
        assert is_loud(run)


def test_only_the_row_with_the_index_out_of_range_is_lost():
    cell = WithParts(lambda c, x, s: torch.tanh(x + s.h.gather(1, 4 * (s.h > 60)))).double()
    state = Two(*(torch.tensor([[0.5] * 4, [100.0] * 4]).double() for _ in range(2)))
    x = torch.randn(2, 3, 4).double()

    found, expected = (scan(cell, x, state, backend="cpp")[0], scan(cell, x[:1], Two(*(s[:1] for s in state)))[0])
    assert found[1].isnan().all()
    torch.testing.assert_close(found[:1], expected)


@pytest.mark.parametrize(
    "index",
    [
        lambda s: s.h.argmax(-1),
        lambda s: s.h.min(-1).indices,
        lambda s: s.h.topk(2, -1).indices[:, 1],
        lambda s: s.h.argsort(-1)[:, 2],
    ],
)
def test_an_index_that_the_step_has_found_among_as_many_costs_nothing(index):
    cell = WithParts(lambda c, x, s: torch.tanh(x + c.w[index(s)])).double()
    assert "(nan," not in str(capture(cell, 4, torch.float64).graph)

    small = WithParts(lambda c, x, s: torch.tanh(x + c.w[:3][index(s)])).double()
    assert "(nan," in str(capture(small, 4, torch.float64).graph)


def counted(s):
    return (s.h > 0).sum(-1, keepdim=True)


UNDEFINED = {
    "div of whole numbers by what may be 0": [
        lambda s: 4 // (counted(s) + 1),
        lambda s: counted(s) // (counted(s) + 1),
    ],
    "remainder of whole numbers by what may be 0": [
        lambda s: 4 % (counted(s) + 1),
        lambda s: counted(s) % (counted(s) + 1),
    ],
    "fmod of whole numbers by what may be 0": [lambda s: torch.fmod(counted(s), counted(s) + 1)],
    "pow of whole numbers by an exponent that may be negative": [
        lambda s: (counted(s) + 2) ** -counted(s),
        lambda s: 2 ** counted(s),
    ],
    "mm of whole numbers": [lambda s: counted(s) @ torch.ones(1, 4, dtype=torch.int64)],
    "exp in torch.float32": [lambda s: torch.exp(counted(s))],
    "mean in torch.float32": [lambda s: (0.1 * (s.h > 0)).mean(-1, keepdim=True)],
}


@pytest.mark.parametrize(("told", "step"), [(told, step) for told, steps in UNDEFINED.items() for step in steps])
def test_whole_numbers_are_refused_where_a_loop_would_compute_something_else(told, step):
    cell = WithParts(lambda c, x, s: torch.tanh(x + s.c * step(s))).double()

    reason = explain(cell, torch.zeros(2, 3, 4).double()).rejected["cpp"]
    assert f"WithParts: {told} cannot run inside the loop ({__file__}:" in reason
    with pytest.raises(ValueError, match=told):
        scan(cell, torch.zeros(2, 3, 4).double(), backend="cpp")


def fractions(c, x, s):
    parts = [
        s.h.argmax(-1, keepdim=True) / 3,
        (s.h > 0) * 0.1,
        0.7 - (counted(s) + 0.1) / 7,
        counted(s) * 0.1 > 0.3,
        (s.h > 0).float() * 0.3 + (s.h.argmin(-1, keepdim=True) / 7).to(x.dtype),
        torch.where(s.h > 0, torch.full((1, 4), 0.1), torch.full((1, 4), 0.3)),
        counted(s) // 2 + counted(s) % 3 - counted(s) ** 3 // -2 + torch.fmod(counted(s), 3),
    ]
    return torch.tanh(x + sum(part * s.c * c.v for part in parts) - 0.3 * s.h)


def test_whole_numbers_and_their_fractions_are_rounded_as_torch_does():
    torch.manual_seed(0)
    assert_compiled(made_case(WithParts(fractions).double()))


def test_gradients_scaled_by_how_often_an_index_comes_are_refused():
    cell = WithParts(
        lambda c, x, s: torch.tanh(x + c.table(s.h.argmax(-1)) + s.c),
        table=nn.Embedding(4, 4, scale_grad_by_freq=True),
    ).double()
    assert "scales gradients" in explain(cell, torch.zeros(2, 3, 4).double()).rejected["cpp"]
