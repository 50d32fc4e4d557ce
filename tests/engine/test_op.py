"""The compiled scan as an operation of torch: what differentiates and transforms it."""

import copy
from functools import partial

import pytest
import torch
from scan_scenario import EVERY_CELL, LAYOUTS, Over, StepCell, compiled, random_state, reference
from torch.autograd import forward_ad
from torch.func import functional_call, grad, jvp, vmap
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from ostinato.cells import GRU, LSTM, Elman
from ostinato.engine import scan
from ostinato.nn import Recurrent

LENGTHS = torch.tensor([3, 0, 1])
EXACT = {"rtol": 1e-11, "atol": 1e-11}


@pytest.fixture(autouse=True)
def one_seed():
    torch.manual_seed(0)


def of_everything(cell, run, **settings):
    """The scan as a function of all that it can be differentiated by."""
    first = random_state(cell, 3)
    weights = dict(cell.named_parameters())

    def function(x, *tensors):
        state = type(first)(*tensors[: len(first)])
        values = {f"cell.{name}": value for name, value in zip(weights, tensors[len(first) :], strict=True)}
        y, final = functional_call(Over(cell, run), values, (x, state), settings)
        return (y, *final)

    x = torch.randn(3, 3, cell.input_size).double()
    leaves = [tensor.detach().clone().requires_grad_() for tensor in (x, *first, *weights.values())]
    return function, leaves


# Derivatives


@pytest.mark.parametrize("cell", [Elman, LSTM])
@pytest.mark.parametrize("settings", [{}, {"lengths": LENGTHS, "reverse": True}], ids=["plain", "ragged and reversed"])
def test_first_and_second_derivatives_are_the_finite_differences(cell, settings):
    function, leaves = of_everything(cell(3, 4).double(), compiled, **settings)

    assert torch.autograd.gradcheck(function, leaves, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, leaves, fast_mode=True)


def in_place(c, x, h):
    z = F.linear(x, c.w) + h * c.v
    z.tanh_()
    return z * 0.9


def detached(c, x, h):
    return torch.tanh(F.linear(x, c.w) + h.detach() * c.v + h * h)


def without_gradient(c, x, h):
    with torch.no_grad():
        size = 1 / (1 + h.abs())
    return torch.tanh(F.linear(x, c.w) + h * size)


DIFFERENTIABLE = {
    **{name: EVERY_CELL[name] for name in ("gru", "layer_norm_lstm", "slstm", "qrnn", "lru", "binary")},
    "in_place": lambda inputs, hidden: StepCell(in_place),
    "detached": lambda inputs, hidden: StepCell(detached),
    "without_gradient": lambda inputs, hidden: StepCell(without_gradient),
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_second_derivatives_are_the_references(name):
    cell = DIFFERENTIABLE[name](3, 4).double()

    def twice(run):
        torch.manual_seed(1)
        function, leaves = of_everything(cell, run, lengths=LENGTHS)
        outputs = function(*leaves)
        first = torch.autograd.grad(
            sum(t.square().sum() for t in outputs), leaves, create_graph=True, allow_unused=True
        )
        total = sum((gradient * torch.randn_like(gradient)).sum() for gradient in first if gradient is not None)
        return torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)

    torch.testing.assert_close(twice(compiled), twice(reference), **EXACT)


def test_a_gradient_penalty_can_be_trained_on():
    cell = GRU(3, 4).double()

    def gradients(run):
        x = torch.ones(2, 3, 3).double().requires_grad_()
        (slope,) = torch.autograd.grad(run(cell, x)[0].sum(), [x], create_graph=True)
        return torch.autograd.grad(slope.square().sum(), [*cell.parameters()])

    torch.testing.assert_close(gradients(compiled), gradients(reference), **EXACT)


def test_forward_derivatives_are_the_references_or_an_error_and_never_lost():
    cell, x = LSTM(3, 4).double(), torch.randn(2, 3, 3).double()
    _, expected = jvp(lambda x: reference(cell, x)[0], (x,), (torch.ones_like(x),))

    torch.testing.assert_close(jvp(lambda x: scan(cell, x)[0], (x,), (torch.ones_like(x),))[1], expected, **EXACT)
    for mode in (torch.enable_grad(), torch.no_grad()):
        with mode, forward_ad.dual_level():
            y, _ = scan(cell, forward_ad.make_dual(x, torch.ones_like(x)))
            torch.testing.assert_close(forward_ad.unpack_dual(y).tangent, expected, **EXACT)


