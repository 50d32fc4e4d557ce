"""The simple recurrent networks, against their papers' equations."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells import Elman, ElmanState, Jordan, JordanState
from ostinato.cells.elman import ContractiveElman
from ostinato.engine import explain, scan

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


def test_a_uniform_start_is_the_default_and_draws_what_torchs_does():
    torch.manual_seed(0)
    default = Elman(3, 4)
    torch.manual_seed(0)
    uniform = Elman(3, 4, init="uniform")
    torch.manual_seed(0)
    torchs = torch.nn.RNNCell(3, 4)

    for name, value in default.named_parameters():
        assert torch.equal(value, uniform.get_parameter(name))
        assert torch.equal(value, torchs.get_parameter(name))


def test_an_orthogonal_start_keeps_the_length_of_every_state():
    torch.manual_seed(0)
    cell = Elman(3, 16, activation="identity", bias=False, init="orthogonal").double()
    h = torch.randn(5, 16).double()

    y, _ = scan(cell, torch.zeros(5, 50, 3).double(), ElmanState(h))

    torch.testing.assert_close(cell.weight_hh @ cell.weight_hh.T, torch.eye(16).double(), rtol=0, atol=1e-6)
    torch.testing.assert_close(y.norm(dim=-1), h.norm(dim=-1, keepdim=True).expand(5, 50), rtol=1e-4, atol=0)


def test_an_irnn_begins_by_adding_up_its_inputs():
    torch.manual_seed(0)
    cell = Elman(3, 4, activation="relu", init="identity").double()
    x, h = torch.rand(5, 6, 3).double(), torch.rand(5, 4).double()
    with torch.no_grad():
        cell.weight_ih.abs_()

    y, _ = scan(cell, x, ElmanState(h))

    assert torch.equal(cell.weight_hh, torch.eye(4).double())
    assert not cell.bias_ih.any()
    assert not cell.bias_hh.any()
    torch.testing.assert_close(y, h[:, None] + (x @ cell.weight_ih.T).cumsum(1))


def test_an_identity_start_without_biases_is_the_identity():
    assert torch.equal(Elman(3, 4, bias=False, init="identity").weight_hh, torch.eye(4))


@pytest.mark.parametrize("init", ["orthogonal", "identity"])
def test_a_start_of_ones_own_leaves_torchs_kernel_the_cell(init):
    cell, x = Elman(3, 4, init=init), torch.randn(2, 5, 3)

    assert explain(cell, x, backend="aten").backend == "aten"
    torch.testing.assert_close(scan(cell, x, backend="aten")[0], scan(cell, x, backend="reference")[0])


@pytest.mark.parametrize("activation", ["tanh", "relu", "identity"])
@pytest.mark.parametrize("bias", [True, False])
def test_contractive_elman_is_its_equation(activation, bias):
    torch.manual_seed(0)
    cell = ContractiveElman(3, 4, norm_bound=0.7, activation=activation, bias=bias).double()
    x, first = torch.randn(5, 6, 3).double(), torch.randn(5, 4).double()

    y, final = scan(cell, x, ElmanState(first), backend="reference")

    w = arrays(cell)
    U = w["weight_hh"] * min(1, 0.7 / np.linalg.svd(w["weight_hh"], compute_uv=False).max())
    b = w["bias_ih"] + w["bias_hh"] if bias else 0
    for row in range(5):
        h = first[row].numpy()
        for t in range(6):
            h = FUNCTIONS[activation](w["weight_ih"] @ x[row, t].numpy() + U @ h + b)
            np.testing.assert_allclose(y[row, t].detach(), h, atol=1e-12)
    assert torch.equal(final.h, y[:, -1])


@law
@given(hidden=st.integers(1, 8), bound=st.floats(0.05, 1), scale=st.floats(0, 100))
def test_the_spectral_norm_is_within_its_bound_whatever_the_weights(hidden, bound, scale):
    torch.manual_seed(0)
    cell = ContractiveElman(3, hidden, norm_bound=bound).double()
    with torch.no_grad():
        cell.weight_hh.mul_(scale)

    before, after = (np.linalg.norm(w.detach().numpy(), 2) for w in (cell.weight_hh, cell.recurrent_matrix()))

    assert after == pytest.approx(min(before, bound), rel=1e-12)
    if before <= bound:
        assert torch.equal(cell.recurrent_matrix(), cell.weight_hh)


@pytest.mark.parametrize("activation", ["tanh", "relu", "identity"])
@pytest.mark.parametrize("init", ["uniform", "orthogonal", "identity"])
def test_any_two_states_come_closer_at_every_step_of_a_contractive_elman(activation, init):
    torch.manual_seed(0)
    cell = ContractiveElman(3, 8, norm_bound=0.9, activation=activation, init=init).double()
    with torch.no_grad():
        cell.weight_hh.mul_(5)
    x = torch.randn(4, 30, 3).double()
    one, other = 3 * torch.randn(2, 4, 8).double()

    with torch.no_grad():
        apart = scan(cell, x, ElmanState(one))[0] - scan(cell, x, ElmanState(other))[0]

    distances = torch.cat([(one - other)[:, None], apart], dim=1).norm(dim=-1)
    assert (distances[:, 1:] <= 0.9 * distances[:, :-1] + 1e-12).all()
    assert distances[:, 0].min() > 1


@pytest.mark.parametrize("scale", [0.1, 5.0])
def test_the_gradients_pass_through_the_bound_of_a_contractive_elman(scale):
    torch.manual_seed(0)
    cell = ContractiveElman(3, 4, norm_bound=0.8).double()
    with torch.no_grad():
        cell.weight_hh.mul_(scale)
    x, h = torch.randn(2, 4, 3).double().requires_grad_(), torch.randn(2, 4).double().requires_grad_()

    def run(x, h, *_):
        return scan(cell, x, ElmanState(h), backend="reference")[0]

    assert torch.autograd.gradcheck(run, (x, h, *cell.parameters()))


@pytest.mark.parametrize("weights", [torch.zeros(4, 4), torch.eye(4), 5 * torch.eye(4)])
def test_the_gradient_of_the_bound_is_finite_where_singular_values_are_zero_or_equal(weights):
    torch.manual_seed(0)
    cell = ContractiveElman(3, 4)
    with torch.no_grad():
        cell.weight_hh.copy_(weights)

    y, _ = scan(cell, torch.randn(2, 5, 3))
    y.square().sum().backward()

    assert cell.weight_hh.grad.isfinite().all()
    assert cell.weight_hh.grad.any()


def test_torchs_kernel_knows_no_bound_and_is_not_taken():
    cell, x = ContractiveElman(3, 4), torch.randn(2, 5, 3)

    assert "aten" in explain(cell, x).rejected
    with pytest.raises(ValueError, match="torch has no kernel for ContractiveElman"):
        explain(cell, x, backend="aten")


@pytest.mark.parametrize("bound", [0.0, -1.0, 1.01, float("nan")])
def test_a_norm_bound_outside_zero_to_one_is_refused(bound):
    with pytest.raises(ValueError, match=r"norm_bound must lie in \(0, 1\], got"):
        ContractiveElman(3, 4, norm_bound=bound)


def test_a_contractive_threshold_is_refused():
    with pytest.raises(ValueError, match="activation must be one of tanh, relu, identity, got 'binary'"):
        ContractiveElman(3, 4, activation="binary")


@pytest.mark.parametrize("cell", [Elman, ContractiveElman])
def test_an_unknown_start_is_refused_and_the_known_ones_named(cell):
    with pytest.raises(ValueError, match="init must be one of uniform, orthogonal, identity, got 'zeros'"):
        cell(3, 4, init="zeros")


def test_contractive_elman_shows_its_bound():
    assert repr(ContractiveElman(3, 4)) == "ContractiveElman(3, 4, activation='tanh', norm_bound=0.95)"


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
