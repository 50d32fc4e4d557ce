"""The coupled oscillators, against their paper's equations."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells.cornn import CoRNN, CoRNNState
from ostinato.engine import scan

law = settings(deadline=None, derandomize=True, max_examples=20)


def made(**options):
    torch.manual_seed(0)
    return CoRNN(3, 4, **options).double()


def random_state():
    return CoRNNState(*torch.randn(2, 5, 4).double())


def undriven(**options):
    """Free, damped oscillators: nothing comes in and nothing couples them."""
    cell = CoRNN(1, 1, **options).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
    return cell


@pytest.mark.parametrize("constants", [{}, {"dt": 0.3, "gamma": 1.5, "epsilon": 20.0}])
def test_cornn_is_its_equations(constants):
    cell = made(**constants)
    dt, gamma, epsilon = (
        constants.get(name, value) for name, value in (("dt", 0.042), ("gamma", 2.7), ("epsilon", 4.7))
    )
    x, first = torch.randn(5, 6, 3).double(), random_state()

    outputs, final = scan(cell, x, first, backend="reference")

    V, b = cell.weight_ih.detach().numpy(), cell.bias.detach().numpy()
    W, Z = np.split(cell.weight_hh.detach().numpy(), 2, axis=1)
    for row in range(5):
        y, z = first.y[row].numpy(), first.z[row].numpy()
        for t in range(6):
            force = np.tanh(W @ y + Z @ z + V @ x[row, t].numpy() + b)
            # z_n + dt epsilon z_n = what is known: a diagonal system, solved as one
            z = np.linalg.solve((1 + dt * epsilon) * np.eye(4), z + dt * force - dt * gamma * y)
            y = y + dt * z
            np.testing.assert_allclose(outputs[row, t].detach(), y, atol=1e-12)
        np.testing.assert_allclose(final.z[row].detach(), z, atol=1e-12)
    assert torch.equal(final.y, outputs[:, -1])


def test_the_new_velocity_solves_the_implicit_equation():
    cell = made(dt=0.3, epsilon=20.0)
    x, state = torch.randn(5, 3).double(), random_state()

    _, new = cell(x, state)

    force = torch.tanh(x @ cell.weight_ih.T + torch.cat(state, dim=1) @ cell.weight_hh.T + cell.bias)
    expected = state.z + 0.3 * (force - 2.7 * state.y - 20 * new.z)
    torch.testing.assert_close(new.z, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(new.y, state.y + 0.3 * new.z, rtol=0, atol=1e-12)


@law
@given(batch=st.integers(0, 4), time=st.integers(1, 4), inputs=st.integers(1, 5), hidden=st.integers(1, 6))
def test_it_runs_at_any_size(batch, time, inputs, hidden):
    y, final = scan(CoRNN(inputs, hidden), torch.randn(batch, time, inputs))

    assert y.shape == (batch, time, hidden)
    assert [tensor.shape for tensor in final] == [(batch, hidden)] * 2


def test_the_gradients_through_time_are_the_finite_differences():
    cell = made(dt=0.5)
    x = torch.randn(2, 4, 3).double().requires_grad_()
    state = [tensor.requires_grad_() for tensor in (torch.randn(2, 4).double(), torch.randn(2, 4).double())]

    def run(x, y, z, *_):
        outputs, final = scan(cell, x, CoRNNState(y, z), backend="reference")
        return (outputs, *final)

    assert torch.autograd.gradcheck(run, (x, *state, *cell.parameters()))


def test_a_free_oscillator_follows_the_differential_equation():
    gamma, epsilon, dt, steps = 4.0, 0.5, 1e-3, 3000
    cell = undriven(dt=dt, gamma=gamma, epsilon=epsilon)
    start = CoRNNState(torch.ones(1, 1).double(), torch.zeros(1, 1).double())

    with torch.no_grad():
        y, _ = scan(cell, torch.zeros(1, steps, 1).double(), start)

    t = dt * np.arange(1, steps + 1)
    turn = np.sqrt(gamma - epsilon**2 / 4)
    exact = np.exp(-epsilon * t / 2) * (np.cos(turn * t) + epsilon / (2 * turn) * np.sin(turn * t))
    np.testing.assert_allclose(y[0, :, 0], exact, atol=5e-3)


@pytest.mark.parametrize("epsilon", [0.1, 10.0, 1e4])
def test_a_step_is_stable_for_any_damping_up_to_the_stated_stiffness(epsilon):
    dt = 0.5
    most = (4 + 2 * dt * epsilon) / dt**2
    start = CoRNNState(torch.ones(1, 1).double(), torch.zeros(1, 1).double())

    def last(gamma):
        with torch.no_grad():
            y, _ = scan(undriven(dt=dt, gamma=gamma, epsilon=epsilon), torch.zeros(1, 400, 1).double(), start)
        return y[0, -1].abs().item()

    assert last(0.95 * most) < 10
    assert last(1.1 * most) > 1e3


def test_a_recurrent_dropout_mask_hides_the_same_units_of_both_states_from_the_weights():
    cell = made()
    x, state = torch.randn(5, 3).double(), random_state()
    kept = torch.tensor([0.0, 1.0, 1.0, 0.0]).double()

    dropped = cell(torch.cat([x, kept.expand(5, 4)], dim=1), state)

    with torch.no_grad():
        cell.weight_hh.mul_(kept.repeat(2))
    torch.testing.assert_close(dropped, cell(x, state))


@pytest.mark.parametrize("name", ["dt", "gamma", "epsilon"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_constants_that_are_not_positive_and_finite_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"{name} must be positive and finite"):
        CoRNN(3, 4, **{name: value})


def test_it_shows_its_constants():
    assert repr(CoRNN(3, 4)) == "CoRNN(3, 4, dt=0.042, gamma=2.7, epsilon=4.7)"