def test_per_sample_gradients_by_vmap_are_those_of_each_sample():
    layer, x = Recurrent(LSTM, 3, 4, bidirectional=True).double(), torch.randn(3, 5, 3).double()
    weights = dict(layer.named_parameters())

    def loss(weights, row):
        return functional_call(layer, weights, (row[None],))[0].square().sum()

    together = vmap(grad(loss), in_dims=(None, 0))(weights, x)
    for row in range(3):
        alone = dict(zip(weights, torch.autograd.grad(loss(weights, x[row]), [*weights.values()]), strict=True))
        torch.testing.assert_close({name: g[row] for name, g in together.items()}, alone, **EXACT)


def test_other_weights_can_be_lent_by_functional_call():
    layer, x = Over(GRU(3, 4).double(), compiled), torch.randn(2, 5, 3).double()
    lent = {name: torch.randn_like(weight).requires_grad_() for name, weight in layer.named_parameters()}

    y, _ = functional_call(layer, lent, (x,))
    gradients = torch.autograd.grad(y.sum(), [*lent.values()])

    own = copy.deepcopy(layer)
    own.load_state_dict({name: weight.detach() for name, weight in lent.items()})
    torch.testing.assert_close(y, own(x)[0], **EXACT)
    torch.testing.assert_close(gradients, torch.autograd.grad(own(x)[0].sum(), [*own.parameters()]), **EXACT)


def test_a_scan_in_a_checkpoint_gives_the_same_gradients():
    cell, x = GRU(3, 4).double(), torch.randn(2, 5, 3).double().requires_grad_()

    def gradients(run):
        return torch.autograd.grad(run(x).square().sum(), [x, *cell.parameters()])

    def output(x):
        return scan(cell, x)[0]

    torch.testing.assert_close(gradients(partial(checkpoint, output, use_reentrant=False)), gradients(output))


# Modes


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients_nothing_is_recorded(mode):
    cell, x = GRU(3, 4).double(), torch.randn(2, 5, 3).double()

    with mode():
        y, final = scan(cell, x)

    assert not y.requires_grad
    assert not final.h.requires_grad
    assert y.is_inference() == (mode is torch.inference_mode)
    torch.testing.assert_close(y, reference(cell, x)[0], **EXACT)


def test_what_needs_no_gradient_anywhere_has_none():
    cell = GRU(3, 4).double().requires_grad_(False)

    assert not scan(cell, torch.randn(2, 5, 3).double())[0].requires_grad
    assert scan(cell, torch.randn(2, 5, 3).double().requires_grad_())[0].requires_grad


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("cell", [LSTM, GRU, Elman, partial(LSTM, proj_size=2)])
def test_outputs_may_be_changed_in_place_and_the_gradients_stay_right(cell, layout):
    cell, x = cell(3, 4).double(), LAYOUTS[layout](torch.randn(2, 5, 3).double()).requires_grad_()

    def gradients(run):
        y, final = run(cell, x)
        y += 1.0
        y[:, 1:].mul_(3)
        return torch.autograd.grad(y.square().sum() + final.h.sum(), [x, *cell.parameters()])

    torch.testing.assert_close(gradients(compiled), gradients(reference), **EXACT)


def test_a_weight_changed_between_a_scan_and_its_gradient_is_an_error():
    cell = GRU(3, 4).double()
    y, _ = scan(cell, torch.randn(2, 5, 3).double())
    with torch.no_grad():
        cell.weight_hh.mul_(2)

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_a_state_of_another_type_is_refused_and_not_misread():
    cell, x = Elman(3, 4), torch.randn(2, 5, 3)

    with pytest.raises((ValueError, RuntimeError), match=r"dtype|type"):
        scan(cell, x, cell.initial_state(2, dtype=torch.float64))
