"""Steps of every kind, compiled: what a cell of the user's own may compute."""

from typing import NamedTuple

import pytest
import torch
from scan_scenario import StepCell, StepState, assert_compiled, assert_same, made_case, reference, results
from torch import Tensor
from torch.nn import functional as F

from ostinato.cells import LSTM, Cell, Elman
from ostinato.engine import scan
from ostinato.engine.capture import capture


def checked(cell: Cell) -> None:
    for settings in ({}, {"reverse": True, "layout": "time first"}, {"lengths": None, "loss": "sum of outputs"}):
        assert_compiled(made_case(cell.double(), **settings))


def pieces(c, x, h):
    g = F.linear(h, c.u) + F.linear(x, c.w)
    a, b = g[:, :2], g[:, -2:]
    left, right = g.unbind(1)[1], g.select(1, 2)
    shuffled = g.view(-1, 2, 2).transpose(1, 2).reshape(-1, 4)
    rolled = torch.cat([h[:, 1:], h[:, :1]], -1)
    stacked = torch.stack([a * b, torch.sin(b)], dim=2).flatten(1)
    spread = torch.stack([left, right], dim=1).unsqueeze(2).expand(-1, 2, 2).flatten(1)
    doubled = torch.cat([g.view(-1, 2, 2)[:, :, 1]] * 2, -1) + x[:, :1] * x[:, 1:2].expand(-1, 4)
    padded = torch.cat([torch.zeros_like(h[:, :1]), a.tanh(), right.unsqueeze(1) * 0.5], -1)
    split = torch.cat([part.square().mean(-1, keepdim=True) for part in h.split([2, 2], -1)] * 2, -1)
    return torch.tanh(stacked + shuffled + rolled + spread * doubled + padded + split)


