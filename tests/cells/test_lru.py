"""The linear recurrent units, against their papers."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ostinato.cells.lru import LRU, RGLRU, LRUState, RGLRUState
from ostinato.engine import scan


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def arrays(cell):
    return {name: value.detach().numpy() for name, value in cell.named_parameters()}


def eigenvalues(cell):
    w = {name: value.astype(np.float64) for name, value in arrays(cell).items()}
    return np.exp(-np.exp(w["nu_log"]) + 1j * np.exp(w["theta_log"]))


@pytest.mark.parametrize("output_size", [None, 2])
def test_lru_is_the_explicit_complex_recurrence(output_size):
    torch.manual_seed(0)
    cell = LRU(3, 4, output_size=output_size).double()
    x, re, im = torch.randn(5, 6, 3).double(), *torch.randn(2, 5, 4).double()

    y, final = scan(cell, x, LRUState(re, im), backend="reference")

    w = arrays(cell)
    B = np.split(w["weight_ih"], 2)[0] + 1j * np.split(w["weight_ih"], 2)[1]
    C = np.split(w["weight_hy"], 2, axis=1)[0] + 1j * np.split(w["weight_hy"], 2, axis=1)[1]
    for row in range(5):
        h = re[row].numpy() + 1j * im[row].numpy()
        for t in range(6):
            h = eigenvalues(cell) * h + np.exp(w["gamma_log"]) * (B @ x[row, t].numpy())
            expected = (C @ h).real + w["weight_iy"] @ x[row, t].numpy()
            np.testing.assert_allclose(y[row, t].detach(), expected, atol=1e-12)
        np.testing.assert_allclose((final.re + 1j * final.im)[row].detach(), h, atol=1e-12)


@pytest.mark.parametrize(("r_min", "r_max", "max_phase"), [(0.0, 1.0, math.tau), (0.9, 0.999, 0.3), (0.99, 1.0, 3.0)])
def test_the_eigenvalues_begin_on_their_ring(r_min, r_max, max_phase):
    torch.manual_seed(0)
    cell = LRU(1, 10_000, output_size=1, r_min=r_min, r_max=r_max, max_phase=max_phase)

    values = eigenvalues(cell)
    modulus, phase = np.abs(values), np.angle(values) % math.tau

    assert r_min - 1e-6 <= modulus.min()
    assert modulus.max() <= r_max + 1e-6
    assert phase.max() <= max_phase + 1e-5
    # Uniform by area and by angle.
    area = (modulus**2 - r_min**2) / (r_max**2 - r_min**2)
    for values in (area, phase / max_phase):
        np.testing.assert_allclose(np.quantile(values, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.02)


def test_the_normalisation_begins_at_the_modulus_it_makes_up_for():
    torch.manual_seed(0)
    cell = LRU(1, 1000, r_min=0.5)

    gamma = np.exp(arrays(cell)["gamma_log"].astype(np.float64))
    np.testing.assert_allclose(gamma**2, 1 - np.abs(eigenvalues(cell)) ** 2, atol=1e-6)


def test_for_white_noise_the_states_have_the_scale_of_the_inputs():
    torch.manual_seed(0)
    cell = LRU(8, 64, r_min=0.8, r_max=0.98).double()

    with torch.no_grad():
        _, final = scan(cell, torch.randn(500, 200, 8).double())
        scale = F.linear(torch.randn(500, 8).double(), cell.weight_ih).square().sum(1).mean()

    torch.testing.assert_close((final.re.square() + final.im.square()).sum(1).mean(), scale, rtol=0.1, atol=0)


def test_without_an_input_the_state_turns_and_shrinks_by_the_eigenvalues():
    torch.manual_seed(0)
    cell = LRU(3, 4).double()
    re, im = torch.randn(2, 5, 4).double()

    _, final = scan(cell, torch.zeros(5, 7, 3).double(), LRUState(re, im))

    expected = (re + 1j * im).numpy() * eigenvalues(cell) ** 7
    np.testing.assert_allclose((final.re + 1j * final.im).detach(), expected, atol=1e-12)


def test_whatever_its_parameters_the_modulus_stays_below_one():
    torch.manual_seed(0)
    cell = LRU(3, 4).double()
    torch.nn.init.uniform_(cell.nu_log, -5, 5)
    torch.nn.init.uniform_(cell.theta_log, -5, 5)
    first = LRUState(*torch.randn(2, 5, 4).double())

    _, final = scan(cell, torch.zeros(5, 3, 3).double(), first)

    assert (torch.hypot(final.re, final.im) < torch.hypot(first.re, first.im)).all()


def test_its_weights_begin_at_the_papers_scale():
    torch.manual_seed(0)
    cell = LRU(50, 100, output_size=80)

    assert cell.weight_ih.var().item() == pytest.approx(1 / (2 * 50), rel=0.05)
    assert cell.weight_hy.var().item() == pytest.approx(1 / 100, rel=0.05)


@pytest.mark.parametrize(("r_min", "r_max"), [(-0.1, 0.9), (0.5, 0.5), (0.9, 0.5), (0.5, 1.1), (float("nan"), 1.0)])
def test_a_ring_outside_the_unit_disc_is_refused(r_min, r_max):
    with pytest.raises(ValueError, match="0 <= r_min < r_max <= 1"):
        LRU(3, 4, r_min=r_min, r_max=r_max)


@pytest.mark.parametrize("max_phase", [0.0, -1.0, 7.0])
def test_a_phase_outside_one_turn_is_refused(max_phase):
    with pytest.raises(ValueError, match="max_phase must be in"):
        LRU(3, 4, max_phase=max_phase)


@pytest.mark.parametrize(("hidden", "output"), [(0, 2), (-3, 2), (4, 0)])
def test_lru_refuses_a_hidden_or_output_size_below_one(hidden, output):
    with pytest.raises(ValueError, match="at least 1"):
        LRU(3, hidden, output_size=output)


def test_lru_learns_to_say_what_came_four_steps_ago():
    torch.manual_seed(0)
    cell = LRU(1, 24, output_size=1, r_min=0.5)
    optimizer = torch.optim.Adam(cell.parameters(), lr=1e-2)

    def loss(rows):
        x = torch.randn(rows, 24, 1)
        y, _ = scan(cell, x, backend="reference")
        return F.mse_loss(y[:, 4:], x[:, :-4])

    for _ in range(150):
        optimizer.zero_grad()
        loss(16).backward()
        optimizer.step()

    with torch.no_grad():
        assert loss(200) < 0.2  # the variance is 1


@pytest.mark.parametrize("inputs", [3, 4])
def test_rg_lru_is_its_equations_over_time(inputs):
    torch.manual_seed(0)
    cell = RGLRU(inputs, 4).double()
    x, first = torch.randn(5, 6, inputs).double(), torch.randn(5, 4).double()

    y, final = scan(cell, x, RGLRUState(first), backend="reference")

    w = arrays(cell)
    W = dict(zip("riv", np.split(w["weight_ih"], len(w["weight_ih"]) // 4), strict=False))
    assert ("v" in W) == (inputs != 4)
    b_r, b_i = np.split(w["bias"], 2)
    for row in range(5):
        h = first[row].numpy()
        for t in range(6):
            x_t = x[row, t].numpy()
            r, i = sigmoid(W["r"] @ x_t + b_r), sigmoid(W["i"] @ x_t + b_i)
            a = sigmoid(w["decay"]) ** (8 * r)
            h = a * h + np.sqrt(1 - a**2) * (i * (W["v"] @ x_t if "v" in W else x_t))
            np.testing.assert_allclose(y[row, t].detach(), h, atol=1e-12)
    assert torch.equal(final.h, y[:, -1])


def test_the_decay_of_an_open_gate_begins_uniform_between_0_9_and_0_999():
    torch.manual_seed(0)
    decay = sigmoid(RGLRU(1, 10_000).decay.detach().numpy().astype(np.float64)) ** 8

    assert decay.min() >= 0.9 - 1e-6
    assert decay.max() <= 0.999 + 1e-6
    quantiles = np.quantile((decay - 0.9) / 0.099, [0.25, 0.5, 0.75])
    np.testing.assert_allclose(quantiles, [0.25, 0.5, 0.75], atol=0.02)


def test_its_input_weights_begin_with_lecuns_variance():
    torch.manual_seed(0)

    assert RGLRU(100, 200).weight_ih.var().item() == pytest.approx(1 / 100, rel=0.03)


def test_rg_lru_stays_bounded_for_a_bounded_input():
    torch.manual_seed(0)
    cell = RGLRU(4, 4).double()
    x = (2 * torch.rand(3, 3000, 4).double() - 1).sign()

    with torch.no_grad():
        y, _ = scan(cell, x, backend="reference")
        log_a = 8 * F.logsigmoid(cell.decay) * torch.sigmoid(F.linear(x, cell.weight_ih[:4], cell.bias[:4]))

    # With |v| <= 1, h = a h + sqrt(1 - a^2) v stays within the largest sqrt(1 - a^2) / (1 - a).
    a = log_a.exp().amax()
    assert y.abs().max() <= torch.sqrt((1 + a) / (1 - a))


def test_a_closed_recurrence_gate_keeps_the_state_and_has_finite_gradients():
    torch.manual_seed(0)
    cell = RGLRU(3, 4)
    with torch.no_grad():
        cell.bias[:4] = -1000.0
    x, h = torch.randn(5, 3).requires_grad_(), torch.randn(5, 4)

    y, _ = cell(x, RGLRUState(h))
    y.sum().backward()

    torch.testing.assert_close(y, h)
    assert x.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in cell.parameters())


def test_a_decay_near_one_writes_by_its_own_small_number_and_not_by_what_rounding_leaves():
    cell = RGLRU(1, 1)
    with torch.no_grad():
        cell.weight_ih.zero_()
        cell.bias.fill_(1000.0)  # both gates open
        cell.decay.fill_(20.0)  # 1 - a is below the resolution of float32 at 1

    y, _ = cell(torch.ones(1, 1), RGLRUState(torch.zeros(1, 1)))

    assert y.item() == pytest.approx(math.sqrt(16 * math.exp(-20.0)), rel=1e-5)
