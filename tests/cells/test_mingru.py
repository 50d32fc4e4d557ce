"""The minimal gated units, against their paper."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells.mingru import MinGRU, MinGRUState, MinLSTM
from ostinato.engine import scan

law = settings(deadline=None, derandomize=True, max_examples=20)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def g(v):
    return np.where(v >= 0, v + 0.5, sigmoid(v))


def gates(cell, x):
    """The cell's linear layers over ``(time, features)``, block by block."""
    pre = x @ cell.weight_ih.detach().numpy().T + cell.bias.detach().numpy()
    return np.split(pre, pre.shape[1] // cell.output_size, axis=1)


def inputs(time=6):
    torch.manual_seed(1)
    return torch.randn(5, time, 3).double(), torch.randn(5, 4).double()


@pytest.mark.parametrize("positive", [False, True])
def test_min_gru_is_its_equations_over_time(positive):
    torch.manual_seed(0)
    cell = MinGRU(3, 4, positive=positive).double()
    x, h = inputs()

    y, final = scan(cell, x, MinGRUState(h), backend="reference")

    for row in range(5):
        before = h[row].numpy()
        for t, (k_z, v) in enumerate(zip(*gates(cell, x[row].numpy()), strict=True)):
            z = sigmoid(k_z)
            before = (1 - z) * before + z * (g(v) if positive else v)
            np.testing.assert_allclose(y[row, t].detach(), before, atol=1e-12)
    assert torch.equal(final.h, y[:, -1])


@pytest.mark.parametrize("positive", [False, True])
def test_min_lstm_is_its_equations_over_time(positive):
    torch.manual_seed(0)
    cell = MinLSTM(3, 4, positive=positive).double()
    x, h = inputs()

    y, final = scan(cell, x, MinGRUState(h), backend="reference")

    for row in range(5):
        before = h[row].numpy()
        for t, (k_f, k_i, v) in enumerate(zip(*gates(cell, x[row].numpy()), strict=True)):
            f, i = sigmoid(k_f), sigmoid(k_i)
            before = f / (f + i) * before + i / (f + i) * (g(v) if positive else v)
            np.testing.assert_allclose(y[row, t].detach(), before, atol=1e-12)
    assert torch.equal(final.h, y[:, -1])


@law
@given(time=st.integers(1, 12))
def test_min_gru_is_a_weighted_sum_over_all_of_time_at_once(time):
    torch.manual_seed(0)
    cell = MinGRU(3, 4).double()
    x, h = inputs(time)

    y, _ = scan(cell, x, MinGRUState(h))

    k_z, v = (x @ cell.weight_ih.T + cell.bias).chunk(2, -1)
    kept = torch.cumprod(1 - torch.sigmoid(k_z), 1)
    parallel = kept * (h[:, None] + torch.cumsum(torch.sigmoid(k_z) * v / kept, 1))
    torch.testing.assert_close(y, parallel, rtol=0, atol=1e-10)


@law
@given(time=st.integers(1, 12))
def test_the_positive_min_lstm_is_the_papers_scan_of_logarithms(time):
    torch.manual_seed(0)
    cell = MinLSTM(3, 4, positive=True).double()
    x, h = inputs(time)
    h = h.abs()

    y, _ = scan(cell, x, MinGRUState(h))

    k_f, k_i, v = (x @ cell.weight_ih.T + cell.bias).chunk(3, -1)
    f, i = torch.sigmoid(k_f), torch.sigmoid(k_i)
    candidate = torch.where(v >= 0, v + 0.5, torch.sigmoid(v))
    kept = torch.cumsum((f / (f + i)).log(), 1)
    written = (i / (f + i)).log() + candidate.log()
    summed = torch.logcumsumexp(torch.cat([h.log()[:, None], written - kept], 1), 1)[:, 1:]
    torch.testing.assert_close(y, (kept + summed).exp(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("make", [MinGRU, MinLSTM])
def test_the_state_is_a_mean_of_the_old_one_and_the_candidate(make):
    torch.manual_seed(0)
    cell = make(3, 4).double()
    x, h = inputs(1)

    y, _ = scan(cell, x, MinGRUState(h))

    candidate = (x @ cell.weight_ih.T + cell.bias)[..., -4:]
    assert (y <= torch.maximum(candidate, h[:, None])).all()
    assert (y >= torch.minimum(candidate, h[:, None])).all()


@pytest.mark.parametrize("make", [MinGRU, MinLSTM])
def test_with_a_positive_candidate_a_positive_state_stays_positive(make):
    torch.manual_seed(0)
    x, h = inputs(20)

    assert (scan(make(3, 4, positive=True).double(), 5 * x, MinGRUState(h.abs()))[0] > 0).all()
    assert (scan(make(3, 4).double(), 5 * x, MinGRUState(h.abs()))[0] < 0).any()


def test_min_lstm_keeps_the_ratio_of_its_gates_when_both_are_closed():
    cell = MinLSTM(1, 1)
    with torch.no_grad():
        cell.weight_ih.zero_()
        cell.bias.copy_(torch.tensor([-1000.0, -1000.0, 3.0]))

    y, _ = cell(torch.zeros(1, 1), MinGRUState(torch.ones(1, 1)))
    y.backward()

    assert y.item() == 2.0  # half of each
    assert cell.bias.grad.tolist() == [-0.5, 0.5, 0.5]


def test_they_show_their_settings():
    assert repr(MinGRU(3, 4)) == "MinGRU(3, 4)"
    assert repr(MinLSTM(3, 4, positive=True)) == "MinLSTM(3, 4, positive=True)"
