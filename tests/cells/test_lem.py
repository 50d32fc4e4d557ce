"""Long expressive memory, against its paper's equations."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells.lem import LEM, LEMState
from ostinato.engine import scan

law = settings(deadline=None, derandomize=True, max_examples=20)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def made(**options):
    torch.manual_seed(0)
    return LEM(3, 4, **options).double()


def random_state():
    return LEMState(*torch.randn(2, 5, 4).double())


@pytest.mark.parametrize("dt", [1.0, 0.1, 1.7])
def test_lem_is_its_equations(dt):
    cell = made(dt=dt)
    x, first = torch.randn(5, 6, 3).double(), random_state()

    outputs, final = scan(cell, x, first, backend="reference")

    V_1, V_2, V_z, V_y = np.split(cell.weight_ih.detach().numpy(), 4)
    b_1, b_2, b_z, b_y = np.split(cell.bias.detach().numpy(), 4)
    W_1, W_2, W_z = np.split(cell.weight_yh.detach().numpy(), 3)
    W_y = cell.weight_zy.detach().numpy()
    for row in range(5):
        y, z = first.y[row].numpy(), first.z[row].numpy()
        for t in range(6):
            u = x[row, t].numpy()
            dt_z = dt * sigmoid(W_1 @ y + V_1 @ u + b_1)
            dt_y = dt * sigmoid(W_2 @ y + V_2 @ u + b_2)
            z = (1 - dt_z) * z + dt_z * np.tanh(W_z @ y + V_z @ u + b_z)
            y = (1 - dt_y) * y + dt_y * np.tanh(W_y @ z + V_y @ u + b_y)
            np.testing.assert_allclose(outputs[row, t].detach(), y, atol=1e-12)
        np.testing.assert_allclose(final.z[row].detach(), z, atol=1e-12)
    assert torch.equal(final.y, outputs[:, -1])


@law
@given(batch=st.integers(0, 4), time=st.integers(1, 4), inputs=st.integers(1, 5), hidden=st.integers(1, 6))
def test_it_runs_at_any_size(batch, time, inputs, hidden):
    y, final = scan(LEM(inputs, hidden), torch.randn(batch, time, inputs))

    assert y.shape == (batch, time, hidden)
    assert [tensor.shape for tensor in final] == [(batch, hidden)] * 2


def test_the_gradients_through_time_are_the_finite_differences():
    cell = made(dt=0.5)
    x = torch.randn(2, 4, 3).double().requires_grad_()
    state = [tensor.requires_grad_() for tensor in (torch.randn(2, 4).double(), torch.randn(2, 4).double())]

    def run(x, y, z, *_):
        outputs, final = scan(cell, x, LEMState(y, z), backend="reference")
        return (outputs, *final)

    assert torch.autograd.gradcheck(run, (x, *state, *cell.parameters()))


@law
@given(dt=st.floats(0.01, 1), scale=st.floats(0.1, 100))
def test_up_to_a_step_of_one_both_states_stay_between_minus_one_and_one(dt, scale):
    cell = made(dt=dt)

    y, final = scan(cell, scale * torch.randn(3, 20, 3).double())

    assert y.abs().max() <= 1
    assert final.z.abs().max() <= 1


def test_a_short_step_moves_little_and_in_proportion():
    x, state = torch.randn(5, 3).double(), random_state()

    def moved(dt):
        y, new = made(dt=dt)(x, state)
        return y - state.y, new.z - state.z

    for short, shorter in zip(moved(2e-6), moved(1e-6), strict=True):
        torch.testing.assert_close(short, 2 * shorter, rtol=1e-5, atol=0)
        assert short.abs().max() < 1e-5


def test_a_recurrent_dropout_mask_hides_the_same_units_of_both_states_from_the_weights():
    cell = made()
    x, state = torch.randn(5, 3).double(), random_state()
    kept = torch.tensor([0.0, 1.0, 1.0, 0.0]).double()

    dropped = cell(torch.cat([x, kept.expand(5, 4)], dim=1), state)

    with torch.no_grad():
        for name in cell.recurrent_weights:
            cell.get_parameter(name).mul_(kept)  # the columns of the hidden units
    torch.testing.assert_close(dropped, cell(x, state))


@pytest.mark.parametrize("dt", [0.0, -1.0, float("inf"), float("nan")])
def test_a_step_that_is_not_positive_and_finite_is_refused(dt):
    with pytest.raises(ValueError, match="dt must be positive and finite"):
        LEM(3, 4, dt=dt)


def test_it_shows_its_step():
    assert repr(LEM(3, 4, dt=0.5)) == "LEM(3, 4, dt=0.5)"