def norms(c, x, h):
    z = F.linear(x, c.w) + h * c.v
    heads = z.view(-1, 2, 2)
    centred = (heads - heads.mean(-1, keepdim=True)) / (heads.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    parts = [
        torch.softmax(z, -1),
        torch.log_softmax(heads, 1).flatten(1),
        F.layer_norm(z, (4,)),
        F.rms_norm(z, (4,), c.v),
        z / (z.std(-1, keepdim=True) + 1),
        F.normalize(z, dim=-1),
        z - z.logsumexp(-1, keepdim=True),
        centred.flatten(1),
        z - z.amax(-1, keepdim=True) * z.amin(-1, keepdim=True),
        torch.cat([heads.sum(1), heads.sum(2)], -1) * heads.sum((1, 2)).unsqueeze(1),
        h / (1 + h.norm(dim=-1, keepdim=True)) + torch.linalg.vector_norm(h, ord=1, dim=-1, keepdim=True),
    ]
    return torch.tanh(sum(parts))


def over_one_feature(c, x, h):
    """Sums over dimensions of size 1."""
    z = F.linear(x, c.w) + h * c.v
    one, column = z.view(-1, 1, 4), z.view(-1, 4, 1)
    parts = [one.sum(1), one.mean(1), one.amax(1), column.amin(2), column.logsumexp(2), column.norm(dim=2)]
    parts += [z[:, 1:2].sum(1, keepdim=True) * z, z[:, :1].mean(1).unsqueeze(1) + h, z.view(-1, 1, 4, 1).sum((1, 3))]
    return torch.tanh(sum(parts))


def products(c, x, h):
    heads = h.view(-1, 2, 2)
    joined = torch.cat([x, h], -1) @ torch.cat([c.w, c.u], 1).T
    by_head = torch.einsum("bhi,hij->bhj", heads, c.heads).reshape(-1, 4)
    low_rank = (h @ c.u[:, :2]) @ c.w[:, :2].T
    deep = F.linear(torch.relu(F.linear(h, c.u)), c.w[:, :2].repeat(1, 2))
    from_left = (c.u @ h.T).T
    orthogonal = h @ torch.matrix_exp(c.u - c.u.T)
    scalar = (h @ c.v).unsqueeze(1) + h.mv(c.v.detach()).unsqueeze(1)
    across = (heads.unsqueeze(3) * heads.unsqueeze(2)).sum(1).flatten(1)
    return torch.tanh(joined + by_head + low_rank + deep + from_left + orthogonal + scalar + across)


def activations(c, x, h):
    z = F.linear(x, c.w) + h * c.v
    names = ["gelu", "silu", "elu", "leaky_relu", "hardtanh", "softsign", "softplus", "logsigmoid", "mish", "relu6"]
    names += ["hardswish", "celu", "selu", "tanhshrink"]
    parts = [getattr(F, name)(z * (i + 1) * 0.3) for i, name in enumerate(names)]
    parts += [F.gelu(z, approximate="tanh"), F.glu(torch.cat([z, h], -1), -1), F.threshold(z, 0.1, -0.2)]
    parts += [torch.lerp(z, h, 0.3), torch.addcmul(z, h, c.v, value=0.5), torch.addcdiv(z, h, 2 + h.abs())]
    return torch.tanh(0.2 * sum(parts))


def choices(c, x, h):
    z = F.linear(x, c.w) + h * c.v
    kept = torch.where(((z > 0) & (h < 0.3)) | (z < -1) | ~(h > -0.5), z.sin(), h * c.buffer)
    clamped = z.clamp(-0.5, 0.7) + z.clamp(min=0.1) + z.clamp(max=c.v) + torch.maximum(z, h) * torch.minimum(h, c.v)
    counted = h * (h > 0).sum(-1, keepdim=True) + (z > h).to(z.dtype) + z * (h != 0)
    filled = z.masked_fill(h > 0.4, -0.3) + torch.zeros_like(z) + z.new_full((x.shape[0], 4), 0.1) + torch.ones(4)
    best = (z == z.amax(-1, keepdim=True)).to(z.dtype)
    powers = z**2 + z**3 + (z.abs() + 0.2) ** -1.5 + 0.5 ** (z + 2) + torch.rsub(z, h, alpha=2) + (h.abs() + 1) ** z
    return torch.tanh(0.3 * (kept + clamped + counted + filled + best + powers + torch.arange(4) * h))


def overwritten(c, x, h):
    z = F.linear(x, c.w) + h * c.v
    before = z * 2
    z.tanh_()
    before += h
    before.mul_(0.5).add_(h, alpha=0.1)
    return z * 0.9 + before * z


def cut(c, x, h):
    with torch.no_grad():
        size = 1 / (1 + h.abs().mean(-1, keepdim=True))
    return torch.tanh(h * size + h.detach() * c.v + F.linear(x, c.w))


def ahead(c, x, h):
    """Operations that only torch has, on the input: they run before the loop and after the backward loop."""
    sums = x.cumsum(-1) + x.flip(-1) + x.roll(1, -1)
    return torch.tanh(F.linear(sums, c.w) * torch.prod(x, -1, keepdim=True) + h * c.v)


@pytest.mark.parametrize("step", [pieces, norms, over_one_feature, activations, choices, overwritten, cut, ahead])
def test_a_step_is_compiled_whatever_it_computes(step):
    torch.manual_seed(0)
    cell = StepCell(step)
    cell.register_buffer("buffer", torch.rand(4))

    checked(cell)


def test_products_with_anything_made_of_parameters_are_compiled():
    torch.manual_seed(0)
    cell = StepCell(products)
    cell.heads = torch.nn.Parameter(torch.randn(2, 2, 2) / 2)

    checked(cell)


def test_an_input_that_is_changed_in_place_before_the_loop_is_read_as_it_was():
    def step(c, x, h):
        a = F.linear(x, c.w)
        before = a + h
        a.cumsum_(-1)
        return torch.tanh(before + a)

    checked(StepCell(step))


def through_a_slice(z, h):
    z[:, :2].tanh_()


def through_a_view(z, h):
    z.view(-1, 2, 2)[:, 0].mul_(0.5)


def through_a_transpose(z, h):
    z.t()[1:].add_(1)


def by_a_copy(z, h):
    z[:, 1:3].copy_(h[:, 2:])


@pytest.mark.parametrize("change", [through_a_slice, through_a_view, through_a_transpose, by_a_copy])
def test_a_change_in_place_through_a_view_is_never_lost(change):
    def step(c, x, h):
        z = F.linear(x, c.w) + 0.5 * h
        change(z, h)
        return z

    torch.manual_seed(0)
    case = made_case(StepCell(step).double())
    assert_same(results(scan, case), results(reference, case))


@pytest.mark.parametrize(
    "seen",
    [lambda c, x: c.u[x[:, 0].abs().long().clamp(0, 3)], lambda c, x: F.linear(x.sort(-1).values, c.w)],
    ids=["rows of a parameter", "sorted"],
)
def test_what_the_input_chooses_by_index_may_be(seen):
    checked(StepCell(lambda c, x, h: torch.tanh(seen(c, x) + h * c.v)))


# What is carried, and what comes out


class Carried(NamedTuple):
    h: Tensor
    left: Tensor
    right: Tensor
    seen: Tensor
    older: Tensor
    constant: Tensor
    same: Tensor
    part: Tensor


class Carries(Cell[Carried]):
    """States that change places, wait, stay, are constant, are equal, or are part of another."""

    def __init__(self) -> None:
        super().__init__(3, 4)
        self.w, self.v = self.new_weight(4, 3), self.new_weight(3, 4)

    def initial_state(self, batch_size, device=None, dtype=None):
        sizes = (4, 4, 4, 3, 3, 4, 4, 2)
        return Carried(*(torch.zeros(batch_size, size, device=device, dtype=dtype) for size in sizes))

    def forward(self, x, state):
        z = torch.tanh(F.linear(x, self.w) + state.h * self.v[0] + state.left * self.v[1])
        mixed = F.pad(state.older, (0, 1)) + state.same * state.constant + torch.cat([state.part] * 2, 1)
        new = Carried(z, state.right, state.left, x, state.seen, self.v[2].expand_as(z), z, z[:, 1:3])
        return z * mixed + state.constant, new


def test_states_may_change_places_wait_stay_repeat_and_be_part_of_another():
    torch.manual_seed(0)

    checked(Carries())


OUTPUTS = {
    "the state before the step": lambda c, x, h, new: h,
    "a part of the state before the step": lambda c, x, h, new: h.view(-1, 2, 2).transpose(1, 2).reshape(-1, 4),
    "the input": lambda c, x, h, new: F.pad(x, (0, 1)),
    "all of the input": lambda c, x, h, new: x,
    "made of the input alone": lambda c, x, h, new: F.linear(x, c.w),
    "multiplied after the loop": lambda c, x, h, new: F.linear(new, c.u),
    "torch's own after the loop": lambda c, x, h, new: new.cumsum(-1),
    "a rest, and kept": lambda c, x, h, new: torch.fmod(x[:, :1], h * c.v),
    "a constant": lambda c, x, h, new: c.v.expand_as(h),
    "the state in another order": lambda c, x, h, new: torch.cat([new[:, 2:], new[:, :2]], -1),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_output_may_be(name):
    torch.manual_seed(0)

    def step(c, x, h):
        new = torch.tanh(F.linear(x, c.w) + h * c.v)
        return OUTPUTS[name](c, x, h, new), new

    cell = StepCell(step)
    cell.output_size = cell.v.numel() if name != "all of the input" else 3
    cell.initial_state = lambda batch, device=None, dtype=None: StepState(torch.zeros(batch, 4, dtype=dtype))
    checked(cell)


@pytest.mark.parametrize(
    "new",
    [lambda c, x, h: h, lambda c, x, h: F.linear(x, c.w), lambda c, x, h: c.v.expand_as(h)],
    ids=["as it was", "the input's", "constant"],
)
def test_the_new_state_may_be(new):
    torch.manual_seed(0)

    checked(StepCell(lambda c, x, h: (F.linear(x, c.w) * h, new(c, x, h))))


# Where weights come from


def test_parts_of_a_cell_are_modules_and_may_be_used_twice():
    torch.manual_seed(0)
    cell = StepCell(lambda c, x, h: torch.tanh(c.inputs(x) + c.hidden(h) + c.hidden(c.norm(h))))
    cell.inputs, cell.hidden, cell.norm = torch.nn.Linear(3, 4), torch.nn.Linear(4, 4), torch.nn.LayerNorm(4)

    checked(cell)


def test_a_part_that_has_two_names_is_compiled_and_left_as_it_was():
    torch.manual_seed(0)
    cell = StepCell(lambda c, x, h: torch.tanh(c.inputs(x) + c.hidden(h) + c.again(0.3 * h)))
    cell.inputs, cell.hidden = torch.nn.Linear(3, 4), torch.nn.Linear(4, 4)
    cell.again = cell.hidden
    weights = [*cell.double().parameters()]

    capture(cell, 3, torch.float64)
    assert all(now is before for now, before in zip(cell.parameters(), weights, strict=True))
    checked(cell)


def test_parametrised_weights_are_computed_once_a_scan():
    torch.manual_seed(0)

    checked(torch.nn.utils.parametrizations.weight_norm(LSTM(3, 4), "weight_hh"))
    checked(torch.nn.utils.parametrizations.orthogonal(Elman(3, 4), "weight_hh"))
