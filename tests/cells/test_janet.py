"""JANET, against its paper's equations."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells.janet import JANET, JANETState
from ostinato.engine import scan

law = settings(deadline=None, derandomize=True, max_examples=20)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def made(**options):
    torch.manual_seed(0)
    return JANET(3, 4, **options).double()


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.5])
def test_janet_is_its_equations(beta):
    cell = made(beta=beta)
    x, h_0 = torch.randn(5, 6, 3).double(), torch.randn(5, 4).double()

    y, final = scan(cell, x, JANETState(h_0), backend="reference")

    W_f, W_g = np.split(cell.weight_ih.detach().numpy(), 2)
    U_f, U_g = np.split(cell.weight_hh.detach().numpy(), 2)
    b_f, b_g = np.split(cell.bias.detach().numpy(), 2)
    for row in range(5):
        h = h_0[row].numpy()
        for t in range(6):
            x_t = x[row, t].numpy()
            s = U_f @ h + W_f @ x_t + b_f
            g = np.tanh(U_g @ h + W_g @ x_t + b_g)
            h = sigmoid(s) * h + (1 - sigmoid(s - beta)) * g
            np.testing.assert_allclose(y[row, t].detach(), h, atol=1e-12)
    assert torch.equal(final.h, y[:, -1])


@law
@given(batch=st.integers(0, 4), time=st.integers(1, 4), inputs=st.integers(1, 5), hidden=st.integers(1, 6))
def test_it_runs_at_any_size(batch, time, inputs, hidden):
    y, final = scan(JANET(inputs, hidden), torch.randn(batch, time, inputs))

    assert y.shape == (batch, time, hidden)
    assert final.h.shape == (batch, hidden)


def test_the_gradients_through_time_are_the_finite_differences():
    cell = made(longest=20)
    x, h = torch.randn(2, 4, 3).double().requires_grad_(), torch.randn(2, 4).double().requires_grad_()

    def run(x, h, *_):
        return scan(cell, x, JANETState(h), backend="reference")[0]

    assert torch.autograd.gradcheck(run, (x, h, *cell.parameters()))


def test_chrono_initialisation_spreads_the_forget_gate_over_memories_of_one_step_to_the_longest():
    torch.manual_seed(0)
    cell, plain = JANET(3, 2000, longest=784), JANET(3, 2000)

    lasting = cell.bias[:2000].exp()  # s(b) = 1 - 1 / (1 + exp(b)): 1 + exp(b) steps

    assert cell.bias[:2000].min() >= 0
    assert cell.bias[:2000].max() <= math.log(783)
    assert lasting.mean().item() == pytest.approx(784 / 2, rel=0.05)  # uniform in steps, not in their logarithm
    assert (cell.bias[2000:].abs() <= 2000**-0.5).all()
    assert (plain.bias.abs() <= 2000**-0.5).all()


def test_the_shortest_range_is_one_step_for_every_unit():
    assert torch.equal(JANET(3, 4, longest=2).bias[:4], torch.zeros(4))


def test_chrono_initialisation_remembers_what_the_uniform_one_forgets():
    def left_after_fifty_steps(**options):
        torch.manual_seed(0)
        cell = JANET(1, 32, **options).double()
        x = torch.zeros(1, 50, 1).double()
        with torch.no_grad():
            one, _ = scan(cell, x, JANETState(torch.ones(1, 32).double()))
            other, _ = scan(cell, x, JANETState(-torch.ones(1, 32).double()))
        return (one - other)[0, -1].norm().item()

    assert left_after_fifty_steps(longest=400) > 10 * left_after_fifty_steps()


def test_a_recurrent_dropout_mask_is_not_seen_by_the_carried_memory():
    cell = made()
    with torch.no_grad():
        cell.bias[:4] = 1e3
    x, h = torch.randn(5, 3).double(), torch.randn(5, 4).double()

    y, _ = cell(torch.cat([x, torch.zeros(5, 4).double()], dim=1), JANETState(h))

    torch.testing.assert_close(y, h)


@pytest.mark.parametrize("longest", [1, 0, -5])
def test_a_longest_memory_below_two_steps_is_refused(longest):
    with pytest.raises(ValueError, match=f"longest must be at least 2 steps, got {longest}"):
        JANET(3, 4, longest=longest)


def test_it_shows_its_beta():
    assert repr(JANET(3, 4)) == "JANET(3, 4, beta=1.0)"
