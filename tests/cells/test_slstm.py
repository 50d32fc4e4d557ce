"""The sLSTM, against its paper's equations with and without their stabiliser."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells.slstm import SLSTM, SLSTMState
from ostinato.engine import scan

law = settings(deadline=None, derandomize=True, max_examples=20)
options = pytest.mark.parametrize(
    ("heads", "forget_gate"), [(heads, gate) for heads in (1, 2, 4) for gate in ("sigmoid", "exponential")]
)


def made(heads=1, forget_gate="sigmoid", *, inputs=3, hidden=4):
    torch.manual_seed(0)
    return SLSTM(inputs, hidden, heads=heads, forget_gate=forget_gate).double()


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gates(cell, x, h):
    """What one row gives each of i, f, z, o: gate by gate and head by head, eqs. 11-14."""
    W, R, b = (getattr(cell, name).detach().numpy() for name in ("weight_ih", "weight_hh", "bias"))
    size = len(h) // cell.heads
    R = R.reshape(4, cell.heads, size, size)
    from_x = (W @ x + b).reshape(4, len(h))
    for gate in range(4):
        mixed = [R[gate, head] @ h[head * size : (head + 1) * size] for head in range(cell.heads)]
        yield from_x[gate] + np.concatenate(mixed)


def stabilised(cell, x):
    """Eqs. 8-17 for one row; before the first step nothing is stored, and m_1 is the input gate's."""
    h, c, n = np.zeros((3, cell.output_size))
    m, outputs = np.full(cell.output_size, -np.inf), []
    for x_t in x:
        i, f, z, o = gates(cell, x_t, h)
        log_f = np.log(sigmoid(f)) if cell.forget_gate == "sigmoid" else f
        new_m = np.maximum(log_f + m, i)
        write, keep = np.exp(i - new_m), np.exp(log_f + m - new_m)
        c, n, m = keep * c + write * np.tanh(z), keep * n + write, new_m
        h = sigmoid(o) * c / n
        outputs.append(h)
    return np.stack(outputs), (h, c, n, m)


def unstabilised(cell, x):
    """Eqs. 8-14 for one row, with gates that are plain exponentials."""
    h, c, n = np.zeros((3, cell.output_size))
    outputs = []
    for x_t in x:
        i, f, z, o = gates(cell, x_t, h)
        forget = sigmoid(f) if cell.forget_gate == "sigmoid" else np.exp(f)
        c, n = forget * c + np.exp(i) * np.tanh(z), forget * n + np.exp(i)
        h = sigmoid(o) * c / n
        outputs.append(h)
    return np.stack(outputs), c, n


@options
def test_slstm_is_its_stabilised_equations(heads, forget_gate):
    cell = made(heads, forget_gate)
    x = 3 * torch.randn(5, 6, 3).double()

    y, final = scan(cell, x, backend="reference")

    for row in range(5):
        outputs, state = stabilised(cell, x[row].numpy())
        np.testing.assert_allclose(y[row].detach(), outputs, atol=1e-12)
        for tensor, expected in zip(final, state, strict=True):
            np.testing.assert_allclose(tensor[row].detach(), expected, atol=1e-12)
    assert torch.equal(final.h, y[:, -1])


