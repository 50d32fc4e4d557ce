"""The simple recurrent networks, against their papers' equations."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells import Elman, ElmanState, Jordan, JordanState
from ostinato.engine import scan

law = settings(deadline=None, derandomize=True, max_examples=20)
FUNCTIONS = {
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "identity": lambda z: z,
    "binary": lambda z: (z > 0).astype(float),
}


def arrays(cell):
    return {name: value.detach().numpy() for name, value in cell.named_parameters()}


@pytest.mark.parametrize("activation", FUNCTIONS)
@pytest.mark.parametrize("bias", [True, False])
def test_elman_is_its_equation(activation, bias):
    torch.manual_seed(0)
    cell = Elman(3, 4, activation=activation, bias=bias).double()
    x, h = torch.randn(5, 3).double(), torch.randn(5, 4).double()

    y, new = cell(x, ElmanState(h))

    w = arrays(cell)
    expected = np.empty((5, 4))
    for row in range(5):
        z = w["weight_ih"] @ x[row].numpy() + w["weight_hh"] @ h[row].numpy()
        if bias:
            z = z + w["bias_ih"] + w["bias_hh"]
        expected[row] = FUNCTIONS[activation](z)
    np.testing.assert_allclose(y.detach(), expected, atol=1e-12)
    assert new.h is y


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_an_elman_step_is_a_step_of_torchs_rnn_cell(activation):
    torch.manual_seed(0)
    cell = Elman(3, 4, activation=activation).double()
    torchs = torch.nn.RNNCell(3, 4, nonlinearity=activation).double()
    torchs.load_state_dict(cell.state_dict())
    x, h = torch.randn(5, 3).double(), torch.randn(5, 4).double()

    torch.testing.assert_close(cell(x, ElmanState(h))[0], torchs(x, h), rtol=0, atol=1e-12)


@law
@given(time=st.integers(1, 6), a=st.floats(-2, 2), b=st.floats(-2, 2))
def test_elman_with_identity_is_linear_over_all_of_time(time, a, b):
    torch.manual_seed(0)
    cell = Elman(3, 4, activation="identity", bias=False).double()
    u, v = torch.randn(2, 2, time, 3).double()
    h, k = torch.randn(2, 2, 4).double()

    together, _ = scan(cell, a * u + b * v, ElmanState(a * h + b * k))
    apart = a * scan(cell, u, ElmanState(h))[0] + b * scan(cell, v, ElmanState(k))[0]

    torch.testing.assert_close(together, apart, rtol=0, atol=1e-10)


def test_elman_with_identity_is_a_matrix_power_of_its_recurrent_weight():
    torch.manual_seed(0)
    cell = Elman(3, 4, activation="identity", bias=False).double()
    h = torch.randn(2, 4).double()

    _, final = scan(cell, torch.zeros(2, 5, 3).double(), ElmanState(h))

    torch.testing.assert_close(final.h, h @ torch.linalg.matrix_power(cell.weight_hh, 5).T)


def test_binary_units_are_zero_or_one_and_zero_stays_off():
    torch.manual_seed(0)
    y, final = scan(Elman(3, 16, activation="binary"), torch.randn(4, 7, 3))

    assert set(y.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(final.h, y[:, -1])
    cell = Elman(1, 1, activation="binary", bias=False)
    assert cell(torch.zeros(1, 1), cell.initial_state(1))[0].item() == 0.0


def test_the_gradient_passes_straight_through_the_threshold_and_is_cut_far_from_it():
    cell = Elman(1, 1, activation="binary", bias=False).double()
    torch.nn.init.ones_(cell.weight_ih)
    x = torch.tensor([[-1.5], [-1.0], [-0.2], [0.0], [0.7], [1.0], [1.1]]).double().requires_grad_()

    y, _ = cell(x, cell.initial_state(7, dtype=torch.float64))
    (3 * y).sum().backward()

    assert y.flatten().tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert x.grad.flatten().tolist() == [0, 3, 3, 3, 3, 3, 0]


def test_the_threshold_works_under_torch_func():
    torch.manual_seed(0)
    cell = Elman(2, 3, activation="binary").double()
    x, state = torch.randn(4, 2).double(), cell.initial_state(4, dtype=torch.float64)

    def output(rows):
        return cell(rows, state)[0]

    _, vjp = torch.func.vjp(output, x)
    leaf = x.clone().requires_grad_()
    output(leaf).sum().backward()

    torch.testing.assert_close(vjp(torch.ones(4, 3).double())[0], leaf.grad)


@pytest.mark.parametrize("activation", FUNCTIONS)
@pytest.mark.parametrize("output_size", [None, 2])
def test_jordan_is_its_equation(activation, output_size):
    torch.manual_seed(0)
    cell = Jordan(3, 4, output_size=output_size, activation=activation).double()
    size = output_size or 4
    x, before = torch.randn(5, 3).double(), torch.randn(5, size).double()

    y, new = cell(x, JordanState(before))

    w = arrays(cell)
    expected = np.empty((5, size))
    for row in range(5):
        z = w["weight_ih"] @ x[row].numpy() + w["weight_yh"] @ before[row].numpy() + w["bias_h"]
        expected[row] = w["weight_hy"] @ FUNCTIONS[activation](z) + w["bias_y"]
    np.testing.assert_allclose(y.detach(), expected, atol=1e-12)
    assert new.y is y


def test_jordan_feeds_back_its_output():
    torch.manual_seed(0)
    cell = Jordan(3, 4, output_size=2)
    x = torch.randn(5, 6, 3)

    y, final = scan(cell, x)

    assert y.shape == (5, 6, 2)
    assert torch.equal(final.y, y[:, -1])
    torch.testing.assert_close(cell(x[:, 3], JordanState(y[:, 2]))[0], y[:, 3])


@pytest.mark.parametrize("cell", [Elman, Jordan])
def test_an_unknown_activation_is_refused_and_the_known_ones_named(cell):
    with pytest.raises(ValueError, match=r"tanh, relu, identity, binary, got 'gelu'"):
        cell(3, 4, activation="gelu")


@pytest.mark.parametrize(("hidden", "output"), [(0, 2), (-3, 2), (4, 0)])
def test_jordan_refuses_a_hidden_or_output_size_below_one(hidden, output):
    with pytest.raises(ValueError, match="at least 1"):
        Jordan(3, hidden, output_size=output)
