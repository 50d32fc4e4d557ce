"""Steps that choose by index, put in order or add up along the features: results and gradients, compiled."""

import pytest
import torch
from scan_scenario import StepCell, assert_compiled, compiled, made_case, reference
from torch.nn import functional as F

from ostinato.engine import explain, scan


def by_buffers(c, x, h):
    z = F.linear(x, c.w) + h
    y = z * 1
    y[:, c.order[:2]] = h[:, :2] * c.v[:2]
    turned = z[:, c.twice] + z.index_select(1, c.order) + z.gather(1, c.order.expand(len(x), 4))
    return torch.tanh(turned + y + h.masked_fill(c.mask, 0.3) + h.view(-1, 2, 2)[:, :, c.some].flatten(1)[:, 1:5])


def by_value(c, x, h):
    z = F.linear(x, c.w) + h
    best, second = z.topk(2, -1), h.max(-1, keepdim=True)
    spread = torch.zeros_like(z).scatter(1, best.indices, best.values.softmax(-1))
    fed_back = c.u[z.argmax(-1)] + F.embedding(z.argmin(-1), c.u) + F.one_hot(second.indices[:, 0], 4).to(z.dtype) @ c.u
    return torch.tanh(
        spread + fed_back + second.values * z.min(-1, keepdim=True).values + z.take_along_dim(h.argsort(), 1)
    )


def in_order(c, x, h):
    z = F.linear(x, c.w) + h
    ranks = z.sort(-1, descending=True).values + h.sort(-1).values
    sums = torch.cumsum(z.softmax(-1), -1) + h.flip(-1).cumsum(-1).flip(-1)
    rolled = z.roll(1, -1) + h.view(-1, 2, 2).roll((1, 1), (1, 2)).flatten(1)
    pairs = torch.stack([z[:, ::2] * c.v[:2] - z[:, 1::2], z[:, 1::2] + h[:, ::2]], -1).flatten(1)
    ring = F.conv1d(F.pad(h[:, None], (1, 1), mode="circular"), c.u[:1, None, :3])[:, 0]
    mirrored = (
        F.pad(h[:, None], (2, 1), mode="reflect")[:, 0, :4] + F.pad(h[:, None], (1, 0), mode="replicate")[:, 0, 1:]
    )
    return torch.tanh(0.3 * (ranks + sums + rolled + pairs + ring + mirrored))


def with_buffers(step):
    cell = StepCell(step)
    buffers = {"order": [2, 0, 1, 3], "twice": [2, 0, 0, -1], "some": [1, 0, 1]}
    for name, index in buffers.items():
        cell.register_buffer(name, torch.tensor(index))
    cell.register_buffer("mask", torch.tensor([True, False, False, True]))
    return cell.double()


def one_place_twice(c, x, h):
    z = F.linear(x, c.w) + h
    y = z * 1
    y[:, c.twice] = h  # the last is kept
    sent = z.scatter(1, (h > 0).long(), x @ c.w.T).scatter(
        1, h.argmax(-1, keepdim=True), c.v.detach().expand(len(x), 4)
    )
    return torch.tanh(sent + y + h.scatter_add(1, (h > 0).long(), z))


@pytest.mark.parametrize("step", [by_buffers, by_value, in_order, one_place_twice])
def test_a_step_may_choose(step):
    torch.manual_seed(0)
    cell = with_buffers(step)

    for settings in ({}, {"reverse": True, "layout": "time first"}, {"lengths": None, "loss": "sum of outputs"}):
        assert_compiled(made_case(cell, **settings))


def test_infinity_stays_where_it_is():
    cell = with_buffers(lambda c, x, h: torch.cat([h[:, c.order[:2]], torch.cumsum(h, -1)[:, :2]], -1))
    x, h = torch.zeros(1, 1, 3).double(), torch.tensor([[1.0, 2.0, 3.0, torch.inf]]).double()
    state = cell.initial_state(1)._replace(h=h)

    assert torch.equal(compiled(cell, x, state)[0], reference(cell, x, state)[0])


def test_an_index_out_of_range_is_told():
    cell = with_buffers(lambda c, x, h: torch.tanh(h[:, c.order] + F.linear(x, c.w)))
    x = torch.zeros(2, 3, 3).double()
    assert explain(cell, x).backend == "cpp"

    cell.order[1] = 4
    with pytest.raises(IndexError, match=r"between -4 and 3, got \[2, 4, 1, 3\]"):
        scan(cell, x)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("gather", lambda h: h.gather(2, h[:, :1].argmax(-1, keepdim=True))),
        ("scatter", lambda h: h.scatter(2, h[:, :1].argmax(-1, keepdim=True), 0.7)),
    ],
)
def test_an_index_of_some_of_the_features_is_refused(name, step):
    cell = with_buffers(lambda c, x, h: torch.tanh(F.linear(x, c.w) + h + step(h.view(-1, 2, 2)).flatten(1)[:, :1]))
    assert f"{name} cannot run inside the loop" in explain(cell, torch.zeros(2, 3, 3).double()).rejected["cpp"]