@options
def test_the_stabiliser_changes_only_the_scale_of_the_memory(heads, forget_gate):
    cell = made(heads, forget_gate)
    x = 3 * torch.randn(5, 6, 3).double()

    y, final = scan(cell, x, backend="reference")

    for row in range(5):
        outputs, c, n = unstabilised(cell, x[row].numpy())
        scale = final.m[row].detach().exp()
        np.testing.assert_allclose(y[row].detach(), outputs, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(scale * final.c[row].detach(), c, rtol=1e-11)
        np.testing.assert_allclose(scale * final.n[row].detach(), n, rtol=1e-11)


def test_two_chunks_with_the_state_carried_over_are_one_scan():
    cell = made()
    x = torch.randn(2, 8, 3).double()

    whole, end = scan(cell, x, backend="reference")
    _, middle = scan(cell, x[:, :3], backend="reference")
    rest, also_end = scan(cell, x[:, 3:], middle, backend="reference")

    assert torch.equal(rest, whole[:, 3:])
    assert all(torch.equal(a, b) for a, b in zip(end, also_end, strict=True))


@options
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_inputs_of_a_thousand_leave_everything_finite_gradients_too(heads, forget_gate, dtype):
    cell = made(heads, forget_gate).to(dtype)
    x = (1e3 * torch.randn(20, 30, 3).to(dtype).sign()).requires_grad_()

    y, final = scan(cell, x, backend="reference")
    (y.sum() + sum(tensor.sum() for tensor in final)).backward()

    assert all(tensor.isfinite().all() for tensor in (y, *final))
    assert (y.abs() <= 1).all()
    assert (final.n >= 1).all()
    assert all(tensor.grad.isfinite().all() for tensor in (x, *cell.parameters()))


def test_a_first_input_gate_that_is_all_but_shut_still_fills_the_empty_memory():
    cell = SLSTM(1, 1).double()
    with torch.no_grad():
        cell.weight_ih.copy_(torch.tensor([[-1e3], [0.0], [1.0], [0.0]]))  # i, f, z, o
        cell.bias.zero_()
    x = torch.ones(1, 1, 1).double()

    y, _ = scan(cell, x, backend="reference")

    assert y.item() == pytest.approx(0.5 * np.tanh(1))


@options
def test_heads_are_independent_cells_side_by_side(heads, forget_gate):
    cell = made(heads, forget_gate)
    x = torch.randn(5, 6, 3).double()
    size = 4 // heads

    y, final = scan(cell, x, backend="reference")

    for head in range(heads):
        units = slice(head * size, (head + 1) * size)
        small = SLSTM(3, size, forget_gate=forget_gate).double()
        with torch.no_grad():
            for mine, parameter in zip(small.parameters(), cell.parameters(), strict=True):
                mine.copy_(parameter.view(4, 4, -1)[:, units].reshape(mine.shape))
        alone, end = scan(small, x, backend="reference")
        torch.testing.assert_close(alone, y[..., units], rtol=0, atol=1e-12)
        for whole, part in zip(final, end, strict=True):
            torch.testing.assert_close(part, whole[:, units], rtol=0, atol=1e-12)


@pytest.mark.parametrize("heads", [2, 4])
def test_heads_are_one_dense_cell_with_blocks_on_the_diagonal(heads):
    cell, dense = made(heads), made()
    size = 4 // heads
    with torch.no_grad():
        for mine, parameter in zip(dense.parameters(), cell.parameters(), strict=True):
            if mine is not dense.weight_hh:
                mine.copy_(parameter)
        blocks = cell.weight_hh.view(4, heads, size, size)
        dense.weight_hh.copy_(torch.cat([torch.block_diag(*gate) for gate in blocks]))
    x = torch.randn(5, 6, 3).double()

    torch.testing.assert_close(scan(cell, x)[0], scan(dense, x)[0], rtol=0, atol=1e-12)


@law
@given(
    batch=st.integers(0, 4),
    time=st.integers(1, 4),
    inputs=st.integers(1, 5),
    heads=st.integers(1, 3),
    size=st.integers(1, 3),
)
def test_it_runs_at_any_size(batch, time, inputs, heads, size):
    hidden = heads * size
    cell = made(heads, inputs=inputs, hidden=hidden)

    y, final = scan(cell, torch.randn(batch, time, inputs).double(), backend="reference")

    assert y.shape == (batch, time, hidden)
    assert [tensor.shape for tensor in final] == [(batch, hidden)] * 4
    assert cell.weight_hh.shape == (4 * hidden, size)


@options
def test_the_gradients_through_time_are_the_finite_differences(heads, forget_gate):
    cell = made(heads, forget_gate)
    x = torch.randn(2, 4, 3).double().requires_grad_()
    h, c, m = torch.randn(3, 2, 4).double()
    state = [tensor.requires_grad_() for tensor in (h, c, 1 + torch.rand(2, 4).double(), m)]

    def run(x, h, c, n, m, *_):
        y, final = scan(cell, x, SLSTMState(h, c, n, m), backend="reference")
        return (y, *final)

    assert torch.autograd.gradcheck(run, (x, *state, *cell.parameters()))


def test_the_gradients_from_an_empty_memory_are_the_finite_differences():
    cell = made(2)
    x = torch.randn(2, 4, 3).double().requires_grad_()

    assert torch.autograd.gradcheck(lambda x, *_: scan(cell, x, backend="reference")[0], (x, *cell.parameters()))


def test_the_gradients_of_an_empty_memory_are_the_finite_differences_where_the_input_sets_the_scale():
    cell = made(2)
    with torch.no_grad():
        cell.bias[:4] = 3  # the input gate's
    x, state = torch.randn(2, 4, 3).double(), [tensor.requires_grad_() for tensor in torch.zeros(4, 2, 4).double()]

    def run(*state):
        return scan(cell, x, SLSTMState(*state), backend="reference")[0]

    assert torch.autograd.gradcheck(run, state)


@pytest.mark.parametrize("forget_gate", ["sigmoid", "exponential"])
def test_memories_begin_by_lasting_twenty_to_four_hundred_steps_in_every_head(forget_gate):
    cell = made(2, forget_gate, hidden=10)
    bias = cell.bias[10:20].detach()
    forget = torch.sigmoid(bias) if forget_gate == "sigmoid" else bias.exp()
    steps = 1 / (1 - forget)

    assert 20 < steps.min() < 22
    assert 400 < steps.max() < 410
    torch.testing.assert_close(forget[:5], forget[5:])
    others = torch.cat([cell.bias[:10], cell.bias[20:]])
    assert (others.abs() <= 10**-0.5).all()


def test_a_recurrent_dropout_mask_is_not_seen_by_the_memory():
    cell = made(2)
    x, h, c, n, m = torch.randn(5, 3).double(), *torch.rand(4, 5, 4).double()
    mask = torch.tensor([0.0, 2.0, 2.0, 0.0]).double().expand(5, 4)

    dropped = cell(torch.cat([x, mask], dim=1), SLSTMState(h, c, n, m))

    torch.testing.assert_close(dropped, cell(x, SLSTMState(h * mask, c, n, m)))


@pytest.mark.parametrize("heads", [0, -1, 3, 8])
def test_heads_that_do_not_divide_the_units_are_refused(heads):
    with pytest.raises(ValueError, match=f"heads must divide hidden_size 4, got {heads}"):
        SLSTM(3, 4, heads=heads)


def test_an_unknown_forget_gate_is_refused_and_the_known_ones_named():
    with pytest.raises(ValueError, match="sigmoid, exponential, got 'tanh'"):
        SLSTM(3, 4, forget_gate="tanh")


def test_it_shows_its_settings():
    assert repr(SLSTM(3, 4, heads=2)) == "SLSTM(3, 4, heads=2, forget_gate='sigmoid')"
