"""The independently recurrent network, against its paper."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ostinato.cells import Chain
from ostinato.cells.indrnn import IndRNN, IndRNNState
from ostinato.engine import scan

FUNCTIONS = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh}


@pytest.mark.parametrize("activation", FUNCTIONS)
def test_indrnn_is_its_equation_over_time(activation):
    torch.manual_seed(0)
    cell = IndRNN(3, 4, activation=activation).double()
    x, h = torch.randn(5, 6, 3).double(), torch.randn(5, 4).double()

    y, final = scan(cell, x, IndRNNState(h), backend="reference")

    w = {name: value.detach().numpy() for name, value in cell.named_parameters()}
    for row in range(5):
        before = h[row].numpy()
        for t in range(6):
            z = w["weight_ih"] @ x[row, t].numpy() + w["weight_hh"] * before + w["bias"]
            before = FUNCTIONS[activation](z)
            np.testing.assert_allclose(y[row, t].detach(), before, atol=1e-12)
    assert torch.equal(final.h, y[:, -1])


def test_without_an_input_a_positive_state_is_multiplied_by_the_recurrent_weights_each_step():
    torch.manual_seed(0)
    cell = IndRNN(3, 4).double()
    torch.nn.init.zeros_(cell.bias)
    h = torch.rand(2, 4).double()

    _, final = scan(cell, torch.zeros(2, 7, 3).double(), IndRNNState(h))

    torch.testing.assert_close(final.h, h * cell.weight_hh**7)


def test_the_recurrent_weights_begin_uniform_between_0_and_1():
    torch.manual_seed(0)
    weights = IndRNN(1, 10_000).weight_hh.detach().numpy()

    assert weights.min() >= 0
    assert weights.max() <= 1
    np.testing.assert_allclose(np.quantile(weights, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.02)


@pytest.mark.parametrize("longest", [1, 10, 1000])
def test_with_a_longest_sequence_they_begin_between_0_and_the_bound(longest):
    torch.manual_seed(0)
    cell = IndRNN(1, 10_000, longest=longest)

    assert cell.bound == pytest.approx(2 ** (1 / longest))
    assert cell.weight_hh.min() >= 0
    assert 0.99 * cell.bound < cell.weight_hh.max() <= cell.bound + 1e-6


def test_over_the_longest_sequence_no_gradient_more_than_doubles():
    cell = IndRNN(1, 2, longest=10).double()
    with torch.no_grad():
        cell.weight_hh.copy_(torch.tensor([5.0, -5.0]))
        cell.weight_ih.zero_()
        cell.bias.zero_()
    h = torch.ones(1, 2).double().requires_grad_()

    one_step = cell(torch.zeros(1, 1).double(), IndRNNState(h))[0]
    _, final = scan(cell, torch.zeros(1, 10, 1).double(), IndRNNState(h))
    final.h.sum().backward()

    torch.testing.assert_close(one_step, torch.tensor([[2**0.1, 0.0]]).double())
    torch.testing.assert_close(h.grad, torch.tensor([[2.0, 0.0]]).double())


def test_a_recurrent_weight_past_its_bound_can_come_back():
    cell = IndRNN(1, 1, longest=10)
    with torch.no_grad():
        cell.weight_hh.fill_(1.2)
        cell.weight_ih.zero_()
        cell.bias.zero_()

    y, _ = cell(torch.zeros(1, 1), IndRNNState(torch.ones(1, 1)))
    y.sum().backward()

    assert cell.weight_hh.grad.item() == 1.0


def test_within_the_bound_it_changes_nothing():
    torch.manual_seed(0)
    bounded, free = IndRNN(3, 4, longest=20).double(), IndRNN(3, 4).double()
    free.load_state_dict(bounded.state_dict())
    x = torch.randn(2, 6, 3).double()

    torch.testing.assert_close(scan(bounded, x)[0], scan(free, x)[0], rtol=0, atol=1e-12)


def test_two_layers_learn_to_add_two_marked_numbers():
    torch.manual_seed(0)
    cell, head = Chain(IndRNN(2, 32, longest=20), IndRNN(32, 32, longest=20)), torch.nn.Linear(32, 1)
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()], lr=1e-2)

    def error(rows):
        values, marks = torch.rand(rows, 20), torch.zeros(rows, 20)
        marks[torch.arange(rows), torch.randint(0, 10, (rows,))] = 1
        marks[torch.arange(rows), torch.randint(10, 20, (rows,))] = 1
        y, _ = scan(cell, torch.stack([values, marks], -1), backend="reference")
        return F.mse_loss(head(y[:, -1]), (values * marks).sum(1, keepdim=True))

    for _ in range(400):
        optimizer.zero_grad()
        error(32).backward()
        optimizer.step()

    with torch.no_grad():
        assert error(500) < 0.03  # the variance of a sum of two is 1 / 6


def test_an_unknown_activation_is_refused_and_the_known_ones_named():
    with pytest.raises(ValueError, match="relu, tanh, got 'binary'"):
        IndRNN(3, 4, activation="binary")


@pytest.mark.parametrize("longest", [0, -5])
def test_a_longest_sequence_without_a_step_is_refused(longest):
    with pytest.raises(ValueError, match=f"longest must be at least 1 step, got {longest}"):
        IndRNN(3, 4, longest=longest)


def test_it_shows_its_settings():
    assert repr(IndRNN(3, 4)) == "IndRNN(3, 4, activation='relu')"
    assert repr(IndRNN(3, 4, activation="tanh", longest=9)) == "IndRNN(3, 4, activation='tanh', longest=9)"
